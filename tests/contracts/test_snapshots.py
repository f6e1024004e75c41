"""Snapshots of a real log: a start from one equals a replay of everything, and none of another log is taken."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from fraudline.domain.event import encode_transaction
from fraudline.domain.posted import PostedTransaction
from fraudline.errors import DependencyAway
from fraudline.models.bundle import Bundle
from fraudline.postgres.database import Database
from fraudline.state import snapshot_writing
from fraudline.state.partition_state import PartitionState
from fraudline.state.snapshot_folder import SnapshotFolder
from fraudline.state.snapshot_format import Kin
from fraudline.state.starting import DAMAGED, OF_ANOTHER_LOG, SnapshotStart
from fraudline_scorer import snapshots
from fraudline_scorer.snapshot_metrics import SnapshotMetrics
from fraudline_scorer.snapshots import Snapshots
from fraudline_scorer.standing import Standing
from servers.eventually import eventually
from system.line_alone import LineAlone, owning_line
from system.payments import a_transaction, public_transactions

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ENTITIES = 600  # so few that the public payments make it forget
INTERVAL = 200


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_writing, "REST", 0.0)
    monkeypatch.setattr(snapshots, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(snapshots, "RETRY_SECONDS", 0.01)


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path, Kin.of(partition=0, max_entities=ENTITIES))


def lines(transactions: list[dict[str, Any]]) -> list[bytes]:
    """Return transactions as ingest puts them into the queue."""
    parsed = [PostedTransaction.model_validate_json(json.dumps(transaction)).checked() for transaction in transactions]
    return [encode_transaction(one, accepted_at=one.occurred_at, posted_by="shop") for one in parsed]


class Metrics(SnapshotMetrics):
    """Metrics that can be read."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        super().__init__(self._registry)

    def __getitem__(self, name: str) -> float | None:
        return self._registry.get_sample_value(f"fraudline_snapshot{name}")


@asynccontextmanager
async def writing(owner: LineAlone, folder: SnapshotFolder, *, is_owner: bool = True) -> AsyncIterator[Metrics]:
    """Write snapshots of a line's state beside it."""
    metrics, stop = Metrics(), asyncio.Event()
    job = Snapshots(
        state=owner.state,
        folder=folder,
        database=owner.database,
        standing=Standing(is_owner=is_owner),
        metrics=metrics,
        interval_positions=INTERVAL,
    )
    running = asyncio.create_task(job.run(stop))
    yield metrics
    stop.set()
    await running


async def written(folder: SnapshotFolder, position: int) -> None:
    def has_it() -> bool:
        newest = folder.newest()
        return newest is not None and newest.header.position == position

    await eventually(has_it)


async def started(
    database_url: str, model: Path, folder: SnapshotFolder | None
) -> tuple[PartitionState, int, list[str]]:
    """Return a state at the end of the log, how many positions it had to be fed, and why snapshots were refused."""
    refused: list[str] = []
    start = None if folder is None else SnapshotStart(folder, tell_refused=refused.append)
    database = await Database.connect(database_url, name="test start")
    state = PartitionState(0, Bundle.load(model), max_entities=ENTITIES, start=start)
    fed = await state.catch_up(database)
    assert await state.catch_up(database) == 0
    await database.close()
    return state, fed, refused


async def test_a_start_from_the_newest_snapshot_and_the_tail_equals_a_replay_of_everything(
    database_url: str, starter_model: Path, tmp_path: Path, folder: SnapshotFolder
) -> None:
    payments = public_transactions(1_050)
    async with owning_line(database_url, starter_model, tmp_path, max_entities=ENTITIES) as owner:
        async with writing(owner, folder) as metrics:
            for start in range(0, 1_000, 100):
                await owner.process(*lines(payments[start : start + 100]))
                if (start + 100) % INTERVAL == 0:
                    await written(folder, start + 100)
            await eventually(lambda: metrics["_position"] == 1_000)
            assert metrics["_age_seconds"] is not None
            assert metrics["_age_seconds"] < 60
        assert owner.state.kernel.evicted > 0
        await owner.process(*lines(payments[1_000:]))

        replayed, _, _ = await started(database_url, starter_model, None)
        state, fed, refused = await started(database_url, starter_model, folder)

        assert (fed, refused, state.position) == (50, [], 1_050)
        assert state.kernel.digest() == replayed.kernel.digest() == owner.state.kernel.digest()
        assert state.kernel.evicted == replayed.kernel.evicted

    assert len(list(folder.path.iterdir())) == 2


async def test_a_damaged_snapshot_is_passed_over_with_a_warning_for_the_one_before_or_the_whole_log(
    database_url: str, starter_model: Path, tmp_path: Path, folder: SnapshotFolder
) -> None:
    payments = public_transactions(450)
    async with owning_line(database_url, starter_model, tmp_path, max_entities=ENTITIES) as owner:
        async with writing(owner, folder):
            for start in (0, 200):
                await owner.process(*lines(payments[start : start + 200]))
                await written(folder, start + 200)
        await owner.process(*lines(payments[400:]))
    earlier, newest = sorted(folder.path.iterdir())

    damaged = bytearray(newest.read_bytes())
    damaged[-1] ^= 1
    newest.write_bytes(damaged)
    with capture_logs() as logged:
        state, fed, refused = await started(database_url, starter_model, folder)
    assert (fed, refused) == (250, [DAMAGED])
    assert state.kernel.digest() == owner.state.kernel.digest()
    assert [(line["event"], line["log_level"], line.get("file")) for line in logged] == [
        ("snapshot_refused", "warning", newest.name),
        ("snapshot_restored", "info", None),
    ]

    earlier.write_bytes(earlier.read_bytes()[:-8])
    again = SnapshotFolder(tmp_path, folder.kin)
    state, fed, refused = await started(database_url, starter_model, again)
    assert (fed, refused) == (450, [DAMAGED, DAMAGED])
    assert state.kernel.digest() == owner.state.kernel.digest()


async def test_a_log_that_a_backup_brought_back_refuses_the_snapshots_of_the_one_that_it_was(
    database_url: str, starter_model: Path, tmp_path: Path, folder: SnapshotFolder
) -> None:
    database = await asyncpg.connect(database_url)
    payments = [a_transaction(number) for number in range(1, 501)]
    async with (
        owning_line(database_url, starter_model, tmp_path, max_entities=ENTITIES) as owner,
        writing(owner, folder),
    ):
        await owner.process(*lines(payments[:100]))
        await owner.process(*lines(payments[100:250]))
        await written(folder, 250)

    await database.execute("delete from fraudline.transactions where position > 100")
    await database.execute("delete from fraudline.verdicts where position > 100")
    await database.execute("update fraudline.partitions set last_position = 100")
    _, fed, refused = await started(database_url, starter_model, folder)
    assert (fed, refused) == (100, [OF_ANOTHER_LOG]), "it stands ahead of the log"

    # The same payments again, in the same order: at each position stands what stood there, scored at another moment.
    again = SnapshotFolder(tmp_path, folder.kin)
    async with owning_line(database_url, starter_model, tmp_path, max_entities=ENTITIES) as owner:
        await owner.process(*lines(payments[100:300]))
        state, fed, refused = await started(database_url, starter_model, again)
        assert (fed, refused) == (300, [OF_ANOTHER_LOG])
        assert state.kernel.digest() == owner.state.kernel.digest()

        # What was refused does not keep the owner from writing the next one.
        async with writing(owner, again):
            await written(again, 300)
    await database.close()
    _, fed, refused = await started(database_url, starter_model, SnapshotFolder(tmp_path, folder.kin))
    assert (fed, refused) == (0, [])


async def test_a_standby_writes_none(
    database_url: str, starter_model: Path, tmp_path: Path, folder: SnapshotFolder
) -> None:
    async with owning_line(database_url, starter_model, tmp_path, max_entities=ENTITIES) as line:
        await line.process(*lines(public_transactions(INTERVAL)))
        async with (
            writing(line, folder, is_owner=False),
            writing(line, SnapshotFolder(tmp_path / "owner", folder.kin)) as metrics,
        ):
            await eventually(lambda: metrics["_position"] == INTERVAL)
    assert folder.newest() is None


async def test_a_snapshot_that_fails_is_counted_tried_again_and_never_felt_by_the_line(
    database_url: str, starter_model: Path, tmp_path: Path, folder: SnapshotFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    payments = public_transactions(500)
    async with (
        owning_line(database_url, starter_model, tmp_path, max_entities=ENTITIES) as owner,
        writing(owner, folder) as metrics,
    ):
        with monkeypatch.context() as patched:
            patched.setattr(snapshot_writing.os, "pwrite", full)
            await owner.process(*lines(payments[:300]))
            await eventually(lambda: (metrics["_failures_total"] or 0) >= 2)
            await owner.process(*lines(payments[300:]))
            assert folder.newest() is None
        await written(folder, 500)
        await eventually(lambda: (metrics["_seconds_count"] or 0) >= 1)


async def test_no_snapshot_is_trusted_while_the_database_is_away(starter_model: Path, folder: SnapshotFolder) -> None:
    database = await Database.connect("postgresql://nobody@127.0.0.1:1/none", name="test start")
    start = SnapshotStart(folder, tell_refused=lambda _: None)
    state = PartitionState(0, Bundle.load(starter_model), max_entities=ENTITIES, start=start)

    with pytest.raises(DependencyAway):
        await state.catch_up(database)
    await database.close()
    assert state.position == 0
