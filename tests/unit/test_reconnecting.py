"""How often a lost broker is tried again."""

import asyncio

import pytest

from fraudline.amqp.reconnecting import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, stay_connected
from fraudline.errors import DependencyAway


class Script:
    """Plays sessions that fail with an error, or hold and are lost; then raises what ends the test."""

    def __init__(self, *ends: Exception | None) -> None:
        self.ends = list(ends)
        self.told: list[Exception | None] = []
        self.pauses: list[float] = []

    async def hold_session(self) -> None:
        if not self.ends:
            raise asyncio.CancelledError
        if (error := self.ends.pop(0)) is not None:
            raise error

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    async def play(self) -> None:
        with pytest.raises(asyncio.CancelledError):
            await stay_connected(self.hold_session, self.told.append, pause=self.pause)


async def test_pauses_grow_to_the_longest_and_are_short_again_once_a_session_has_held() -> None:
    script = Script(*[ConnectionError()] * 7, None, ConnectionError())

    await script.play()

    longest = [min(FIRST_PAUSE_SECONDS * 2**number, LONGEST_PAUSE_SECONDS) for number in range(7)]
    longest += [FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS]
    assert all(most / 2 <= pause <= most for pause, most in zip(script.pauses, longest, strict=True))


async def test_every_end_is_told_with_its_error() -> None:
    errors = [DependencyAway("RabbitMQ", "test"), None, TimeoutError()]
    script = Script(*errors)

    await script.play()

    assert script.told == errors


async def test_an_error_that_is_none_of_the_broker_s_ends_it() -> None:
    with pytest.raises(KeyError):
        await stay_connected(Script(KeyError()).hold_session, lambda _: None)
