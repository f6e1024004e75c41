"""`fraudline backtest`: what the system would have said of a file's transactions."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.table import Table

from fraudline.cli.delay import LabelDelay, parse_delay
from fraudline.cli.max_entities import MaxEntities
from fraudline.cli.stage_progress import StageProgress
from fraudline.domain.policy import Decision
from fraudline.errors import FraudlineError
from fraudline.kernel.registry import MAX_ENTITIES
from fraudline.models.backtest import backtest as judge
from fraudline.models.bundle import Bundle
from fraudline.models.evaluation.verdict_file import write_verdicts
from fraudline.models.histories.files import Mapping, check_format, read_history
from fraudline.models.histories.history import History
from fraudline.models.histories.whole_file import check_place
from fraudline.models.judged_days import known_already

_DAY = ["%Y-%m-%d"]


def backtest(
    file: Annotated[Path, typer.Argument(help="Transactions with their outcomes: CSV, NDJSON or Parquet.")],
    *,
    model: Annotated[Path, typer.Option(help="The folder of the model bundle.")],
    from_day: Annotated[
        datetime,
        typer.Option("--from", formats=_DAY, metavar="DAY", help="The first day to judge; what is before warms."),
    ],
    until: Annotated[datetime, typer.Option(formats=_DAY, metavar="DAY", help="The last day to judge, included.")],
    output: Annotated[Path, typer.Option(help="The new file of verdicts: .parquet, .csv or .ndjson.")],
    mapping: Annotated[Mapping, typer.Option(help="How the file's columns are named.")] = Mapping.PLAIN,
    label_delay: LabelDelay = "7d",
    max_entities: MaxEntities = MAX_ENTITIES,
) -> None:
    """Judge past transactions by the code of production, each knowing only what was known then."""
    try:
        delay = parse_delay(label_delay)
        check_format(output)
        check_place(output, read=[file])
        with StageProgress() as progress:
            progress("reading the file", 0.0)
            bundle = Bundle.load(model)
            history = read_history(file, mapping)
            progress("reading the file", 1.0)
            verdicts = judge(
                history,
                bundle,
                first_day=from_day.date(),
                last_day=until.date(),
                label_delay=delay,
                max_entities=max_entities,
                progress=progress,
            )
            write_verdicts(verdicts, output)
    except (FraudlineError, ValueError) as error:
        typer.echo(f"fraudline backtest: {error}", err=True)
        raise typer.Exit(1) from error
    Console().print(_summary(verdicts, history, bundle, output, (from_day.date(), until.date())))


def _summary(verdicts: pl.DataFrame, history: History, bundle: Bundle, output: Path, days: tuple[date, date]) -> Table:
    table = Table(title=f"verdicts of {bundle.label} in {output}", show_header=False)
    table.add_row("transactions", f"{verdicts.height:,}")
    for decision in Decision:
        count = int((verdicts["decision"] == decision.value).sum())
        table.add_row(decision.value, f"{count:,} ({count / verdicts.height:.2%})")
    warmed_by = history.index_of(days[0])
    table.add_row(
        "warmed by",
        f"{warmed_by:,} transactions since {history.first_day}"
        if warmed_by
        else "nothing: the file begins with the first day to judge",
    )
    for heading, sentence in known_already(bundle.manifest, *days):
        table.add_row(heading, sentence)
    if not history.is_labelled:
        table.add_row("labels", "none: the file does not say which transactions are fraud, so no risk was known")
    if without_score := verdicts["score"].null_count():
        table.add_row("without a score", f"{without_score:,}: the model failed on them, so a person decides")
    return table
