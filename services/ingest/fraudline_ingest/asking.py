"""When the scorer is asked how far it is with the log, and whether it answers."""

from fraudline_ingest.window import LEAST

# Often enough that what was committed is known long before the window is full again; a reply costs the scorer 80 to 100
# microseconds, so this is half a hundredth of its time at most.
EVERY_SECONDS = 0.02
# What was stored since the last question is never enough to keep anybody out: nobody would be left to ask.
EVERY_EVENTS = LEAST // 4
# A scorer that says nothing for so long is away or catching up, and that is no overload: the queue is there for it.
SILENCE_SECONDS = 1.0
# So few events are no backlog. A payment alone would pay for the whole reply, a twentieth of what it costs the scorer.
HANDFUL = 16


class Asking:
    """Asks in a message each 20 ms at most, or as many events; each second, until an answer shows that one can come.

    It is not needed that each question is answered: what is heard of a later message holds for earlier ones too.
    """

    def __init__(self) -> None:
        self._pause_seconds = SILENCE_SECONDS
        self._asked_at = float("-inf")
        self._events_since = 0
        self._open: dict[str, int] = {}
        self._unheard_since: float | None = None

    def is_due(self, events: int, outstanding: int, now: float) -> bool:
        """Return whether a message of so many events shall ask, with all that are outstanding."""
        if outstanding <= HANDFUL:
            return False
        is_known = self._pause_seconds < SILENCE_SECONDS
        is_much = self._events_since + events >= EVERY_EVENTS
        return now - self._asked_at >= self._pause_seconds or (is_known and is_much)

    def note_stored(self, stream: str, number: int, events: int, now: float, *, asks: bool) -> None:
        """Note that a message is stored, which asks or does not."""
        self._events_since += events
        if asks:
            self._asked_at = now
            self._events_since = 0
            self._open[stream] = number
        if self._unheard_since is None and self._is_owed():
            self._unheard_since = now

    def note_heard(self, stream: str, number: int, now: float) -> None:
        """Note the word that a stream is committed up to a message."""
        self._pause_seconds = EVERY_SECONDS
        if number >= self._open.get(stream, 0):
            self._open.pop(stream, None)
        self._unheard_since = now if self._is_owed() else None

    def _is_owed(self) -> bool:
        return bool(self._open) or self._events_since >= EVERY_EVENTS

    def note_deaf(self) -> None:
        """Note that no answer could be heard: until one is, the scorer is taken to be silent."""
        self._unheard_since = float("-inf")

    def is_silent(self, now: float) -> bool:
        """Return whether no answer has come for a second although one was owed."""
        return self._unheard_since is not None and now - self._unheard_since >= SILENCE_SECONDS
