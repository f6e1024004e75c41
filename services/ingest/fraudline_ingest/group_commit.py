"""Group commit into the broker: concurrent requests share one message.

While a message waits for its confirm, what arrives meanwhile forms the next one. There is no timer: under no load a
message holds one event and nobody waits for company, under load the waits themselves make the groups.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from fraudline.amqp.connection import BROKER
from fraudline.domain.event import MAX_BYTES, MAX_EVENTS
from fraudline.errors import DependencyAway
from fraudline.service.run import until_stopped

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fraudline_ingest.metrics import IngestMetrics
    from fraudline_ingest.publisher import Publisher, Stream


@dataclass(slots=True, eq=False)
class _Caller:
    """One who waits until all lines it handed in are confirmed."""

    answer: asyncio.Future[None]
    unconfirmed: int
    wants_reply: bool


class GroupCommit:
    """One numbered stream of messages, one of them in flight at a time.

    The number goes up with each confirm and with nothing else, so that what the log never saw is a hole that can be
    seen. After an attempt whose fate is unknown the next message carries the same number once more.
    """

    def __init__(
        self,
        stream: "Stream",
        publisher: "Publisher",
        metrics: "IngestMetrics",
        reply_queue: "Callable[[], str | None]" = lambda: None,
    ) -> None:
        self._stream = stream
        self._publisher = publisher
        self._reply_queue = reply_queue
        self._batch_events = metrics.publish_batch_events.labels(stream=stream.name)
        self._confirm_seconds = metrics.publish_confirm_seconds.labels(stream=stream.name)
        self._number = 1
        self._waiting: deque[tuple[bytes, _Caller]] = deque()
        self._has_arrived = asyncio.Event()

    async def put(self, lines: "Sequence[bytes]") -> None:
        """Return once the broker has confirmed every line.

        A caller that is cancelled is forgotten: what it has waiting is not sent any more.

        Raises:
            DependencyAway: At least one line was not confirmed; others may be stored.
        """
        await self.submit(lines)

    def submit(self, lines: "Sequence[bytes]", *, wants_reply: bool = False) -> asyncio.Future[None]:
        """Return what is done once the broker has confirmed every line, or fails as `put` does.

        A caller that cancels it is forgotten: what it has waiting is not sent any more. With `wants_reply` the scorer
        is asked to tell this process of the verdicts.
        """
        caller = _Caller(asyncio.get_running_loop().create_future(), len(lines), wants_reply)
        self._waiting.extend((line, caller) for line in lines)
        self._has_arrived.set()
        return caller.answer

    async def run(self, stop: asyncio.Event) -> None:
        """Publish what arrives until `stop` is set; whoever waits then is told to send again."""
        try:
            await until_stopped(self._publish_what_arrives(), stop)
        finally:
            error = DependencyAway(BROKER, "ingest is stopping")
            for _, caller in self._waiting:
                _fail(caller, error)
            self._waiting.clear()

    async def _publish_what_arrives(self) -> None:
        while True:
            group = self._next_group()
            if not group:
                self._has_arrived.clear()
                await self._has_arrived.wait()
                continue
            body = b"\n".join([*(line for line, _ in group), b""])
            began = perf_counter()
            try:
                wants_reply = any(caller.wants_reply for _, caller in group)
                await self._publisher.publish(
                    self._stream, body, number=self._number, reply_to=self._reply_queue() if wants_reply else None
                )
            except DependencyAway as error:
                for _, caller in group:
                    _fail(caller, error)
                continue
            except asyncio.CancelledError:
                for _, caller in group:
                    _fail(caller, DependencyAway(BROKER, "ingest is stopping"))
                raise
            self._number += 1
            self._confirm_seconds.observe(perf_counter() - began)
            self._batch_events.observe(len(group))
            for _, caller in group:
                caller.unconfirmed -= 1
                if not caller.unconfirmed and not caller.answer.done():
                    caller.answer.set_result(None)

    def _next_group(self) -> list[tuple[bytes, _Caller]]:
        """Take the next message's lines: those whose callers still wait, within the bounds of one message."""
        group: list[tuple[bytes, _Caller]] = []
        size = 0
        while self._waiting and len(group) < MAX_EVENTS:
            line, caller = self._waiting[0]
            if caller.answer.done():
                self._waiting.popleft()
                continue
            size += len(line) + 1
            if group and size > MAX_BYTES:
                break
            group.append(self._waiting.popleft())
        return group


def _fail(caller: _Caller, error: DependencyAway) -> None:
    if not caller.answer.done():
        caller.answer.set_exception(error)
