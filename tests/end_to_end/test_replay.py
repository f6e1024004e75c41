"""A file through the command and the whole system: what production stores is what a backtest says, bit for bit."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from fraudline.models.backtest import backtest
from fraudline.models.bundle import Bundle
from fraudline.models.histories.files import Mapping, read_history, write_transactions
from fraudline.models.histories.point_in_time import labels_in_order
from model_builders import a_simulated_history
from servers.eventually import eventually
from system.payments import TWO_DAYS

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

    from fraudline.models.histories.history import History
    from system.services import System

    Database = asyncpg.Connection[asyncpg.Record]

LABEL_DELAY = timedelta(days=1)
REPLAY_SECONDS = 60.0
POSTED_SINGLY = 40

# Every table that a replay may write to, whole, in an order of its own.
TABLES = {
    "verdicts": "transaction_id",
    "transactions": "transaction_id, accepted_at",
    "labels": "transaction_id, source, reported_at",
    "label_applications": "partition, position",
    "partitions": "partition",
    "dead_letters": "id",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Eight simulated days, with frauds whose labels come while others are still to be scored."""
    path = tmp_path / "history.parquet"
    write_transactions(a_simulated_history(days=8, customers=200, seed=2).frame, path)
    return path


async def replay(system: System, file: Path, *options: str) -> str:
    """Run the command as a person would, and return what it printed."""
    command = ["replay", str(file), *options]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fraudline.cli.main", *command),
        env=os.environ | {"FRAUDLINE_URL": system.url, "FRAUDLINE_API_KEY": system.api_key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(REPLAY_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, output.decode()
    return output.decode()


async def all_tables(database: Database) -> dict[str, list[Any]]:
    return {
        table: await database.fetch(f"select * from fraudline.{table} order by {order}")  # noqa: S608 - names of this file
        for table, order in TABLES.items()
    }


def backtested(history: History, model: Path, label_delay: timedelta) -> dict[str, tuple[float, str]]:
    """Return the score and the decision that a backtest gives each transaction of a history."""
    assert len(labels_in_order(history, label_delay).row) >= 10, "too few labels to tell a wrong order of them by"
    days = {"first_day": history.first_day, "last_day": history.last_day}
    verdicts = backtest(history, Bundle.load(model), **days, label_delay=label_delay)
    return {transaction_id: (score, decision) for transaction_id, score, decision in verdicts.iter_rows()}


async def stored(database: Database) -> dict[str, tuple[float, str]]:
    rows = await database.fetch("select transaction_id, score, decision from fraudline.verdicts")
    return {row["transaction_id"]: (row["score"], row["decision"]) for row in rows}


async def last_position(database: Database) -> int:
    position: int = await database.fetchval("select last_position from fraudline.partitions")
    return position


async def test_a_replayed_file_has_the_scores_of_a_backtest_bit_for_bit_and_a_second_replay_changes_nothing(
    system: System, database: Database, file: Path
) -> None:
    history = read_history(file, Mapping.PLAIN)
    await system.start()

    await replay(system, file, "--label-delay", "1d", "--fast")

    found = await stored(database)
    assert found == backtested(history, system.model, LABEL_DELAY)
    assert found != backtested(history, system.model, 2 * LABEL_DELAY), "no score tells when a label came"
    before = await all_tables(database)
    events = len(history) + len(before["labels"])
    assert before["partitions"][0]["last_position"] == len(history) + len(before["label_applications"]) == events
    assert before["dead_letters"] == []

    await replay(system, file, "--label-delay", "1d", "--fast")

    (scorer,) = system.scorers
    await eventually(lambda: scorer.metric("fraudline_duplicates_total"), until=lambda seen: seen == events, within=30)
    assert await all_tables(database) == before


@pytest.mark.skipif(not TWO_DAYS.exists(), reason=f"the public two days are not at {TWO_DAYS}")
async def test_public_payments_posted_singly_and_in_batches_through_a_kill_have_the_scores_of_a_backtest(
    system: System, database: Database, tmp_path: Path
) -> None:
    # Every eighth card and all frauds, so that some become known at 00:00 of the second day.
    file = tmp_path / "two-days.csv"
    rows = pl.read_csv(TWO_DAYS)
    rows.filter((pl.col("CUSTOMER_ID") % 8 == 0) | (pl.col("TX_FRAUD") == 1)).write_csv(file)
    history = read_history(file, Mapping.HANDBOOK)
    await system.start(scorers=2)
    async with system.client as client:
        for row in history.rows(0, POSTED_SINGLY):
            assert (await client.post("/v1/transactions", json=row)).status_code == 202

    options = ("--mapping", "handbook", "--label-delay", "6h", "--rate", "1500")
    replaying = asyncio.create_task(replay(system, file, *options))
    middle = await eventually(lambda: last_position(database), until=lambda at: at > len(history) // 3, within=30)
    assert middle < len(history), "the kill came too late to tell anything"
    owner = system.owner()
    assert owner is not None
    owner.kill()
    await replaying

    assert await stored(database) == backtested(history, system.model, timedelta(hours=6))
