"""Which days are for what: the earliest to grow trees on, then those that stop them, calibrate, and measure."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from fraudline.models.errors import TrainingRefused
from fraudline.models.histories.history import History
from fraudline.models.histories.period import Period
from fraudline.models.training.examples import Examples

LATER_SHARE: Final = 0.15
"""Of the days: so many stop the growth of trees, and as many calibrate and measure; the others are for training."""

FEWEST_DAYS: Final = 3
FEWEST_FRAUDS: Final = 10
"""With fewer, a sigmoid fitted to some days, or a recall measured on others, would say little."""


@dataclass(frozen=True, slots=True)
class Split:
    """The periods, in order of time; `judging` is made of days to calibrate on and days to measure on."""

    training: Period
    stopping: Period
    judging: Period

    @property
    def all_days(self) -> Period:
        """From the first day of training to the last one that is looked at."""
        return self.training.with_next(self.judging)


def split_days(history: History, first: date, last: date) -> Split:
    """Return the days for training, early stopping and judging: in this order, about 70 : 15 : 15.

    Raises:
        TrainingRefused: There are fewer than three days.
    """
    if len(history):
        first, last = max(first, history.first_day), min(last, history.last_day)
    days = (last - first).days + 1 if len(history) else 0
    if days < FEWEST_DAYS:
        raise TrainingRefused(
            f"Training takes at least {FEWEST_DAYS} days of transactions, there are {max(days, 0)}; "
            "choose --from and --until further apart."
        )
    later = max(1, round(days * LATER_SHARE))
    marks = [first + timedelta(days=offset) for offset in (0, days - 2 * later, days - later, days)]
    at = [history.index_of(day) for day in marks]
    return Split(*(Period(marks[n], marks[n + 1] - timedelta(days=1), at[n], at[n + 1]) for n in range(3)))


def halves(history: History, examples: Examples, period: Period) -> tuple[Period, Period] | None:
    """Return the earlier and the later half of some days; None where either would say too little by itself."""
    middle = period.first + timedelta(days=(period.days + 1) // 2)
    at = history.index_of(middle)
    earlier = Period(period.first, middle - timedelta(days=1), period.start, at)
    later = Period(middle, period.last, at, period.stop)
    if period.days > 1 and all(_says_something(examples.of(half)) for half in (earlier, later)):
        return earlier, later
    return None


def refuse_one_kind(examples: Examples, split: Split) -> None:
    """Raise `TrainingRefused` where the days for some purpose do not hold both frauds and others."""
    purposes = ((split.training, "training"), (split.stopping, "early stopping"), (split.judging, "calibration"))
    for period, purpose in purposes:
        part = examples.of(period)
        if part.has_both_kinds:
            continue
        what = "no fraud" if not part.frauds else "nothing but fraud"
        if not len(part):
            what = "no transaction"
        raise TrainingRefused(
            f"The days for {purpose}, {period.first} to {period.last}, hold {what}; choose other days or more of them."
        )


def _says_something(examples: Examples) -> bool:
    return FEWEST_FRAUDS <= examples.frauds < len(examples)
