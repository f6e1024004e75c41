"""State is a function of the log: what the owner computes, what a standby follows, what the audit repeats."""

import asyncio
import threading
from contextlib import aclosing
from typing import TYPE_CHECKING

from fraudline.errors import ConfigurationError
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.registry import MAX_ENTITIES
from fraudline.models.scoring import score
from fraudline.postgres.log import read_end
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.state.log_chunks import BrokenLog, log_chunks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fraudline.kernel.events import Events
    from fraudline.kernel.row_copy import RowCopy
    from fraudline.models.bundle import Bundle
    from fraudline.postgres.database import Database
    from fraudline.state.log_chunks import LogChunk
    from fraudline.state.starting import SnapshotStart


class PartitionState:
    """The kernel of one partition and the position up to which it has been fed.

    Args:
        partition: Its number.
        bundle: The model that scores.
        max_entities: The most entities that the kernel remembers: part of what the features are, like the model.
        start: Where the first catching up begins, in place of the log's beginning.

    Raises:
        ConfigurationError: The machine does not give room for so many.
    """

    def __init__(
        self,
        partition: int,
        bundle: "Bundle",
        *,
        max_entities: int = MAX_ENTITIES,
        start: "SnapshotStart | None" = None,
    ) -> None:
        self.partition = partition
        self.bundle = bundle
        try:
            self.kernel = Kernel(max_entities, bundle.known_after_days)
        except ValueError as error:
            raise ConfigurationError("FRAUDLINE_MAX_ENTITIES", str(error)) from error
        self.position = 0
        self._start = start
        # What is settled and up to which position: a copy is of both.
        self._settling = threading.Lock()

    def score(self, events: "Events") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        """Feed events to the kernel and judge the transactions among them.

        Returns:
            The features, one row a transaction, and the calibrated probabilities, one a transaction; NaN where the
            model fails, which sends them to a person. What was fed can be taken back until `settle`.
        """
        return score(self.kernel, self.bundle, events, tell_failure=_tell_failure)

    def settle(self, position: int) -> None:
        """Note that everything fed so far is committed, up to `position`."""
        with self._settling:
            self.kernel.settle()
            self.position = position

    def copy(self) -> "tuple[int, RowCopy]":
        """Begin a copy of what is settled; return up to which position that is, too.

        Raises:
            ValueError: Another copy is under way.
        """
        with self._settling:
            return self.position, self.kernel.copy()

    def take_back(self) -> None:
        """Undo everything that was fed and not settled."""
        self.kernel.take_back()

    async def catch_up(self, database: "Database", *, until: int | None = None) -> int:
        """Feed the committed tail of the log, up to position `until` or its present end; return how many were fed.

        The computing runs beside the event loop. What is fed is settled: it is committed already. The first time, the
        tail is what came after the snapshot that the state starts from.

        Raises:
            BrokenLog: A position is missing, or the log is shorter than what was fed already.
            DependencyAway: The database went away; what was fed so far stays.
        """
        if self._start is not None:
            self.position = await self._start.restore(self.kernel, database)
            self._start = None
        started_at = self.position
        if until is None:
            async with database.acquire() as connection:
                until = (await read_end(connection, self.partition)).last_position
        if until < self.position:
            raise BrokenLog(
                f"partition {self.partition} ends at position {until}, and this process has seen {self.position}: the "
                "database has lost commits (a restore, a failover to a replica that lagged); start again from the log"
            )
        async with aclosing(log_chunks(database, self.partition, after=started_at, until=until)) as chunks:
            async for chunk in chunks:
                await asyncio.to_thread(self._feed, chunk)
        return self.position - started_at

    def _feed(self, chunk: "LogChunk") -> None:
        self.kernel.follow(chunk.events)
        self.settle(chunk.until)


def _tell_failure(error: Exception) -> None:
    get_logger().error(LogEvent.MODEL_FAILED, **describe(error))
