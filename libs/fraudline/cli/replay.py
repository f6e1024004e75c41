"""`fraudline replay`: a file's transactions to ingest, with its labels as they fall due."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from fraudline.cli.client import Client
from fraudline.cli.delay import LabelDelay, parse_delay
from fraudline.cli.pace import AsFileTold, Pace, Steady, Unpaced
from fraudline.cli.replaying import Replayed, Replaying
from fraudline.models.histories.files import Mapping, read_history


def replay(
    file: Annotated[Path, typer.Argument(help="Transactions: CSV, NDJSON or Parquet, in order of time.")],
    *,
    mapping: Annotated[Mapping, typer.Option(help="How the file's columns are named.")] = Mapping.PLAIN,
    rate: Annotated[float | None, typer.Option(min=0.01, help="So many transactions a second.")] = None,
    speed: Annotated[float | None, typer.Option(min=0.001, help="So many times the file's own pace.")] = None,
    fast: Annotated[bool, typer.Option("--fast", help="As fast as ingest takes them; this is the default.")] = False,
    label_delay: LabelDelay = "7d",
    patience: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="How long an absence or a missing verdict is waited out.")
    ] = 60.0,
) -> None:
    """Post a file's transactions in their order; exit code 1 where one was rejected or its verdict did not come."""
    if (rate is not None, speed is not None, fast).count(True) > 1:
        raise typer.BadParameter("give one of --rate, --speed and --fast.")
    try:
        delay = parse_delay(label_delay)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--label-delay") from error
    history = read_history(file, mapping)
    pace: Pace = Unpaced()
    if rate is not None:
        pace = Steady(rate)
    elif speed is not None:
        pace = AsFileTold(history.times, speed)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("replaying", total=len(history))

        async def run() -> Replayed:
            async with Client(patience_seconds=patience) as client:
                replaying = Replaying(
                    client,
                    history,
                    pace=pace,
                    label_delay=delay,
                    verdict_seconds=patience,
                    tell=lambda replayed: progress.update(task, completed=replayed.posted),
                )
                return await replaying.run()

        replayed = asyncio.run(run())
    Console().print(_summary(replayed))
    if replayed.rejected or replayed.overdue:
        raise typer.Exit(1)


def _summary(replayed: Replayed) -> Table:
    table = Table(title="replayed", show_header=False)
    table.add_row("transactions", f"{replayed.posted:,}")
    table.add_row("accepted", f"{replayed.accepted:,}")
    table.add_row("rejected", f"{replayed.rejected:,}")
    for rejection in replayed.first_rejections:
        table.add_row("", f"{rejection.transaction_id or 'without an id'}: {rejection.reason}")
    table.add_row("labels", f"{replayed.labels:,}")
    table.add_row("posted in", f"{replayed.posting_seconds:.1f} s")
    table.add_row("scored in", f"{replayed.seconds:.1f} s, {replayed.posted / replayed.seconds:,.0f} a second")
    if replayed.overdue:
        table.add_row("not scored in time", f"at least {', '.join(replayed.overdue)}")
    return table
