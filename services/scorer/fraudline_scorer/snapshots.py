"""Keeps restarts short: the owner writes a snapshot every million positions, beside the line."""

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Final

from fraudline.postgres.log_mark import read_log_mark
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.run import stopped_within
from fraudline.state.snapshot_writing import SnapshotFailed, write_snapshot

if TYPE_CHECKING:
    from fraudline.postgres.database import Database
    from fraudline.state.partition_state import PartitionState
    from fraudline.state.snapshot_folder import SnapshotFolder
    from fraudline.state.snapshot_format import SnapshotHeader
    from fraudline_scorer.snapshot_metrics import SnapshotMetrics
    from fraudline_scorer.standing import Standing

INTERVAL_POSITIONS: Final = 1_000_000
CHECK_SECONDS = 1.0
RETRY_SECONDS = 60.0


class Snapshots:
    """Writes the snapshots of one partition for as long as the service runs.

    Args:
        state: What they are of.
        folder: Where they are kept.
        database: Where the log is, which each is bound to.
        standing: Says whether this process is the owner; a standby writes none.
        metrics: Are told of each.
        interval_positions: After how many positions the next one is due.
    """

    def __init__(
        self,
        *,
        state: "PartitionState",
        folder: "SnapshotFolder",
        database: "Database",
        standing: "Standing",
        metrics: "SnapshotMetrics",
        interval_positions: int = INTERVAL_POSITIONS,
    ) -> None:
        self._state = state
        self._folder = folder
        self._database = database
        self._standing = standing
        self._metrics = metrics
        self._interval_positions = interval_positions
        self._log = get_logger()

    async def run(self, stop: asyncio.Event) -> None:
        """Write one whenever it is due, until `stop`; what goes wrong with one is told, and tried again later."""
        pause = CHECK_SECONDS
        while not await stopped_within(stop, pause):
            pause = CHECK_SECONDS
            try:
                newest = await asyncio.to_thread(self._folder.newest)
                self._metrics.note_newest(None if newest is None else newest.header)
                written_at = 0 if newest is None else newest.header.position
                if self._standing.is_owner and self._state.position - written_at >= self._interval_positions:
                    await self._take(stop)
            except Exception as error:  # noqa: BLE001 - whatever a snapshot dies of, the line goes on
                if not stop.is_set():
                    self._metrics.note_failure()
                    self._log.warning(LogEvent.SNAPSHOT_FAILED, **describe(error))
                pause = RETRY_SECONDS

    async def _take(self, stop: asyncio.Event) -> None:
        began = time.monotonic()
        position, copy = self._state.copy()
        try:
            async with self._database.acquire() as connection:
                log_mark = await read_log_mark(connection, self._state.partition, position)
            if log_mark is None:
                raise SnapshotFailed(f"the log has no entries up to position {position}")
            stop_writing = threading.Event()
            writing = asyncio.create_task(
                asyncio.to_thread(
                    write_snapshot, self._folder, copy, position=position, log_mark=log_mark, stop=stop_writing
                ),
                name="writing a snapshot",
            )
            header = await self._until_written(writing, stop, stop_writing)
        finally:
            copy.give_up()
        seconds = time.monotonic() - began
        self._metrics.note_written(seconds)
        self._metrics.note_newest(header)
        self._log.info(
            LogEvent.SNAPSHOT_WRITTEN,
            position=position,
            entities=header.entities,
            bytes=header.rows_bytes,
            seconds=round(seconds, 3),
        )

    @staticmethod
    async def _until_written(
        writing: "asyncio.Task[SnapshotHeader]", stop: asyncio.Event, stop_writing: threading.Event
    ) -> "SnapshotHeader":
        """Wait for the writing, and end it early once `stop` is set."""
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            await asyncio.wait({writing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            stop_writing.set()
        return await writing
