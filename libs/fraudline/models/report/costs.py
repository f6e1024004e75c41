"""What decisions cost a day, as they were and at every other threshold."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.models.evaluation.scored import DECLINED, Scored

Floats = NDArray[np.float64]

THRESHOLDS: Final = 160
LOWEST_THRESHOLD: Final = 1e-4
_HIGHEST_LOWEST: Final = 0.1


@dataclass(frozen=True, slots=True)
class Costs:
    """What decisions cost, in the base currency; a missed fraud costs its amount.

    Attributes:
        review: One look of an analyst.
        decline: One good customer turned away.
    """

    review: float
    decline: float


class Ledger:
    """The cost a day of any two thresholds, for some transactions: frauds that pass, reviews, customers turned away.

    What has no score or no amount in the base currency is reviewed, whatever the thresholds, as the policy does.
    """

    def __init__(self, scored: Scored, costs: Costs) -> None:
        is_judged = np.isfinite(scored.score) & np.isfinite(scored.amount)
        judged = scored.where(is_judged)
        order = np.argsort(judged.score, kind="stable")
        self._score = judged.score[order]
        is_fraud = judged.is_fraud[order]
        # One entry more than rows: what lies below the first threshold of all is nothing.
        self._lost_below = np.append(0.0, np.cumsum(np.where(is_fraud, judged.amount[order], 0.0)))
        self._good_below = np.append(0, np.cumsum(~is_fraud))
        self._always_reviewed = len(scored) - len(judged)
        self._costs, self._days = costs, scored.days

    def cost_a_day(self, review: Floats, decline: Floats) -> Floats:
        """Return the cost a day for each pair of thresholds, `review` at most `decline`."""
        passed = np.searchsorted(self._score, review, side="left")
        kept = np.searchsorted(self._score, decline, side="left")
        reviews = kept - passed + self._always_reviewed
        turned_away = self._good_below[-1] - self._good_below[kept]
        cost = self._lost_below[passed] + reviews * self._costs.review + turned_away * self._costs.decline
        return np.asarray(cost / self._days, dtype=np.float64)

    def by_review(self, tried: Floats, decline: float) -> Floats:
        """Return the cost a day for each threshold of a review; declines stay where they are, or begin there."""
        return self.cost_a_day(tried, np.maximum(tried, decline))

    def by_decline(self, tried: Floats, review: float) -> Floats:
        """Return the cost a day for each threshold of a decline; reviews stay where they are, or end there."""
        return self.cost_a_day(np.minimum(tried, review), tried)


def thresholds_to_try(scored: Scored) -> Floats:
    """Return thresholds over the scores' decades, equally far apart by their logarithm, up to 1."""
    known = scored.score[np.isfinite(scored.score) & (scored.score > 0)]
    lowest = float(np.clip(known.min(initial=1.0), LOWEST_THRESHOLD, _HIGHEST_LOWEST))
    return np.geomspace(lowest, 1.0, THRESHOLDS)


def cost_of_decisions(scored: Scored, costs: Costs) -> float:
    """Return what the decisions as they were cost a day."""
    missed = float(np.nansum(scored.amount[~scored.is_flagged & scored.is_fraud]))
    is_declined = scored.decision == DECLINED
    reviews = int((scored.is_flagged & ~is_declined).sum())
    turned_away = int((is_declined & ~scored.is_fraud).sum())
    return (missed + reviews * costs.review + turned_away * costs.decline) / scored.days
