"""`fraudline simulate`: invented payments with fraud among them, into a file or live to ingest."""

import asyncio
import secrets
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, track
from rich.table import Table

from fraudline.cli.client import Client
from fraudline.cli.delay import parse_delay
from fraudline.errors import FraudlineError
from fraudline.models.histories.files import check_format, write_transactions
from fraudline.models.histories.history import History
from fraudline.simulation import Simulation
from fraudline.simulation.posting import LivePosting, Posted

HIGHEST_RATE = 5_000.0
_FILE_CUSTOMERS, _MERCHANTS_PER_CUSTOMER = 2_000, 2
_LIVE_MERCHANTS = 2_000
_FEWEST_LIVE_CUSTOMERS, _MOST_LIVE_CUSTOMERS = 1_000, 500_000
_MEAN_PAYMENTS_A_DAY = 2
_DAY_SECONDS = 86_400
# Short: what could not be posted is posted again from here, and Ctrl-C is heard in between.
_PATIENCE_SECONDS = 2.0


def simulate(
    *,
    output: Annotated[
        Path | None, typer.Option(help="Write a file (.csv, .ndjson or .parquet) with a column `fraud`.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(min=0.01, max=HIGHEST_RATE, help="Post live to ingest: so many payments a second.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed invents the same people and payments.")] = 1,
    customers: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="How many customers; live as many as pay at that rate.")
    ] = None,
    merchants: Annotated[int | None, typer.Option(min=2, max=1_000_000, help="How many merchants.")] = None,
    days: Annotated[int, typer.Option(min=1, max=3_660, help="Into a file: how many days.")] = 30,
    start: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], metavar="DAY", help="Into a file: the first day.")
    ] = datetime(2026, 1, 1),  # noqa: DTZ001 - a day without a time: the command line knows no zones
    duration: Annotated[
        float | None, typer.Option(min=0.1, metavar="SECONDS", help="Live: how long. Default: until Ctrl-C.")
    ] = None,
    history: Annotated[
        int, typer.Option(min=0, max=60, metavar="DAYS", help="Live: first post what stolen cards had paid before.")
    ] = 0,
    label_delay: Annotated[
        str, typer.Option(metavar="DELAY", help="Live: how long after it a fraud is reported, like 60s or 5m.")
    ] = "60s",
) -> None:
    """Invent customers, merchants and three kinds of fraud; write them to a file or post them as they happen."""
    if (output is None) == (rate is None):
        raise typer.BadParameter("give either --output FILE or --rate R.")
    try:
        if output is not None:
            _into_file(
                output, Simulation(seed, customers or _FILE_CUSTOMERS, merchants or _merchants(customers)), start, days
            )
        elif rate is not None:
            simulation = Simulation(seed, customers or _customers_paying(rate), merchants or _LIVE_MERCHANTS)
            delay_seconds = parse_delay(label_delay).total_seconds()
            Console().print(_summary(asyncio.run(_live(simulation, rate, delay_seconds, duration, history))))
    except (FraudlineError, ValueError) as error:
        typer.echo(f"fraudline simulate: {error}", err=True)
        raise typer.Exit(1) from error


def _into_file(output: Path, simulation: Simulation, start: datetime, days: int) -> None:
    check_format(output)
    simulated = simulation.days(start.date(), days)
    frame = pl.concat(track(simulated, "simulating", total=days, console=Console(stderr=True)))
    write_transactions(frame, output)
    Console().print(
        f"{output}: {frame.height:,} transactions, {int(frame['fraud'].sum()):,} of them fraud, "
        f"{start:%Y-%m-%d} and {days - 1} days after it.",
        highlight=False,
        soft_wrap=True,
    )


def _merchants(customers: int | None) -> int:
    return max(2, (customers or _FILE_CUSTOMERS) * _MERCHANTS_PER_CUSTOMER)


def _customers_paying(rate: float) -> int:
    """Return how many customers pay so often together that each pays as often as in the simulated days."""
    return int(min(max(rate * _DAY_SECONDS / _MEAN_PAYMENTS_A_DAY, _FEWEST_LIVE_CUSTOMERS), _MOST_LIVE_CUSTOMERS))


async def _live(
    simulation: Simulation, rate: float, label_delay_seconds: float, duration: float | None, history: int
) -> Posted:
    async with Client(patience_seconds=_PATIENCE_SECONDS) as client:
        stream = simulation.live(f"live-{secrets.token_hex(4)}")
        posting = LivePosting(
            client,
            stream,
            as_posts=lambda frame: History(frame).rows(),
            rate_per_second=rate,
            label_delay_seconds=label_delay_seconds,
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, posting.stop)
        columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task("posting", total=None)
            if history:
                await posting.post_past(stream.past(datetime.now(UTC), history))
            return await posting.run(duration, lambda posted: progress.update(task, description=_told(posted)))


def _told(posted: Posted) -> str:
    return (
        f"{posted.accepted:,} accepted, {posted.rejected:,} rejected, "
        f"{posted.frauds:,} frauds, {posted.labels:,} of them reported"
    )


def _summary(posted: Posted) -> Table:
    table = Table(title="posted", show_header=False)
    table.add_row("transactions accepted", f"{posted.accepted:,}")
    table.add_row("frauds among them", f"{posted.frauds:,}")
    table.add_row("labels posted", f"{posted.labels:,}")
    if posted.rejected:
        table.add_row("rejected", f"{posted.rejected:,}, the first: {posted.first_rejection}")
    if posted.outages:
        table.add_row("posted again after an outage", f"{posted.outages:,} times")
    return table
