"""The log with a scorer behind it, and ingest processes before it, on a clock of their own: no servers, no waiting."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import count

from prometheus_client import CollectorRegistry

from fraudline.domain.event import MAX_EVENTS
from fraudline_ingest.admission import Admission
from fraudline_ingest.backlog import Backlog, Stored
from fraudline_ingest.metrics import IngestMetrics

TICK_SECONDS = 0.001
# Messages are as far apart: what is let in meanwhile shares one.
CONFIRM_TICKS = 5
REPLY_SECONDS = 0.002


@dataclass(slots=True)
class Message:
    producer: Ingest
    number: int
    admitted_at: list[float]
    asks: bool


class Ingest:
    """One process: lets in what is offered, or not, and puts it into the log."""

    def __init__(self, log: SimulatedLog) -> None:
        self._log = log
        self._backlog = Backlog("0")
        self.admission = Admission([self._backlog], IngestMetrics(CollectorRegistry()), clock=lambda: log.now)
        self._ready: list[float] = []
        self._owed = 0.0
        self._number = 1
        self.can_hear = True
        self.refused = 0
        self.committed_at: list[float] = []
        self.delays: list[float] = []

    def offer(self, events: float) -> None:
        """Offer so many single events; fractions add up."""
        self._owed += events
        while self._owed >= 1:
            self._owed -= 1
            if self.admission.admits_single():
                self._backlog.enter(1)
                self._ready.append(self._log.now)
            else:
                self.refused += 1

    def publish(self) -> None:
        if not self._ready:
            return
        taken, self._ready = self._ready[:MAX_EVENTS], self._ready[MAX_EVENTS:]
        asks = self.admission.asks_now(len(taken), can_hear=self.can_hear)
        self._log.queue.append(Message(self, self._number, taken, asks))
        stored = Stored(self._number, len(taken), len(taken), since=taken[0])
        self.admission.note_stored(self._backlog, stored, asks=asks)
        self._number += 1

    def rate(self, begin: float, end: float) -> float:
        """Return how many events a second were committed between two times."""
        return sum(begin <= at < end for at in self.committed_at) / (end - begin)

    def delays_between(self, begin: float, end: float) -> list[float]:
        """Return, in order, how long the events took that were committed between two times."""
        return sorted(d for at, d in zip(self.committed_at, self.delays, strict=True) if begin <= at < end)


@dataclass
class SimulatedLog:
    """A queue, and a scorer that commits so many events a second out of it, whole messages at a time.

    `is_away` stops the scorer, `loses` says which replies do not arrive, by their number.
    """

    rate: float
    base_seconds: float = 0.001
    processes: int = 1
    now: float = 0.0
    is_away: bool = False
    loses: tuple[int, int] = (0, 0)
    queue: deque[Message] = field(default_factory=deque)
    ingests: list[Ingest] = field(default_factory=list)
    _in_hand: list[Message] = field(default_factory=list)
    _done_at: float = 0.0
    _replies: deque[tuple[float, Ingest, int]] = field(default_factory=deque)
    _numbers: count[int] = field(default_factory=count)

    def __post_init__(self) -> None:
        self.ingests = [Ingest(self) for _ in range(self.processes)]

    def run(self, seconds: float, *offered: float) -> None:
        """Go on for so long, with so many events a second offered to each process."""
        for tick in range(round(seconds / TICK_SECONDS)):
            self.now += TICK_SECONDS
            for ingest, rate in zip(self.ingests, offered, strict=True):
                ingest.offer(rate * TICK_SECONDS)
                if tick % CONFIRM_TICKS == 0:
                    ingest.publish()
            self._score()
            while self._replies and self._replies[0][0] <= self.now:
                _, ingest, number = self._replies.popleft()
                ingest.admission.note_committed("0", number)

    def _score(self) -> None:
        if self.is_away:
            return
        if self._in_hand and self.now >= self._done_at:
            self._commit()
        if self._in_hand or not self.queue:
            return
        events = 0
        while self.queue and (not events or events + len(self.queue[0].admitted_at) <= MAX_EVENTS):
            events += len(self.queue[0].admitted_at)
            self._in_hand.append(self.queue.popleft())
        self._done_at = self.now + self.base_seconds + events / self.rate

    def _commit(self) -> None:
        asked: dict[Ingest, int] = {}
        for message in self._in_hand:
            for admitted_at in message.admitted_at:
                message.producer.committed_at.append(self.now)
                message.producer.delays.append(self.now - admitted_at)
            if message.asks:
                asked[message.producer] = message.number
        self._in_hand = []
        for ingest, number in asked.items():
            lost, of = self.loses
            if not of or next(self._numbers) % of >= lost:
                self._replies.append((self.now + REPLY_SECONDS, ingest, number))
