"""Every stored score again from the log, bit for bit.

The proof that no event counted twice, out of order or not at all.
"""

import asyncio
import math
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fraudline.kernel.registry import MAX_ENTITIES
from fraudline.models.bundle import Bundle
from fraudline.postgres.database import Database
from fraudline.postgres.log import read_end, read_scores
from fraudline.state.log_chunks import BrokenLog, log_chunks
from fraudline.state.partition_state import PartitionState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import asyncpg
    import numpy as np
    from numpy.typing import NDArray

    from fraudline.state.log_chunks import LogChunk

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
    """What was repeated: all positions, scores compared and not compared (of another model; none, then as now).

    A verdict without a score that the model gives now differs, as one with another score does: either the model failed
    for a reason that is not in the log, or somebody took the score away.
    """

    positions: int = 0
    checked: int = 0
    of_other_models: int = 0
    without_score: int = 0
    differing: int = 0
    differences: list[Difference] = field(default_factory=list)

    @property
    def proves_nothing(self) -> bool:
        """Whether there were verdicts, and none of them was compared."""
        return self.of_other_models + self.without_score > 0 and not self.checked

    def compare(self, row: "asyncpg.Record", computed: float, *, partition: int, model: str) -> None:
        """Take in one stored score; the first hundred that differ are kept."""
        if row["model"] != model:
            self.of_other_models += 1
            return
        stored = math.nan if row["score"] is None else row["score"]
        if math.isnan(stored) and math.isnan(computed):
            # The model fails on it, and a person decided.
            self.without_score += 1
            return
        self.checked += 1
        if stored == computed:
            return
        self.differing += 1
        if len(self.differences) < MAX_DIFFERENCES:
            self.differences.append(Difference(partition, row["position"], stored, computed))


async def audit(
    database_url: str,
    model: "Path",
    *,
    max_entities: int = MAX_ENTITIES,
    progress: "Callable[[int, int], None] | None" = None,
) -> AuditResult:
    """Compute all scores of partition 0 again, from the first position on, and compare them with the stored ones.

    Scores that another model gave are counted, not compared.

    Args:
        database_url: Where the log is.
        model: The folder of the bundle that scored.
        max_entities: The most entities that the scorer's kernel remembered.
        progress: Is called with the positions done and the positions in all.

    Raises:
        BundleError: The bundle cannot be used.
        ConfigurationError: The machine does not give room for `max_entities`.
        BrokenLog: A position is missing.
        DependencyAway: The database went away.
    """
    bundle = await asyncio.to_thread(Bundle.load, model)
    # One connection for the log, of which the next part is read ahead, and one for the scores.
    database = await Database.connect(database_url, name="fraudline audit", pool_size=2)
    try:
        return await _audit_partition(database, PartitionState(0, bundle, max_entities=max_entities), progress)
    finally:
        await database.close()


async def _audit_partition(
    database: Database, state: PartitionState, progress: "Callable[[int, int], None] | None"
) -> AuditResult:
    result = AuditResult()
    async with database.acquire() as connection:
        end = (await read_end(connection, state.partition)).last_position
    async with aclosing(log_chunks(database, state.partition, after=0, until=end)) as chunks:
        async for chunk in chunks:
            async with database.acquire() as connection:
                stored = await read_scores(connection, state.partition, after=chunk.after, until=chunk.until)
            scores = await asyncio.to_thread(_score, state, chunk)
            _compare(result, stored, scores, state)
            state.settle(chunk.until)
            result.positions = chunk.until
            if progress is not None:
                progress(chunk.until, end)
    return result


def _compare(
    result: AuditResult, stored: "list[asyncpg.Record]", scores: "NDArray[np.float64]", state: PartitionState
) -> None:
    if len(stored) != len(scores):
        raise BrokenLog(f"partition {state.partition}: {len(scores)} transactions, but {len(stored)} verdicts")
    for row, score in zip(stored, scores.tolist(), strict=True):
        result.compare(row, score, partition=state.partition, model=state.bundle.label)


def _score(state: PartitionState, chunk: "LogChunk") -> "NDArray[np.float64]":
    return state.score(chunk.events)[1]
