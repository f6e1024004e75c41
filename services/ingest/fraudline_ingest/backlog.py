"""What one stream has put into the log and the scorer is not known to have committed."""

from collections import deque
from dataclasses import dataclass

# Past it two neighbours become one: after hours of an outage the ledger is coarse and no larger.
MOST_MESSAGES = 8_192


@dataclass(slots=True)
class Stored:
    """A message that the broker has confirmed.

    Attributes:
        number: Its number in the stream.
        events: How many it holds.
        singles: How many of them were posted one by one.
        since: When the oldest of them was ready, in seconds, on the clock of who counts.
    """

    number: int
    events: int
    singles: int
    since: float


@dataclass(frozen=True, slots=True)
class Progress:
    """What was committed.

    Attributes:
        events: How many events.
        singles: How many of them were posted one by one.
        since: When the oldest event of the last message was ready, on the clock of who counts.
        ends_with_single: Whether that message held events that were posted one by one.
    """

    events: int
    singles: int
    since: float
    ends_with_single: bool


class Backlog:
    """Counts events from when they are ready to be published to the word that they are committed.

    Each event leaves once: with its message, if the broker does not take that; by itself, if its caller left before; or
    when a message of this or a higher number is committed. So a word that is lost makes the count too high only until
    the next one.

    Attributes:
        name: The stream's.
        events: How many there are.
        singles: How many of them were posted one by one.
        heard: The highest number that is known to be committed; -1 before the first.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.events = 0
        self.singles = 0
        self.heard = -1
        self._stored: deque[Stored] = deque()

    def enter(self, events: int) -> None:
        """Count events that are ready, posted together."""
        self.events += events
        if events == 1:
            self.singles += 1

    def leave(self, events: int, *, singles: int) -> None:
        """Count events no longer, so many single ones among them: they were not stored."""
        self.events -= events
        self.singles -= singles

    def note_stored(self, message: Stored) -> None:
        """Note that the broker has confirmed a message; numbers only rise."""
        self._stored.append(message)
        if len(self._stored) > MOST_MESSAGES:
            self._join_neighbours()

    def note_committed(self, number: int) -> Progress | None:
        """Let go of all messages up to a number; None where that is no news."""
        self.heard = max(self.heard, number)
        events = singles = 0
        last: Stored | None = None
        while self._stored and self._stored[0].number <= number:
            last = self._stored.popleft()
            events += last.events
            singles += last.singles
            self.leave(last.events, singles=last.singles)
        if last is None:
            return None
        return Progress(events, singles, last.since, ends_with_single=last.singles > 0)

    def _join_neighbours(self) -> None:
        joined: deque[Stored] = deque()
        for at, message in enumerate(self._stored):
            if at % 2:
                joined[-1].number = message.number
                joined[-1].events += message.events
                joined[-1].singles += message.singles
            else:
                joined.append(message)
        self._stored = joined
