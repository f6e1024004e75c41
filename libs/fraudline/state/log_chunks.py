"""A partition's log in chunks: the next one is read and laid out while the kernel works on the last one."""

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from fraudline.errors import FraudlineError
from fraudline.postgres.log import read_log
from fraudline.state.event_columns import events_of_log

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from fraudline.kernel.events import Events
    from fraudline.postgres.database import Database

CHUNK_POSITIONS = 20_000


class BrokenLog(FraudlineError):  # noqa: N818 - a state of the world, told as one
    """A position of the log is missing, or the log ends before what was read of it: the state does not follow it."""


class LogChunk(NamedTuple):
    """What stands behind position `after` up to position `until`."""

    after: int
    until: int
    events: "Events"


async def log_chunks(
    database: "Database", partition: int, *, after: int, until: int
) -> "AsyncGenerator[LogChunk, None]":
    """Yield what stands behind position `after` up to position `until`, in order.

    Close it (`contextlib.aclosing`) where it may not be read to its end: a reading is under way.

    Raises:
        BrokenLog: A position is missing.
        DependencyAway: The database went away.
    """
    reading = _begin(database, partition, after, until)
    try:
        while reading is not None:
            chunk = await reading
            reading = _begin(database, partition, chunk.until, until)
            yield chunk
    finally:
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


def _begin(database: "Database", partition: int, after: int, until: int) -> "asyncio.Task[LogChunk] | None":
    if after >= until:
        return None
    chunk_end = min(after + CHUNK_POSITIONS, until)
    return asyncio.create_task(_read(database, partition, after, chunk_end), name="reading the log")


async def _read(database: "Database", partition: int, after: int, until: int) -> LogChunk:
    async with database.acquire() as connection:
        columns = await read_log(connection, partition, after=after, until=until)
    # Beside the loop, and beside the kernel, which computes without the interpreter's lock.
    events = await asyncio.to_thread(events_of_log, columns)
    if len(events) != until - after:
        raise BrokenLog(
            f"partition {partition} lacks positions: {len(events)} events at the positions {after + 1} to {until}, "
            f"not {until - after}; restore the missing rows from a backup"
        )
    return LogChunk(after, until, events)
