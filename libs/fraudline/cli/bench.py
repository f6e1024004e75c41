"""`fraudline bench`: how fast this installation is on this machine, by a system of its own that goes afterwards."""

import asyncio
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import polars as pl
import typer

from fraudline.bench.course import FULL, QUICK, Course, Findings, follow
from fraudline.bench.figure import latency_figure
from fraudline.bench.load import Form
from fraudline.bench.measuring import Measuring, Stretch, Supply
from fraudline.bench.payments import record
from fraudline.bench.servers import servers
from fraudline.bench.table import HEAD, disturbance_lines, line, memory_lines
from fraudline.cli.bench_system import running_system
from fraudline.models.histories.files import Mapping, read_history
from fraudline.models.histories.history import History
from fraudline.simulation import Simulation

RESULTS: Final = "bench.json"
OVERLOAD_SECONDS: Final = 30.0
_SEED, _CUSTOMERS, _MERCHANTS = 1, 5_000, 10_000
_FIRST_DAY, _DAYS = date(2026, 1, 1), 12


def bench(
    *,
    output: Annotated[Path, typer.Option(help="Folder for the figures (bench.json) and drawings (SVG).")],
    data: Annotated[
        Path | None, typer.Option(help="Payments to post: CSV, NDJSON or Parquet. Default: simulated ones.")
    ] = None,
    mapping: Annotated[Mapping, typer.Option(help="How the file's columns are named.")] = Mapping.PLAIN,
    model: Annotated[
        Path | None, typer.Option(help="The model bundle to score with. Default: the starter model.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A minute's look, too short for a judgement.")] = False,
    overload: Annotated[
        bool, typer.Option("--overload", help="Also 2, 5 and 10 times what it can do, for 30 s each.")
    ] = False,
) -> None:
    """Measure rate, latency, CPU and memory on this machine; exit code 1 where a count does not agree."""
    history = simulated_payments() if data is None else read_history(data, mapping)
    course = with_overload(QUICK if quick else FULL, wanted=overload)
    settings = {} if model is None else {"FRAUDLINE_MODEL": str(model.absolute())}
    findings = measured_system(history, course, settings)
    write(output, [findings])
    typer.echo(f"{output / RESULTS}: all figures; the drawings lie beside it")


def simulated_payments() -> History:
    """Return payments to post where no file is given."""
    return History(pl.concat(Simulation(_SEED, _CUSTOMERS, _MERCHANTS).days(_FIRST_DAY, _DAYS)))


def with_overload(course: Course, *, wanted: bool) -> Course:
    """Return a course with floods in it, where they are wanted."""
    if not wanted:
        return course
    return Course(
        course.warm_up, course.saturation, course.steady, course.alone, course.flagged, OVERLOAD_SECONDS, course.shares
    )


def measured_system(history: History, course: Course, settings: dict[str, str]) -> Findings:
    """Start a system of its own, put it through a course, and remove it.

    Raises:
        FraudlineError: A count does not agree, or something could not be started.
    """
    with servers(typer.echo) as started:
        recorded = started.folder / "payments.ndjson"
        typer.echo(f"{record(history, recorded):,} payments are posted, again from the first where they do not suffice")
        with running_system(started, settings) as subject:
            typer.echo(HEAD)
            measuring = Measuring(subject, Supply(recorded))
            return asyncio.run(follow(course, measuring, tuple(Form), tell=tell))


def tell(stretch: Stretch) -> None:
    """Print one stretch."""
    typer.echo(line(stretch))


def write(output: Path, sides: list[Findings], more: dict[str, Any] | None = None) -> None:
    """Write figures and drawings into a folder, and print what was not printed on the way."""
    output.mkdir(parents=True, exist_ok=True)
    for findings in sides:
        for text in (*memory_lines(findings), *disturbance_lines(findings)):
            typer.echo(text)
    document = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "subjects": {findings.subject: findings.document() for findings in sides},
    } | (more or {})
    (output / RESULTS).write_text(json.dumps(document, indent=1, allow_nan=True) + "\n")
    for form in Form:
        if (figure := latency_figure(form, sides)) is not None:
            (output / f"latency-{form.value}.svg").write_text(figure)
