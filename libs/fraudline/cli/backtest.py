"""`fraudline backtest`: what the system would have said of a file's transactions."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from fraudline.cli.delay import parse_delay, write_delay
from fraudline.cli.max_entities import MaxEntitiesOrTheModels
from fraudline.cli.stage_progress import StageProgress
from fraudline.domain.policy import Decision
from fraudline.errors import FraudlineError
from fraudline.models.backtest import backtest as judge
from fraudline.models.bundle import Bundle
from fraudline.models.evaluation.verdict_file import write_verdicts
from fraudline.models.histories.files import Mapping, check_format, read_history
from fraudline.models.histories.history import History
from fraudline.models.histories.whole_file import check_place
from fraudline.models.judged_days import known_already
from fraudline.models.manifest import Data

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
    label_delay: Annotated[
        str | None,
        typer.Option(
            metavar="DELAY",
            help="How long after it a fraud becomes known, like 7d or 12h. Default: as the model learned it.",
        ),
    ] = None,
    max_entities: MaxEntitiesOrTheModels = None,
) -> None:
    """Judge past transactions by the code of production, each knowing only what was known then."""
    failures: list[str] = []
    try:
        delay = None if label_delay is None else parse_delay(label_delay)
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
                tell_failure=lambda error: _note(error, failures),
            )
            write_verdicts(verdicts, output)
    except (FraudlineError, ValueError) as error:
        typer.echo(f"fraudline backtest: {error}", err=True)
        raise typer.Exit(1) from error
    table = Table(title=f"verdicts of {bundle.label} in {output}", show_header=False)
    days = (from_day.date(), until.date())
    others = _other_than_the_models(bundle.manifest.data, delay, max_entities)
    for heading, sentence in [*_summary(verdicts, history, bundle, days), *others, *_without_score(verdicts, failures)]:
        table.add_row(heading, escape(sentence))
    Console().print(table)


def _summary(
    verdicts: pl.DataFrame, history: History, bundle: Bundle, days: tuple[date, date]
) -> Iterator[tuple[str, str]]:
    yield "transactions", f"{verdicts.height:,}"
    for decision in Decision:
        count = int((verdicts["decision"] == decision.value).sum())
        yield decision.value, f"{count:,} ({count / verdicts.height:.2%})"
    warmed_by = history.index_of(days[0])
    yield (
        "warmed by",
        f"{warmed_by:,} transactions since {history.first_day}"
        if warmed_by
        else "nothing: the file begins with the first day to judge",
    )
    yield from known_already(bundle.manifest, *days)
    if not history.is_labelled:
        yield "labels", "none: the file does not say which transactions are fraud, so no risk was known"


def _other_than_the_models(
    data: Data, label_delay: timedelta | None, max_entities: int | None
) -> Iterator[tuple[str, str]]:
    """Yield what the state was fed by that is not as where the model was trained."""
    learned = timedelta(seconds=data.label_delay_seconds)
    if label_delay is not None and label_delay != learned:
        yield "label delay", f"{write_delay(label_delay)} here, {write_delay(learned)} where the model was trained"
    if max_entities is not None and max_entities != data.max_entities:
        yield "entities", f"at most {max_entities:,} here, {data.max_entities:,} where the model was trained"


def _note(error: Exception, failures: list[str]) -> None:
    """Note the first failure, as text: the error itself would keep its batch in memory."""
    if not failures:
        failures.append(f"{type(error).__name__}: {error}".removesuffix(": "))


def _without_score(verdicts: pl.DataFrame, failures: Sequence[str]) -> Iterator[tuple[str, str]]:
    if without_score := verdicts["score"].null_count():
        why = f"; first of {failures[0]}" if failures else ""
        yield "without a score", f"{without_score:,}: the model failed on them, so a person decides{why}"
