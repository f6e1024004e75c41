"""What is learned from: features, outcomes and amounts, as production would have seen them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.events import TRANSACTION
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.registry import FEATURES, known_after_days
from fraudline.models.histories.history import History
from fraudline.models.histories.period import Period
from fraudline.models.histories.point_in_time import point_in_time
from fraudline.models.rates import Rates
from fraudline.models.scoring import featured

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is (0 to 1)."""

EVENTS_A_STEP = 65_536


@dataclass(frozen=True, slots=True)
class Examples:
    """The transactions from index `start` of the history on; parts share their arrays with the whole.

    Attributes:
        start: The index of the first one in the history.
        features: A row each, float64 with the columns of `FEATURES`: exactly what a score is computed from, so that a
            split lies where production will find it.
        is_fraud: Whether each is fraud.
        amounts: Each amount in the base currency; NaN where no rate is known.
        evicted: How many entities had to go while the features were computed.
    """

    start: int
    features: NDArray[np.float64]
    is_fraud: NDArray[np.bool_]
    amounts: NDArray[np.float64]
    evicted: int = 0

    def __len__(self) -> int:
        return len(self.is_fraud)

    @property
    def frauds(self) -> int:
        """How many of them are fraud."""
        return int(self.is_fraud.sum())

    @property
    def has_both_kinds(self) -> bool:
        """Whether there are frauds and others."""
        return 0 < self.frauds < len(self)

    def of(self, period: Period) -> "Examples":
        """Return those of one period."""
        part = slice(period.start - self.start, period.stop - self.start)
        return Examples(period.start, self.features[part], self.is_fraud[part], self.amounts[part])


def no_progress(_stage: str, _share: float) -> None:
    """Tell nobody."""


def warm(
    history: History, rates: Rates, *, label_delay: timedelta, start: int, max_entities: int, progress: Progress
) -> Examples:
    """Pass all of a history through the kernel, in the order of production; keep the examples from index `start` on."""
    events = point_in_time(history, rates, label_delay)
    features = np.empty((len(history) - start, len(FEATURES)))
    kernel, seen = Kernel(max_entities, known_after_days(label_delay)), 0
    for begin in range(0, len(events), EVENTS_A_STEP):
        progress("computing features", begin / len(events))
        rows = featured(kernel, events.part(begin, min(begin + EVENTS_A_STEP, len(events))))
        kernel.settle()
        kept = rows[max(0, start - seen) :]
        features[max(0, seen - start) : max(0, seen - start) + len(kept)] = kept
        seen += len(rows)
    progress("computing features", 1.0)
    amounts = events.amount[events.kind == TRANSACTION]
    return Examples(start, features, history.frauds[start:], amounts[start:], kernel.evicted)
