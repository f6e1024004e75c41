"""Every stored score again from the log, bit for bit.

The proof that no event counted twice, out of order or not at all.
"""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fraudline.models.bundle import Bundle
from fraudline.postgres.database import Database
from fraudline.postgres.log import read_end, read_log, read_scores
from fraudline.state.event_columns import events_of_log
from fraudline.state.partition_state import CHUNK_POSITIONS, BrokenLog, PartitionState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import asyncpg
    import numpy as np
    from numpy.typing import NDArray

MAX_DIFFERENCES = 100


@dataclass(frozen=True, slots=True)
class Difference:
    """A stored score that the log does not give again."""

    partition: int
    position: int
    stored: float
    computed: float


@dataclass(slots=True)
class AuditResult:
    """What was repeated: all positions, scores compared and not compared (another model, none), what differed."""

    positions: int = 0
    checked: int = 0
    of_other_models: int = 0
    without_score: int = 0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)

    def compare(self, row: "asyncpg.Record", computed: float, *, partition: int, model: str) -> None:
        """Take in one stored score; the first hundred that differ are kept."""
        if row["model"] != model:
            self.of_other_models += 1
            return
        stored = row["score"]
        if stored is None:
            # The model failed then, and a person decided.
            self.without_score += 1
            return
        self.checked += 1
        if stored == computed:
            return
        self.differing += 1
        if len(self.differences) < MAX_DIFFERENCES:
            self.differences.append(Difference(partition, row["position"], stored, computed))


async def audit(
    database_url: str, model: "Path", *, progress: "Callable[[int, int], None] | None" = None
) -> AuditResult:
    """Compute all scores of partition 0 again, from the first position on, and compare them with the stored ones.

    Scores that another model gave are counted, not compared.

    Args:
        database_url: Where the log is.
        model: The folder of the bundle that scored.
        progress: Is called with the positions done and the positions in all.

    Raises:
        BundleError: The bundle cannot be used.
        BrokenLog: A position is missing.
        DependencyAway: The database went away.
    """
    bundle = await asyncio.to_thread(Bundle.load, model)
    database = await Database.connect(database_url, name="fraudline audit", pool_size=1)
    try:
        return await _audit_partition(database, PartitionState(0, bundle), progress)
    finally:
        await database.close()


async def _audit_partition(
    database: Database, state: PartitionState, progress: "Callable[[int, int], None] | None"
) -> AuditResult:
    result = AuditResult()
    async with database.acquire() as connection:
        end = (await read_end(connection, state.partition)).last_position
    while state.position < end:
        until = min(state.position + CHUNK_POSITIONS, end)
        async with database.acquire() as connection:
            rows = await read_log(connection, state.partition, after=state.position, until=until)
            stored = await read_scores(connection, state.partition, after=state.position, until=until)
        if len(rows) != until - state.position:
            raise BrokenLog(f"partition {state.partition} lacks positions between {state.position + 1} and {until}")
        scores = await asyncio.to_thread(_score, state, rows)
        _compare(result, stored, scores, state)
        state.settle(until)
        result.positions = until
        if progress is not None:
            progress(until, end)
    return result


def _compare(
    result: AuditResult, stored: "list[asyncpg.Record]", scores: "NDArray[np.float64]", state: PartitionState
) -> None:
    if len(stored) != len(scores):
        raise BrokenLog(f"partition {state.partition}: {len(scores)} transactions, but {len(stored)} verdicts")
    for row, score in zip(stored, scores.tolist(), strict=True):
        result.compare(row, score, partition=state.partition, model=state.bundle.label)


def _score(state: PartitionState, rows: "list[asyncpg.Record]") -> "NDArray[np.float64]":
    return state.score(events_of_log(rows))[1]
