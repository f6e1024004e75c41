"""The rests between tries: growing ones, which a stop ends at once."""

import asyncio

from fraudline.service.run import stopped_within

FIRST_SECONDS = 0.25
LONGEST_SECONDS = 5.0


class Pauses:
    """The pauses of one job until `stop` is set."""

    def __init__(
        self, stop: asyncio.Event, *, first_seconds: float = FIRST_SECONDS, longest_seconds: float = LONGEST_SECONDS
    ) -> None:
        self._stop = stop
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._seconds = first_seconds

    async def rest(self) -> None:
        """Wait, next time for longer."""
        await stopped_within(self._stop, self._seconds)
        self._seconds = min(2 * self._seconds, self._longest_seconds)

    def reset(self) -> None:
        """Begin with short ones again."""
        self._seconds = self._first_seconds
