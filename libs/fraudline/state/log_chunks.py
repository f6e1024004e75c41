"""A partition's log in chunks: while the kernel works on one, the next is laid out and the one behind it read."""

import asyncio
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fraudline.errors import FraudlineError
from fraudline.postgres.log import read_log
from fraudline.state.event_columns import events_of_log

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from fraudline.kernel.events import Events
    from fraudline.postgres.database import Database

CHUNK_POSITIONS = 20_000
_AHEAD = 2
"""So many chunks are read ahead of the kernel."""


class BrokenLog(FraudlineError):  # noqa: N818 - a state of the world, told as one
    """A position of the log is missing or taken twice, or the log ends before what was read: no state follows."""


class LogChunk(NamedTuple):
    """What stands behind position `after` up to position `until`."""

    after: int
    until: int
    events: "Events"


async def log_chunks(
    database: "Database", partition: int, *, after: int, until: int
) -> "AsyncGenerator[LogChunk, None]":
    """Yield what stands behind position `after` up to position `until`, in order.

    Close it (`contextlib.aclosing`) where it may not be read to its end: readings are under way.

    Raises:
        BrokenLog: A position is missing or taken twice.
        DependencyAway: The database went away.
    """
    starts = iter(range(after, until, CHUNK_POSITIONS))
    readings: deque[asyncio.Task[LogChunk]] = deque()

    def begin(how_many: int) -> None:
        for start in islice(starts, how_many):
            reading = _read(database, partition, start, min(start + CHUNK_POSITIONS, until))
            readings.append(asyncio.create_task(reading, name="reading the log"))

    try:
        begin(_AHEAD)
        while readings:
            chunk = await readings[0]
            readings.popleft()
            begin(1)
            yield chunk
    finally:
        for reading in readings:
            reading.cancel()
        await asyncio.gather(*readings, return_exceptions=True)


async def _read(database: "Database", partition: int, after: int, until: int) -> LogChunk:
    async with database.acquire() as connection:
        positions, columns = await read_log(connection, partition, after=after, until=until)
    # Beside the loop, and beside the kernel, which computes without the interpreter's lock.
    events = await asyncio.to_thread(events_of_log, columns)
    _check_positions(partition, positions, after, until)
    return LogChunk(after, until, events)


def _check_positions(partition: int, positions: "Sequence[int]", after: int, until: int) -> None:
    """Raise `BrokenLog` unless each position behind `after` up to `until` stands there once, in order."""
    found, whole = np.array(positions, np.int64), np.arange(after + 1, until + 1)
    if np.array_equal(found, whole):
        return
    missing = np.setdiff1d(whole, found)
    if len(missing):
        raise BrokenLog(
            f"partition {partition} lacks positions: {len(missing)} of the positions {after + 1} to {until} are "
            f"missing, {missing[0]} is the first; restore the missing rows from a backup"
        )
    raise BrokenLog(
        f"partition {partition} has positions twice or out of order: {len(found)} events at the {len(whole)} positions "
        f"{after + 1} to {until}; restore its rows from a backup"
    )
