"""`fraudline evaluate`: how good verdicts were, and which of two sets of them is better."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from fraudline.cli.console import wide_console
from fraudline.cli.delay import LabelDelay, parse_delay
from fraudline.cli.evaluation_tables import INVENTED, comparison_tables, evaluation_tables, notes
from fraudline.cli.exchange_rates import BaseCurrency, RatesFile, read_rates
from fraudline.cli.stage_progress import StageProgress
from fraudline.errors import FraudlineError
from fraudline.models.evaluation.candidates import Candidates, read_candidates
from fraudline.models.evaluation.evaluation import Comparison, Evaluation
from fraudline.models.evaluation.measuring import compare
from fraudline.models.evaluation.measuring import evaluate as measure
from fraudline.models.histories.files import Mapping, read_history
from fraudline.models.histories.whole_file import check_place, whole
from fraudline.models.report.costs import Costs
from fraudline.models.report.evaluation_page import evaluation_report
from fraudline.models.report.facts import EvaluationReport, Side
from fraudline.models.training.costs import DECLINE_COST, REVIEW_COST, Budget

_DAY = ["%Y-%m-%d"]


def evaluate(
    verdicts: Annotated[Path, typer.Argument(help="Verdicts, as `fraudline backtest` writes them.")],
    file: Annotated[Path, typer.Argument(help="The transactions with their outcomes: CSV, NDJSON or Parquet.")],
    *,
    mapping: Annotated[Mapping, typer.Option(help="How the file's columns are named.")] = Mapping.PLAIN,
    known_from: Annotated[
        datetime | None,
        typer.Option(
            formats=_DAY,
            metavar="DAY",
            help="Leave out cards with a fraud from this day on that was known by the day of the transaction. "
            "Default: all cards count.",
        ),
    ] = None,
    label_delay: LabelDelay = "7d",
    against: Annotated[
        Path | None, typer.Option(help="Other verdicts on the same transactions, to compare with.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a page with plots too, like report.html.")] = None,
    base_currency: BaseCurrency = "EUR",
    rates: RatesFile = None,
    review_cost: Annotated[
        float, typer.Option(metavar="AMOUNT", help="What one look of an analyst costs, for the report.")
    ] = REVIEW_COST,
    decline_cost: Annotated[
        float, typer.Option(metavar="AMOUNT", help="What it costs to turn away a good customer, for the report.")
    ] = DECLINE_COST,
) -> None:
    """Measure verdicts by what transactions turned out to be; intervals are of 95 % over resamples of the cards."""
    try:
        delay, table = parse_delay(label_delay), read_rates(rates, base_currency)
        budget = Budget(review_cost, decline_cost)
        files = [verdicts] if against is None else [against, verdicts]
        if report is not None:
            check_place(report, read=[file, *files])
        with StageProgress() as progress:
            progress("reading the files", 0.0)
            candidates = read_candidates(
                files,
                read_history(file, mapping),
                table,
                transactions=file,
                known_from=known_from.date() if known_from else None,
                label_delay=delay,
            )
            progress("reading the files", 1.0)
            evaluations, comparison = _measured(candidates, base_currency, progress)
            if report is not None:
                sides = [Side(one.scored, found) for one, found in zip(candidates.each, evaluations, strict=True)]
                costs = Costs(budget.review_cost, budget.decline_cost)
                said = _said_of(file, candidates)
                _write_report(report, EvaluationReport(tuple(sides), comparison, costs, said))
    except (FraudlineError, ValueError) as error:
        typer.echo(f"fraudline evaluate: {error}", err=True)
        raise typer.Exit(1) from error
    _show(evaluations, comparison, candidates, report)


def _measured(
    candidates: Candidates, base_currency: str, progress: StageProgress
) -> tuple[list[Evaluation], Comparison | None]:
    """Return an evaluation for each file of verdicts, and where there are two, how they compare."""
    if len(candidates.each) == 1:
        return [measure(candidates.each[0], base_currency=base_currency, progress=progress)], None
    comparison = compare(*candidates.each, base_currency=base_currency, progress=progress)
    return [comparison.first, comparison.second], comparison


def _show(
    evaluations: list[Evaluation], comparison: Comparison | None, candidates: Candidates, report: Path | None
) -> None:
    console = wide_console()
    for shown in evaluation_tables(evaluations[0]) if comparison is None else comparison_tables(comparison):
        console.print(shown)
    for note in notes(evaluations[-1], candidates):
        console.print(note)
    if report is not None:
        console.print(f"The report with plots is {report}.")


def _said_of(file: Path, candidates: Candidates) -> tuple[str, ...]:
    """Return what the report cannot tell from what was measured."""
    invented = candidates.invented_amounts
    return (f"Outcomes: {file.name}.", *([f"{invented:,} {INVENTED}"] if invented else []))


def _write_report(file: Path, facts: EvaluationReport) -> None:
    with whole(file) as partial:
        partial.write_text(evaluation_report(facts), encoding="utf-8")
