"""State is a function of the log: what the owner computes, what a standby follows, what the audit repeats."""

import asyncio
from typing import TYPE_CHECKING

import numpy as np

from fraudline.errors import FraudlineError
from fraudline.kernel.kernel import Kernel
from fraudline.postgres.log import read_end, read_log
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.state.event_columns import events_of_log

if TYPE_CHECKING:
    import asyncpg
    from numpy.typing import NDArray

    from fraudline.kernel.events import Events
    from fraudline.models.bundle import Bundle
    from fraudline.postgres.database import Database

CHUNK_POSITIONS = 20_000


class BrokenLog(FraudlineError):  # noqa: N818 - a state of the world, told as one
    """A position of the log is missing, or the log ends before what was read of it: the state does not follow it."""


class PartitionState:
    """The kernel of one partition and the position up to which it has been fed."""

    def __init__(self, partition: int, bundle: "Bundle") -> None:
        self.partition = partition
        self.bundle = bundle
        self.kernel = Kernel()
        self.position = 0

    def score(self, events: "Events") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        """Feed events to the kernel and judge the transactions among them.

        Returns:
            The features, one row a transaction, and the calibrated probabilities, one a transaction; NaN where the
            model fails, which sends them to a person. What was fed can be taken back until `settle`.
        """
        features = self.kernel.apply(events)
        try:
            return features, self.bundle.predict(features)
        except Exception as error:  # noqa: BLE001 - whatever the model dies of, the payments are decided
            get_logger().error(LogEvent.MODEL_FAILED, **describe(error))
            return features, np.full(len(features), np.nan)

    def settle(self, position: int) -> None:
        """Note that everything fed so far is committed, up to `position`."""
        self.kernel.settle()
        self.position = position

    def take_back(self) -> None:
        """Undo everything that was fed and not settled."""
        self.kernel.take_back()

    async def catch_up(self, database: "Database", *, until: int | None = None) -> int:
        """Feed the committed tail of the log, up to position `until` or its present end; return how many were fed.

        The computing runs beside the event loop. What is fed is settled: it is committed already.

        Raises:
            BrokenLog: A position is missing, or the log is shorter than what was fed already.
            DependencyAway: The database went away; what was fed so far stays.
        """
        started_at = self.position
        if until is None:
            async with database.acquire() as connection:
                until = (await read_end(connection, self.partition)).last_position
        if until < self.position:
            raise BrokenLog(
                f"partition {self.partition} ends at position {until}, and this process has seen {self.position}: the "
                "database has lost commits (a restore, a failover to a replica that lagged); start again from the log"
            )
        while self.position < until:
            chunk_end = min(self.position + CHUNK_POSITIONS, until)
            async with database.acquire() as connection:
                rows = await read_log(connection, self.partition, after=self.position, until=chunk_end)
            if len(rows) != chunk_end - self.position:
                raise BrokenLog(
                    f"partition {self.partition} has {len(rows)} events at the positions {self.position + 1} to "
                    f"{chunk_end}, not {chunk_end - self.position}: restore the missing rows from a backup"
                )
            await asyncio.to_thread(self._feed, rows)
            self.settle(chunk_end)
        return self.position - started_at

    def _feed(self, rows: "list[asyncpg.Record]") -> None:
        self.kernel.apply(events_of_log(rows))
