"""Group commit into the broker: concurrent requests share one message.

While a message waits for its confirm, what arrives meanwhile forms the next one. There is no timer: under no load a
message holds one event and nobody waits for company, under load the waits themselves make the groups.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING

from fraudline.amqp.connection import BROKER
from fraudline.amqp.topology import PROGRESS, VERDICTS_AND_PROGRESS
from fraudline.domain.event import MAX_BYTES, MAX_EVENTS
from fraudline.errors import DependencyAway
from fraudline.service.run import until_stopped
from fraudline_ingest.backlog import Stored
from fraudline_ingest.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fraudline_ingest.admission import Admission
    from fraudline_ingest.backlog import Backlog
    from fraudline_ingest.metrics import IngestMetrics
    from fraudline_ingest.publisher import Publisher, Stream


@dataclass(slots=True, eq=False)
class _Caller:
    """One who waits, `since` when, until all lines it handed in are confirmed; `taken` is how many are on their way."""

    answer: asyncio.Future[None]
    lines: "Sequence[bytes]"
    wants_reply: bool
    since: float
    taken: int = 0


@dataclass(slots=True)
class _Group:
    """The lines of one message, and whose they are."""

    lines: list[bytes] = field(default_factory=list)
    callers: list[_Caller] = field(default_factory=list)
    size: int = 0

    @property
    def singles(self) -> int:
        """How many of the lines were handed in by themselves."""
        return sum(len(caller.lines) == 1 for caller in self.callers)

    def take_from(self, caller: _Caller) -> bool:
        """Take as many of a caller's lines as one message may hold; return whether these were the last."""
        first = caller.taken
        for line in islice(caller.lines, first, None):
            self.size += len(line) + 1
            if self.lines and (self.size > MAX_BYTES or len(self.lines) == MAX_EVENTS):
                break
            self.lines.append(line)
            caller.taken += 1
        if caller.taken > first:
            self.callers.append(caller)
        return caller.taken == len(caller.lines)


class GroupCommit:
    """One numbered stream of messages, one of them in flight at a time.

    The number goes up with each confirm and with nothing else, so that what the log never saw is a hole that can be
    seen. After an attempt whose fate is unknown the next message carries the same number once more.

    Args:
        stream: Where messages go.
        publisher: Publishes them.
        metrics: Measure them.
        backlog: Counts the lines from here to their commit.
        admission: Decides which messages ask for progress.
        reply_queue: Names the queue for replies; None where there is none now.
    """

    def __init__(
        self,
        stream: "Stream",
        publisher: "Publisher",
        metrics: "IngestMetrics",
        *,
        backlog: "Backlog",
        admission: "Admission",
        reply_queue: "Callable[[], str | None]",
    ) -> None:
        self._stream = stream
        self._publisher = publisher
        self._backlog = backlog
        self._admission = admission
        self._reply_queue = reply_queue
        self._batch_events = metrics.publish_batch_events.labels(stream=stream.name)
        self._confirm_seconds = metrics.publish_confirm_seconds.labels(stream=stream.name)
        self._number = 1
        self._waiting: deque[_Caller] = deque()
        self._deadlines = Deadlines(_expire)
        self._has_arrived = asyncio.Event()

    async def put(self, lines: "Sequence[bytes]", *, by: float | None = None) -> None:
        """Return once the broker has confirmed every line; with `by`, on the event loop's clock, no later than that.

        A caller that is cancelled or whose time is up is forgotten: what it has waiting is not sent any more.

        Raises:
            DependencyAway: At least one line was not confirmed; others may be stored.
        """
        stored = self.submit(lines)
        if by is not None:
            self._deadlines.add(stored, by=by)
        await stored

    def submit(self, lines: "Sequence[bytes]", *, wants_reply: bool = False) -> asyncio.Future[None]:
        """Return what is done once the broker has confirmed every line, of one or more, or fails as `put` does.

        A caller that cancels it is forgotten: what it has waiting is not sent any more. With `wants_reply` the scorer
        is asked to tell this process of the verdicts.
        """
        caller = _Caller(asyncio.get_running_loop().create_future(), lines, wants_reply, self._admission.clock())
        self._waiting.append(caller)
        self._backlog.enter(len(lines))
        self._has_arrived.set()
        return caller.answer

    async def run(self, stop: asyncio.Event) -> None:
        """Publish what arrives until `stop` is set; whoever waits then is told to send again."""
        try:
            await until_stopped(self._publish_what_arrives(), stop)
        finally:
            error = DependencyAway(BROKER, "ingest is stopping")
            for caller in self._waiting:
                _fail(caller.answer, error)
            self._waiting.clear()

    async def _publish_what_arrives(self) -> None:
        while True:
            group = self._next_group()
            if not group.lines:
                self._has_arrived.clear()
                await self._has_arrived.wait()
                continue
            body = b"\n".join([*group.lines, b""])
            began = perf_counter()
            try:
                asks = await self._publish(group, body)
            except DependencyAway as error:
                self._backlog.leave(len(group.lines), singles=group.singles)
                for caller in group.callers:
                    _fail(caller.answer, error)
                continue
            except asyncio.CancelledError:
                for caller in group.callers:
                    _fail(caller.answer, DependencyAway(BROKER, "ingest is stopping"))
                raise
            stored = Stored(self._number, len(group.lines), group.singles, since=group.callers[0].since)
            self._admission.note_stored(self._backlog, stored, asks=asks)
            self._number += 1
            self._confirm_seconds.observe(perf_counter() - began)
            self._batch_events.observe(len(group.lines))
            for caller in group.callers:
                if caller.taken == len(caller.lines) and not caller.answer.done():
                    caller.answer.set_result(None)

    async def _publish(self, group: _Group, body: bytes) -> bool:
        """Publish a message, asking for what its callers and the admission want to hear; return if for progress."""
        queue = self._reply_queue()
        asks = self._admission.asks_now(len(group.lines), can_hear=queue is not None)
        waits = any(caller.wants_reply for caller in group.callers)
        await self._publisher.publish(
            self._stream,
            body,
            number=self._number,
            reply_to=queue if waits or asks else None,
            reply_for=(VERDICTS_AND_PROGRESS if waits else PROGRESS) if asks else None,
        )
        return asks

    def _next_group(self) -> _Group:
        """Take the next message's lines: those whose callers still wait, within the bounds of one message."""
        group = _Group()
        while self._waiting and len(group.lines) < MAX_EVENTS:
            caller = self._waiting[0]
            if not caller.answer.done() and not group.take_from(caller):
                break
            self._waiting.popleft()
            self._forget_untaken(caller)
        return group

    def _forget_untaken(self, caller: _Caller) -> None:
        """Count no longer what a caller that has left had waiting."""
        left = len(caller.lines) - caller.taken
        if left:
            self._backlog.leave(left, singles=int(len(caller.lines) == 1))


def _fail(answer: asyncio.Future[None], error: DependencyAway) -> None:
    if not answer.done():
        answer.set_exception(error)


def _expire(answer: asyncio.Future[None]) -> None:
    _fail(answer, DependencyAway(BROKER, "no confirm in time"))
