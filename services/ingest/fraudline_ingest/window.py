"""How many events may stand in the log uncommitted: as many as it works off within the time that payments may wait.

The log is a queue that takes far more than it gives back in time. What it takes too much waits, and everybody waits
behind it. As TCP does for a network, the window watches how long an event takes from being ready to being committed:
while those of an interval take longer than the target on average it shrinks, to what would have met the target at the
same rate; while they do not, and it kept somebody out, it grows.

It has two bounds: for single posts on their own number, for batches on all there is. While most of what is in the log
came in batches theirs alone shrinks: what they take from single posts is time, not room. Batches have a target of their
own, which counts while they have the log to themselves.

Several ingest processes share one log, and nobody tells one of the other. All see about the same delay, and what each
has in the log is its share of the rate. The smaller a bound, the longer is the target that it is held to: so they come
to rest near the same size, as flows do under TCP Vegas, and not where one has all that the others were cut down by.

After an outage the log holds what was accepted meanwhile. Refusing everybody until that is scored would make a second
outage of the first one's end: for ten events that are committed nine are taken, until the delay is under the target.
"""

from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING

from fraudline.domain.event import MAX_EVENTS

if TYPE_CHECKING:
    from fraudline_ingest.backlog import Progress

# Some turns of the line at the size that its batches have under load. With a tenth more the slowest payments of a flood
# take more than twice of what they take at three quarters of the peak; with a tenth less some are refused near it.
TARGET_SECONDS = 0.045
# A batch alone takes half of it, since its thousand events are scored in two turns at the largest size. With less than
# another one behind it the line would wait for the next batch to be read.
BATCH_TARGET_SECONDS = 0.125
# Both are for a bound without end: one of so many events is held to twice as long a delay.
EXTRA_EVENTS = 128
# Longer than the target, so that a change has shown in the delay before the next one.
INTERVAL_SECONDS = 0.1
# Half a batch of the scorer's: with less it would work in smaller ones than it could and pay more for each event. It
# also bounds what a slow database costs whose every commit takes longer than the target.
LEAST = MAX_EVENTS // 2
# Where it begins, and comes back to while nobody is kept out: room for a burst. A flood is noticed before it is full.
USUAL = 2 * MAX_EVENTS
MOST = 64 * MAX_EVENTS
# A batch comes in when so few events are left that single posts lose no more than the time which it takes by itself.
LEAST_FOR_BATCHES = LEAST // 2
# With less than a message of the largest size in the log the scorer would run dry before the next batch is read.
LEAST_FOR_BATCHES_ALONE = MAX_EVENTS
# So long after the last single post batches count as alone.
ALONE_AFTER_SECONDS = 1.0
# So long after a single post was refused no batch comes in: what room there is belongs to them.
YIELD_SECONDS = 1.0
STRONGEST_CUT = 0.25
GROWTH_SHARE, GROWTH_EVENTS = 1 / 16, 16
TAKEN_PER_COMMITTED = 0.9
# After an outage single posts come in first.
BATCHES_IN_CATCHING_UP = 0.5


@dataclass(slots=True)
class _Interval:
    """What was seen since it began, by kind: delays, the most that were outstanding, who was kept out."""

    began_at: float
    delays: list[float] = field(default_factory=list)
    batch_delays: list[float] = field(default_factory=list)
    most_singles: int = 0
    most_batches: int = 0
    has_kept_single_out: bool = False
    has_kept_batch_out: bool = False


class Window:
    """The bounds on events outstanding, moved by what is known of the log.

    Attributes:
        for_singles: How many single posts may be outstanding; while catching up, how many events.
        delay_seconds: What the last committed message took from being ready; NaN before the first.
        is_catching_up: Whether what an outage left is worked off.
    """

    def __init__(self) -> None:
        self.for_singles = float(USUAL)
        self.delay_seconds = float("nan")
        self.is_catching_up = False
        self._for_batches = float(LEAST_FOR_BATCHES_ALONE)
        self._single_seen_at = self._single_kept_out_at = float("-inf")
        self._seen = _Interval(float("-inf"))

    def for_batches(self, now: float) -> float:
        """Return below how many events outstanding a batch is let in."""
        if now - self._single_kept_out_at < YIELD_SECONDS:
            return 0.0
        if self.is_catching_up:
            return BATCHES_IN_CATCHING_UP * self.for_singles
        if now - self._single_seen_at >= ALONE_AFTER_SECONDS:
            return max(LEAST_FOR_BATCHES_ALONE, self._for_batches)
        return self._for_batches

    def note_single_kept_out(self, now: float) -> None:
        """Note that a single post was refused."""
        self._seen.has_kept_single_out = True
        self._single_kept_out_at = now

    def note_batch_kept_out(self) -> None:
        """Note that a batch was refused, or had to wait."""
        self._seen.has_kept_batch_out = True

    def catch_up(self, outstanding: int) -> None:
        """Begin to work off what was let in while nothing was heard of the log."""
        self.is_catching_up = True
        self.for_singles = max(self.for_singles, outstanding)

    def note_committed(self, progress: "Progress", *, now: float, outstanding: int, singles: int) -> None:
        """Move with the news of what was committed.

        Args:
            progress: That.
            now: The time on the same clock, in seconds.
            outstanding: How many events are uncommitted still.
            singles: How many of them were posted one by one.
        """
        self.delay_seconds = now - progress.since
        if progress.singles:
            self._single_seen_at = now
        if self.is_catching_up:
            self._catch_up_further(progress, now, outstanding)
            return
        seen = self._seen
        seen.most_singles = max(seen.most_singles, singles + progress.singles)
        others = outstanding - singles + progress.events - progress.singles
        seen.most_batches = max(seen.most_batches, others)
        if progress.since < seen.began_at:
            return  # it waited behind what the window had let in before it moved
        (seen.delays if progress.ends_with_single else seen.batch_delays).append(self.delay_seconds)
        if now - seen.began_at >= INTERVAL_SECONDS:
            self._move(seen)
            self._seen = _Interval(now)

    def _catch_up_further(self, progress: "Progress", now: float, outstanding: int) -> None:
        self.for_singles = max(LEAST, min(self.for_singles, outstanding + TAKEN_PER_COMMITTED * progress.events))
        target = target_seconds(LEAST, are_batches_alone=not progress.ends_with_single)
        if self.delay_seconds <= target or self.for_singles == LEAST:
            self.is_catching_up = False
            self._seen = _Interval(now)

    def _move(self, seen: "_Interval") -> None:
        delay = fmean(seen.delays or seen.batch_delays)
        are_batches_most = seen.most_batches > seen.most_singles
        bound = self._for_batches if are_batches_most else min(self.for_singles, seen.most_singles)
        target = target_seconds(bound, are_batches_alone=not seen.delays)
        if delay > target:
            cut = max(STRONGEST_CUT, target / max(delay, self.delay_seconds)) * bound
            if are_batches_most:
                self._for_batches = max(LEAST_FOR_BATCHES, cut)
            elif seen.most_singles >= min(self.for_singles / 2, MAX_EVENTS):
                self.for_singles = max(LEAST, cut)
            # Else there is room, and what made them wait is over soon, or no work for a window.
            return
        self.for_singles = _grown(self.for_singles, usual=USUAL, is_short=seen.has_kept_single_out)
        self._for_batches = _grown(self._for_batches, usual=LEAST_FOR_BATCHES_ALONE, is_short=seen.has_kept_batch_out)


def target_seconds(bound: float, *, are_batches_alone: bool = False) -> float:
    """Return how long events may take on average under a bound of so many."""
    usual = BATCH_TARGET_SECONDS if are_batches_alone else TARGET_SECONDS
    return usual * (1 + EXTRA_EVENTS / max(bound, LEAST_FOR_BATCHES))


def _grown(bound: float, *, usual: int, is_short: bool) -> float:
    """Return a bound after an interval within the target: larger where it is short, else nearer to what is usual."""
    grown = bound * (1 + GROWTH_SHARE) + GROWTH_EVENTS
    if is_short:
        return min(MOST, grown)
    if bound < usual:
        return min(usual, grown)
    return max(usual, bound * (1 - GROWTH_SHARE))
