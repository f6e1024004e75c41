"""Who is let in: as many events as the log gives back in time, single posts before batches.

An event is *outstanding* from its admission to the word that it is committed, whether it is still being read, waits for
the broker or stands in the log. A single post is let in while fewer of its kind are outstanding than the window holds
for them (`window`): it is not refused for the sake of batches. A batch is let in while all that is outstanding is less
than the window holds for batches; it may go past that, since it cannot be cut. A few batches wait for their turn, a
second at most: a client that posts one after the other is slowed down and not sent away. Everybody else is refused at
once.

While the scorer says nothing for a second, everybody is let in: it is away, or starts, or is of a release that does not
say how far it is, or its replies do not get here. The queue takes what is accepted meanwhile.
"""

import asyncio
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from fraudline_ingest.asking import SILENCE_SECONDS, Asking
from fraudline_ingest.deadlines import Deadlines
from fraudline_ingest.window import Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fraudline_ingest.backlog import Backlog, Stored
    from fraudline_ingest.metrics import IngestMetrics

# What waits holds no body: its connection is not read. More would wait longer than it is let.
MOST_WAITING = 4


class _Turn(NamedTuple):
    """A batch that waits: who is told, and how many events it is taken for until it is read."""

    is_let_in: asyncio.Future[bool]
    events: int


class Admission:
    """Keeps count of what is outstanding, and lets in or keeps out.

    Args:
        backlogs: Of each stream that goes into the log, with the streams' names.
        metrics: Show window, outstanding events and delay.
        clock: Tells seconds.
    """

    def __init__(
        self,
        backlogs: "Sequence[Backlog]",
        metrics: "IngestMetrics",
        *,
        clock: "Callable[[], float]" = time.monotonic,
    ) -> None:
        self.clock = clock
        self._backlogs = {backlog.name: backlog for backlog in backlogs}
        self._window = Window()
        self._asking = Asking()
        self._held = self._held_singles = 0
        self._waiting: deque[_Turn] = deque()
        self._deadlines = Deadlines(self._decide)
        metrics.log_window_events.labels("single").set_function(self._shown(lambda: self._window.for_singles))
        metrics.log_window_events.labels("batch").set_function(
            self._shown(lambda: self._window.for_batches(self.clock()))
        )
        metrics.log_outstanding_events.set_function(lambda: float(self.outstanding))
        metrics.log_delay_seconds.set_function(lambda: self._window.delay_seconds)

    def _shown(self, bound: "Callable[[], float]") -> "Callable[[], float]":
        return lambda: float("inf") if self._is_open() else bound()

    @property
    def outstanding(self) -> int:
        """How many events are on their way from admission to commit."""
        return self._held + sum(backlog.events for backlog in self._backlogs.values())

    @property
    def _singles(self) -> int:
        """How many of them were posted one by one."""
        return self._held_singles + sum(backlog.singles for backlog in self._backlogs.values())

    def _is_open(self) -> bool:
        return self._asking.is_silent(self.clock())

    def admits_single(self) -> bool:
        """Return whether one more event is let in now."""
        in_the_way = self.outstanding if self._window.is_catching_up else self._singles
        if in_the_way < self._window.for_singles or self._is_open():
            return True
        self._window.note_single_kept_out(self.clock())
        return False

    async def admits_batch(self, events: int) -> bool:
        """Return whether a batch is let in, now or when its turn comes; then that many are held until `give_back`."""
        if not self._waiting and self._has_room_for_batch():
            self._held += events
            return True
        self._window.note_batch_kept_out()
        if len(self._waiting) >= MOST_WAITING:
            return False
        loop = asyncio.get_running_loop()
        turn = _Turn(loop.create_future(), events)
        self._waiting.append(turn)
        self._deadlines.add(turn.is_let_in, by=loop.time() + SILENCE_SECONDS)
        try:
            return await turn.is_let_in
        except asyncio.CancelledError:
            if turn.is_let_in.done() and not turn.is_let_in.cancelled() and turn.is_let_in.result():
                self.give_back(events)
            raise
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)

    def _has_room_for_batch(self) -> bool:
        now = self.clock()
        return self.outstanding < self._window.for_batches(now) or self._asking.is_silent(now)

    def _call_waiting(self) -> None:
        """Let in whose turn has come, in their order."""
        while self._waiting and (self._waiting[0].is_let_in.done() or self._has_room_for_batch()):
            turn = self._waiting.popleft()
            if not turn.is_let_in.done():
                self._held += turn.events
                turn.is_let_in.set_result(True)

    def _decide(self, is_let_in: "asyncio.Future[bool]") -> None:
        """Decide of one who has waited as long as it may."""
        self._call_waiting()
        if not is_let_in.done():
            is_let_in.set_result(False)

    def give_back(self, events: int) -> None:
        """Hold so many less; those that have become a stream's are counted there."""
        self._held -= events

    @contextmanager
    def holding(self, events: int) -> "Iterator[None]":
        """Count the events of a batch for the length of a block."""
        self._held += events
        try:
            yield
        finally:
            self.give_back(events)

    def hold_single(self) -> None:
        """Count an event that is read until `give_back_single`."""
        self._held += 1
        self._held_singles += 1

    def give_back_single(self) -> None:
        """Count it no longer; if it has become a stream's, it is counted there."""
        self._held -= 1
        self._held_singles -= 1

    def asks_now(self, events: int, *, can_hear: bool) -> bool:
        """Return whether a message of so many events shall ask how far the scorer is.

        `can_hear` says whether there is a way to be answered.
        """
        if not can_hear:
            self._asking.note_deaf()
            return False
        return self._asking.is_due(events, self.outstanding, self.clock())

    def note_stored(self, backlog: "Backlog", message: "Stored", *, asks: bool) -> None:
        """Note that the broker has confirmed a message of a stream, which asks how far the scorer is or does not."""
        backlog.note_stored(message)
        self._asking.note_stored(backlog.name, message.number, message.events, self.clock(), asks=asks)
        if message.number <= backlog.heard:
            # The word that it is committed has overtaken the broker's that it is stored.
            self.note_committed(backlog.name, backlog.heard)

    def note_committed(self, stream: str, number: int) -> None:
        """Note the scorer's word that a stream is committed up to a message."""
        backlog = self._backlogs.get(stream)
        if backlog is None:
            return
        now = self.clock()
        if self._asking.is_silent(now):
            self._window.catch_up(self.outstanding)
        progress = backlog.note_committed(number)
        self._asking.note_heard(stream, number, now)
        if progress is not None:
            self._window.note_committed(progress, now=now, outstanding=self.outstanding, singles=self._singles)
        self._call_waiting()
