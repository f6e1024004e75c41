"""A body that is read: whole at once, in pieces, too slowly, too large, or cut off."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from fraudline.service.problem_kind import ProblemKind
from fraudline.web.begun import Begun
from fraudline.web.body import read_body
from fraudline.web.problems import Problem

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Wire:
    """Gives the pieces of a body as a server does; those that follow `None` come a turn later, after the last none."""

    def __init__(self, *pieces: bytes | None, ends: str = "http.request") -> None:
        self.pieces = list(pieces)
        self.ends = ends
        self.arrived = asyncio.Event()

    async def __call__(self) -> dict[str, Any]:
        if self.pieces and self.pieces[0] is None:
            del self.pieces[0]
            asyncio.get_running_loop().call_soon(self.arrived.set)
        elif self.pieces:
            self.arrived.set()
        await self.arrived.wait()
        self.arrived.clear()
        body = self.pieces.pop(0)
        if self.pieces:
            return {"type": "http.request", "body": body, "more_body": True}
        return {"type": self.ends, "body": body}


@pytest.mark.parametrize("pieces", [(b"abc",), (None, b"abc"), (b"a", None, b"b", b"c"), (None, b"a", None, b"bc")])
async def test_a_body_is_read_whole_in_however_many_pieces_it_comes(pieces: tuple[bytes | None, ...]) -> None:
    assert await read_body(Wire(*pieces), declared=3) == b"abc"


@pytest.mark.parametrize(
    ("wire", "kind"),
    [
        (lambda: Wire(b"abcd", b"e"), ProblemKind.TOO_LARGE),
        (lambda: Wire(b"abcde"), ProblemKind.TOO_LARGE),
        (lambda: Wire(b"ab"), ProblemKind.MALFORMED),
        (lambda: Wire(b"ab", None, b"", ends="http.disconnect"), ProblemKind.MALFORMED),
        (lambda: Wire(b"", ends="http.disconnect"), ProblemKind.MALFORMED),
        (Wire, ProblemKind.TOO_SLOW),
    ],
)
async def test_a_body_that_is_not_as_it_should_be_is_refused(wire: Callable[[], Receive], kind: ProblemKind) -> None:
    with pytest.raises(Problem) as raised:
        await read_body(wire(), declared=3, max_bytes=4, seconds=0.01)

    assert raised.value.kind is kind


async def test_a_reading_that_is_cancelled_leaves_nobody_waiting() -> None:
    wire = Wire()
    reading = asyncio.create_task(read_body(wire, declared=None))
    await asyncio.sleep(0)

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert not wire.arrived._waiters  # noqa: SLF001 - nothing else shows it


async def test_who_does_not_await_is_called_and_after_the_close_no_more() -> None:
    told: list[dict[str, Any]] = []
    closed = Wire()
    at_once, later, never = (Begun(wire()) for wire in (Wire(b"at once"), Wire(None, b"later"), closed))

    for begun in (at_once, later, never):
        begun.when_done(told.append)
    assert [message["body"] for message in told] == [b"at once"]
    never.close()
    closed.pieces.append(b"never")
    closed.arrived.set()
    for _ in range(5):
        await asyncio.sleep(0)

    assert [message["body"] for message in told] == [b"at once", b"later"]
