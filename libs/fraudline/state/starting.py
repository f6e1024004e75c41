"""The start of a state: the newest snapshot that is whole, of use here and of this log; the log's tail comes after."""

import asyncio
import time
from typing import TYPE_CHECKING

from fraudline.postgres.log import read_end
from fraudline.postgres.log_mark import read_log_mark
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.state.snapshot_folder import Snapshot, read_header
from fraudline.state.snapshot_format import DamagedSnapshot, ForeignSnapshot
from fraudline.state.snapshot_reading import restore_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fraudline.kernel.kernel import Kernel
    from fraudline.postgres.database import Database
    from fraudline.state.snapshot_folder import SnapshotFolder

DAMAGED = "damaged"
OF_ANOTHER_LOG = "of_another_log"
REASONS = (DAMAGED, OF_ANOTHER_LOG)
"""Why a snapshot is refused."""


class SnapshotStart:
    """Looks through a folder of snapshots for the one to start from.

    Args:
        folder: The snapshots of the partition.
        tell_refused: Is told the reason, one of `REASONS`, each time one is refused.
    """

    def __init__(self, folder: "SnapshotFolder", *, tell_refused: "Callable[[str], None]") -> None:
        self._folder = folder
        self._tell_refused = tell_refused
        self._log = get_logger()

    async def restore(self, kernel: "Kernel", database: "Database") -> int:
        """Fill a kernel that knows nobody; return the position that it stands at then, 0 where nothing was of use.

        Raises:
            DependencyAway: The database went away, without which no snapshot can be trusted.
        """
        async with database.acquire() as connection:
            end = (await read_end(connection, self._folder.kin.partition)).last_position
        for path in await asyncio.to_thread(self._folder.paths):
            began = time.monotonic()
            try:
                header = await asyncio.to_thread(read_header, path)
                if header.kin != self._folder.kin:
                    self._log.debug(LogEvent.SNAPSHOT_PASSED_OVER, file=path.name, position=header.position)
                    continue
                if not await self._is_of_this_log(database, header.position, header.log_mark, end):
                    self._refuse(path, OF_ANOTHER_LOG, position=header.position, end_of_log=end)
                    continue
                await asyncio.to_thread(restore_snapshot, kernel, Snapshot(path, header))
            except ForeignSnapshot:
                self._log.debug(LogEvent.SNAPSHOT_PASSED_OVER, file=path.name)
            except DamagedSnapshot as error:
                # One that is gone had to make room for a newer one while we looked.
                if path.exists():
                    self._refuse(path, DAMAGED, **describe(error))
            else:
                self._log.info(
                    LogEvent.SNAPSHOT_RESTORED,
                    position=header.position,
                    end_of_log=end,
                    entities=header.entities,
                    seconds=round(time.monotonic() - began, 3),
                )
                return header.position
        return 0

    async def _is_of_this_log(self, database: "Database", position: int, log_mark: str, end: int) -> bool:
        """Return whether the log holds what it held when the snapshot was written; a restored one may not."""
        if position > end:
            return False
        async with database.acquire() as connection:
            return await read_log_mark(connection, self._folder.kin.partition, position) == log_mark

    def _refuse(self, path: "Path", reason: str, **why: object) -> None:
        self._folder.refuse(path)
        self._tell_refused(reason)
        self._log.warning(LogEvent.SNAPSHOT_REFUSED, file=path.name, reason=reason, **why)
