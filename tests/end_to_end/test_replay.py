"""A file through the command and the whole system: what production stores is what training would have computed."""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from fraudline.kernel.events import LABEL
from fraudline.kernel.kernel import Kernel
from fraudline.models.bundle import Bundle
from fraudline.models.files import Mapping, read_history, write_transactions
from fraudline.models.point_in_time import point_in_time
from fraudline.models.rates import Rates
from model_builders import a_simulated_history
from servers.eventually import eventually

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

    from fraudline.models.history import History
    from system.services import System

    Database = asyncpg.Connection[asyncpg.Record]

LABEL_DELAY = timedelta(days=1)
REPLAY_SECONDS = 60.0

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


async def replay(system: System, file: Path) -> str:
    """Run the command as a person would, and return what it printed."""
    command = ["replay", str(file), "--label-delay", "1d", "--fast"]
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


def computed_scores(history: History, model: Path, label_delay: timedelta = LABEL_DELAY) -> dict[str, float]:
    """Return what training computes for each transaction of a history, with its labels as they fall due."""
    bundle = Bundle.load(model)
    rates = Rates.decode(bundle.base_currency, (model / "rates.json").read_bytes())
    events = point_in_time(history, rates, label_delay)
    assert (events.kind == LABEL).sum() >= 10, "too few labels to tell a wrong order of them by"
    scores = bundle.predict(Kernel().apply(events))
    return dict(zip(history.frame["transaction_id"].to_list(), scores.tolist(), strict=True))


async def test_a_replayed_file_has_the_scores_of_training_bit_for_bit_and_a_second_replay_changes_nothing(
    system: System, database: Database, file: Path
) -> None:
    history = read_history(file, Mapping.PLAIN)
    await system.start()

    await replay(system, file)

    stored = {row["transaction_id"]: row["score"] for row in await database.fetch("select * from fraudline.verdicts")}
    assert stored == computed_scores(history, system.model)
    assert stored != computed_scores(history, system.model, 2 * LABEL_DELAY), "no score tells when a label came"
    before = await all_tables(database)
    events = len(history) + len(before["labels"])
    assert before["partitions"][0]["last_position"] == len(history) + len(before["label_applications"]) == events
    assert before["dead_letters"] == []

    await replay(system, file)

    (scorer,) = system.scorers
    await eventually(lambda: scorer.metric("fraudline_duplicates_total"), until=lambda seen: seen == events, within=30)
    assert await all_tables(database) == before
