"""One reader's stream of the feed (Server-Sent Events): from its number on, until it leaves or is let go."""

import asyncio
import json
from enum import StrEnum
from typing import TYPE_CHECKING

from fastapi.sse import EventSourceResponse, format_sse_event
from starlette.responses import Response

from fraudline.errors import DependencyAway
from fraudline.service.log import LogEvent, get_logger
from fraudline.web.problems import Problem
from fraudline_alerts.feed import Overtaken, SetBack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import Receive, Scope, Send

    from fraudline.web.bound import Bound
    from fraudline_alerts.feed import Feed
    from fraudline_alerts.metrics import AlertsMetrics

HEARTBEAT_SECONDS = 10.0
# What a reader takes nothing of for so long is cut.
STALL_SECONDS = 15.0
RETRY_MILLISECONDS = 1_000

_HEADERS = (("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"))


class DropReason(StrEnum):
    """Why a reader is let go."""

    OVERTAKEN = "overtaken"
    STALLED = "stalled"
    SIGNED_OUT = "signed_out"
    AWAY = "away"
    SET_BACK = "set_back"


_SENTENCES = {
    DropReason.OVERTAKEN: "You read more slowly than things happen; go on from the last event that you have.",
    DropReason.SIGNED_OUT: "The session or key that this stream was opened with is no longer valid.",
    DropReason.SET_BACK: "The feed was set back by a restore: list the alerts anew and read on from there.",
    DropReason.AWAY: "The database does not answer; go on from the last event that you have in a moment.",
}


class Stream(Response):
    """The answer that does not end by itself.

    Args:
        feed: What is read.
        after: The number of the event that the reader had last.
        is_admitted: Is asked at every heartbeat; raises `Problem` where the reader may read no longer.
        readers: Bounds how many there are.
        metrics: Counts those that are let go.
        heartbeat_seconds: How often a reader hears from us at least.
        stall_seconds: How long it may take nothing.
    """

    media_type = EventSourceResponse.media_type

    def __init__(
        self,
        feed: "Feed",
        *,
        after: int,
        is_admitted: "Callable[[], Awaitable[object]]",
        readers: "Bound",
        metrics: "AlertsMetrics",
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        stall_seconds: float = STALL_SECONDS,
    ) -> None:
        super().__init__(headers=dict(_HEADERS))
        # Neither a length nor an end is known.
        del self.headers["content-length"]
        self._feed = feed
        self._after = after
        self._is_admitted = is_admitted
        self._readers = readers
        self._metrics = metrics
        self._heartbeat_seconds = heartbeat_seconds
        self._stall_seconds = stall_seconds

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Send until the reader has left, is let go, or the feed ends.

        Raises:
            Problem: There are as many readers as may be.
        """
        del scope
        writing = asyncio.create_task(self._write(send), name="feed reader")
        leaving = asyncio.create_task(_left(receive), name="feed reader's leaving")
        try:
            with self._readers.hold(1):
                await asyncio.wait({writing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
        finally:
            writing.cancel()
            leaving.cancel()
            await asyncio.wait({writing, leaving})

    async def _write(self, send: "Send") -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for piece in self._pieces():
            try:
                async with asyncio.timeout(self._stall_seconds):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            except TimeoutError:
                # Without the end of the body the reader knows that it was cut off.
                self._note(DropReason.STALLED)
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pieces(self) -> "AsyncIterator[bytes]":
        # At once, so that the reader knows that it is connected, and what silence means.
        yield self._heartbeat()
        clock = asyncio.get_running_loop().time
        number, has_caught_up, restores = self._after, False, self._feed.restores
        beat_at = clock() + self._heartbeat_seconds
        while not self._feed.has_ended:
            has_caught_up = has_caught_up or number >= (self._feed.position or 0)
            try:
                wait_seconds = max(0.0, beat_at - clock())
                entries = await self._feed.after(
                    number, restores=restores, has_caught_up=has_caught_up, seconds=wait_seconds
                )
                # However busy the feed is: a right that has ended, ends, and silence means a wire that is cut.
                if is_due := clock() >= beat_at:
                    beat_at = clock() + self._heartbeat_seconds
                    await self._is_admitted()
            except (SetBack, Overtaken, Problem, DependencyAway) as error:
                yield self._last_word(_reason_of(error))
                return
            if entries:
                number = entries[-1].number
                yield b"".join(entry.encoded for entry in entries)
            if is_due:
                yield self._heartbeat()

    def _heartbeat(self) -> bytes:
        # An event and no comment: browsers show their pages no comments.
        text = json.dumps({"every_seconds": self._heartbeat_seconds})
        return format_sse_event(data_str=text, event="heartbeat", retry=RETRY_MILLISECONDS)

    def _last_word(self, reason: DropReason) -> bytes:
        self._note(reason)
        text = json.dumps({"code": reason.value, "reason": _SENTENCES[reason]})
        return format_sse_event(data_str=text, event="dropped")

    def _note(self, reason: DropReason) -> None:
        self._metrics.feed_dropped.labels(reason.value).inc()
        get_logger().warning(LogEvent.READER_DROPPED, reason=reason.value)


def _reason_of(error: Exception) -> DropReason:
    match error:
        case SetBack():
            return DropReason.SET_BACK
        case Overtaken():
            return DropReason.OVERTAKEN
        case Problem():
            return DropReason.SIGNED_OUT
        case _:
            return DropReason.AWAY


async def _left(receive: "Receive") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
