"""Transactions with what was said of them and what they turned out to be: what an evaluation measures."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.domain.policy import Decision

DAY_MICROSECONDS = 86_400_000_000
DECISIONS: Final = (Decision.APPROVE, Decision.REVIEW, Decision.DECLINE)
"""What the codes 0, 1 and 2 of `Scored.decision` stand for."""
APPROVED, REVIEWED, DECLINED = range(3)

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Scored:
    """A struct of arrays, one entry a transaction, in order of time.

    Attributes:
        time: Microseconds since 1970 (UTC), int64; never descending.
        card: A code for its card, int64, 0 to `cards` - 1: equal codes are one card.
        amount: In the base currency; NaN where no rate is known.
        is_fraud: Whether it turned out to be fraud.
        score: The probability that the model gave; NaN where it gave none.
        decision: The index into `DECISIONS` of what was decided, uint8.
        cards: How many codes of cards there are; not all of them need to occur.
    """

    time: NDArray[np.int64]
    card: NDArray[np.int64]
    amount: NDArray[np.float64]
    is_fraud: NDArray[np.bool_]
    score: NDArray[np.float64]
    decision: NDArray[np.uint8]
    cards: int

    def __len__(self) -> int:
        return len(self.time)

    @property
    def day(self) -> NDArray[np.int64]:
        """The day (UTC) of each transaction, counted from 1970-01-01."""
        return self.time // DAY_MICROSECONDS

    @property
    def is_flagged(self) -> NDArray[np.bool_]:
        """Whether each was to be reviewed or declined."""
        return np.not_equal(self.decision, APPROVED)

    @property
    def first_day(self) -> date:
        """The day (UTC) of the first transaction."""
        return day_of(int(self.day[0]))

    @property
    def last_day(self) -> date:
        """The day (UTC) of the last transaction."""
        return day_of(int(self.day[-1]))

    @property
    def days(self) -> int:
        """How many days there are from the first to the last, both included."""
        return int(self.day[-1] - self.day[0]) + 1

    def where(self, chosen: NDArray[np.bool_]) -> "Scored":
        """Return those for which `chosen` is true; the codes of cards stay."""
        return Scored(
            self.time[chosen],
            self.card[chosen],
            self.amount[chosen],
            self.is_fraud[chosen],
            self.score[chosen],
            self.decision[chosen],
            self.cards,
        )


def day_of(number: int) -> date:
    """Return the day that stands so many days after 1970-01-01."""
    return _EPOCH + timedelta(days=number)


def number_of(day: date) -> int:
    """Return how many days a day stands after 1970-01-01."""
    return (day - _EPOCH).days
