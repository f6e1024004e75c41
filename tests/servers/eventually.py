"""Waiting for a fact, with a deadline: the one place in the tests that lets time pass."""

import asyncio
import contextlib
import inspect
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
EVERY_SECONDS = 0.05


class NotInTimeError(AssertionError):
    """The fact did not come about before the deadline."""

    def __init__(self, within: float, last: str) -> None:
        super().__init__(f"not within {within:g} s; last seen: {last}")


async def eventually(
    check: Callable[[], T | Awaitable[T]],
    *,
    within: float = 10.0,
    until: Callable[[T], object] = bool,
    despite: tuple[type[Exception], ...] = (AssertionError,),
) -> T:
    """Call the check until `until` holds of its answer, and give that answer; errors in `despite` mean: not yet."""
    deadline = time.monotonic() + within
    last = "nothing, the check gave no answer"
    while time.monotonic() < deadline:
        limit = asyncio.timeout(deadline - time.monotonic())
        try:
            async with limit:
                answer = check()
                value = await answer if inspect.isawaitable(answer) else answer
        except despite as error:
            last = repr(error)
        except TimeoutError:
            if not limit.expired():
                raise
        else:
            if until(value):
                return value
            last = repr(value)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), EVERY_SECONDS)
    raise NotInTimeError(within, last)


def eventually_sync(
    check: Callable[[], T],
    *,
    within: float = 10.0,
    until: Callable[[T], object] = bool,
    despite: tuple[type[Exception], ...] = (AssertionError,),
) -> T:
    """The same where no event loop runs."""
    deadline = time.monotonic() + within
    last = "nothing, the check gave no answer"
    while time.monotonic() < deadline:
        try:
            value = check()
        except despite as error:
            last = repr(error)
        else:
            if until(value):
                return value
            last = repr(value)
        threading.Event().wait(EVERY_SECONDS)
    raise NotInTimeError(within, last)
