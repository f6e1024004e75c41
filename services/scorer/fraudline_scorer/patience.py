"""Waiting for a server that is away: with growing pauses, for a minute, then no longer."""

import asyncio
import time
from typing import TYPE_CHECKING, TypeVar

from fraudline.errors import DependencyAway
from fraudline.service.run import stopped_within

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

AWAY_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0

T = TypeVar("T")


class Patience:
    """Tries again what a server that is away made fail.

    Args:
        stop: Ends the waiting at once.
        on_database: Is told why the database is away, and None when it is back.
        seconds: How long an absence is waited out; longer ones are given up, since the broker's consumer timeout
            counts against what is held meanwhile.
    """

    def __init__(
        self, stop: asyncio.Event, on_database: "Callable[[str | None], None]", *, seconds: float = AWAY_SECONDS
    ) -> None:
        self._stop = stop
        self._on_database = on_database
        self._seconds = seconds

    async def __call__(self, operation: "Callable[[], Awaitable[T]]") -> T:
        """Return what `operation` returns, as soon as it does.

        Raises:
            DependencyAway: The server stayed away, or we are to stop.
        """
        give_up_at = time.monotonic() + self._seconds
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                result = await operation()
            except DependencyAway as error:
                self._on_database(error.reason)
                if time.monotonic() + pause > give_up_at or await stopped_within(self._stop, pause):
                    raise
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self._on_database(None)
                return result
