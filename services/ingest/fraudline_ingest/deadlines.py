"""Deadlines of what many requests wait for at once: one timer, set for the earliest, in place of one for each.

Nearly all that is waited for is there long before its time. So a deadline that is no longer needed is not taken away:
it falls out when its turn comes.
"""

import asyncio
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


# uvloop's timers count whole milliseconds and may fire so much early.
TICK_SECONDS = 0.001


class Deadlines:
    """Hands every future that is not done by its time to `expire`, which has to make it done."""

    def __init__(self, expire: "Callable[[asyncio.Future[Any]], None]") -> None:
        self._expire = expire
        self._numbers = count()
        self._open: list[tuple[float, int, asyncio.Future[Any]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._fires_at = float("inf")

    def __len__(self) -> int:
        return len(self._open)

    def add(self, future: "asyncio.Future[Any]", *, by: float) -> None:
        """Expect a future by a time of the event loop's clock."""
        self._forget_done()
        heappush(self._open, (by, next(self._numbers), future))
        if by < self._fires_at:
            self._set_timer(by)

    def _forget_done(self) -> None:
        while self._open and self._open[0][2].done():
            heappop(self._open)

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(when, self._fire)
        self._fires_at = when

    def _fire(self) -> None:
        self._timer, self._fires_at = None, float("inf")
        due = asyncio.get_running_loop().time() + TICK_SECONDS
        while self._open and (self._open[0][2].done() or self._open[0][0] <= due):
            _, _, future = heappop(self._open)
            if not future.done():
                self._expire(future)
        if self._open:
            self._set_timer(self._open[0][0])
