"""One session after another: whatever ends one, the next is begun after a pause."""

import asyncio
from random import SystemRandom
from typing import TYPE_CHECKING

from fraudline.amqp.connection import LOST
from fraudline.errors import DependencyAway

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 3.0

_CHANCE = SystemRandom()


async def stay_connected(
    hold_session: "Callable[[], Awaitable[None]]",
    note_lost: "Callable[[Exception | None], None]",
    *,
    pause: "Callable[[float], Awaitable[None]]" = asyncio.sleep,
) -> None:
    """Hold sessions with the broker for ever; the pauses between tries grow until one has held.

    Args:
        hold_session: Connects, and returns when what it had connected is lost.
        note_lost: Is told of every end, with the error where there was one.
        pause: Waits for so many seconds.
    """
    seconds = FIRST_PAUSE_SECONDS
    while True:
        try:
            await hold_session()
        except (DependencyAway, *LOST) as error:
            note_lost(error)
        else:
            seconds = FIRST_PAUSE_SECONDS
            note_lost(None)
        # With jitter, so that many processes do not come back in step.
        await pause(seconds * _CHANCE.uniform(0.5, 1.0))
        seconds = min(2 * seconds, LONGEST_PAUSE_SECONDS)
