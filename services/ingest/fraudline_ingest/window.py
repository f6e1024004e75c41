"""How many events may stand in the log uncommitted: as many as it works off within the time that payments may wait.

The log is a queue that takes far more than it gives back in time. What it takes too much waits, and everybody waits
behind it. As TCP does for a network, the window watches how long an event takes from being ready to being committed:
while even the fastest of an interval take longer than the target it shrinks, to what would have met the target at the
same rate; while they do not, and it kept somebody out, it grows. Batches have a target of their own, which counts as
long as they have the log to themselves.

Several ingest processes share one log, and nobody tells one of the other. All see the same delay, so they shrink and
grow together; they shrink by the same factor and grow by the same amount on top of one, so that who has more gives up
more (Chiu and Jain, 1989). What each has in the log is its share of the rate.

After an outage the log holds what was accepted meanwhile. Refusing everybody until that is scored would make a second
outage of the first one's end: for ten events that are committed nine are taken, until the delay is under the target.
"""

from typing import TYPE_CHECKING

from fraudline.domain.event import MAX_EVENTS

if TYPE_CHECKING:
    from fraudline_ingest.backlog import Progress

# Some turns of the line at the size that its batches have under load, and less than a payer notices.
TARGET_SECONDS = 0.075
# A batch alone takes the first, since its thousand events are scored in two turns at the largest size. With less than
# another one behind it the line would wait for the next batch to be read.
BATCH_TARGET_SECONDS = 0.15
# Longer than the target, so that a change has shown in the delay before the next one.
INTERVAL_SECONDS = 0.1
# Half a batch of the scorer's: with less it would work in smaller ones than it could and pay more for each event. It
# also bounds what a slow database costs whose every commit takes longer than the target.
LEAST = MAX_EVENTS // 2
# Where it begins, and comes back to while nobody is kept out: room for a burst. A flood is noticed before it is full.
USUAL = 2 * MAX_EVENTS
MOST = 64 * MAX_EVENTS
STRONGEST_CUT = 0.25
GROWTH_SHARE, GROWTH_EVENTS = 1 / 16, 16
TAKEN_PER_COMMITTED = 0.9


class Window:
    """The bound on events outstanding, moved by what is known of the log.

    Attributes:
        size: The bound, in events.
        delay_seconds: What the last committed message took from being ready; NaN before the first.
        is_catching_up: Whether what an outage left is worked off.
    """

    def __init__(self) -> None:
        self.size = float(USUAL)
        self.delay_seconds = float("nan")
        self.is_catching_up = False
        self._has_kept_out = False
        self._began_at = float("-inf")
        self._least_seconds = self._least_batch_seconds = float("inf")
        self._most_outstanding = 0

    def note_kept_out(self) -> None:
        """Note that somebody was refused, or had to wait."""
        self._has_kept_out = True

    def catch_up(self, outstanding: int) -> None:
        """Begin to work off what was let in while nothing was heard of the log."""
        self.is_catching_up = True
        self.size = max(self.size, outstanding)

    def note_committed(self, progress: "Progress", *, now: float, outstanding: int) -> None:
        """Move with the news of what was committed.

        Args:
            progress: That.
            now: The time on the same clock, in seconds.
            outstanding: How many events are uncommitted still.
        """
        self.delay_seconds = now - progress.since
        if self.is_catching_up:
            self.size = max(LEAST, min(self.size, outstanding + TAKEN_PER_COMMITTED * progress.events))
            target = TARGET_SECONDS if progress.has_singles else BATCH_TARGET_SECONDS
            if self.delay_seconds <= target or self.size == LEAST:
                self.is_catching_up = False
                self._begin_interval(now)
            return
        self._most_outstanding = max(self._most_outstanding, outstanding + progress.events)
        if progress.since < self._began_at:
            return  # it waited behind what the window had let in before it moved
        if progress.has_singles:
            self._least_seconds = min(self._least_seconds, self.delay_seconds)
        else:
            self._least_batch_seconds = min(self._least_batch_seconds, self.delay_seconds)
        if now - self._began_at >= INTERVAL_SECONDS:
            self._move()
            self._begin_interval(now)

    def _move(self) -> None:
        least, target = self._least_seconds, TARGET_SECONDS
        if least == float("inf"):
            least, target = self._least_batch_seconds, BATCH_TARGET_SECONDS
        if least > target:
            factor = max(STRONGEST_CUT, target / max(least, self.delay_seconds))
            self.size = max(LEAST, factor * min(self.size, self._most_outstanding))
            return
        grown = self.size * (1 + GROWTH_SHARE) + GROWTH_EVENTS
        if self._has_kept_out:
            self.size = min(MOST, grown)
        elif self.size < USUAL:
            self.size = min(USUAL, grown)
        else:
            self.size = max(USUAL, self.size * (1 - GROWTH_SHARE))

    def _begin_interval(self, now: float) -> None:
        self._began_at = now
        self._least_seconds = self._least_batch_seconds = float("inf")
        self._most_outstanding = 0
        self._has_kept_out = False
