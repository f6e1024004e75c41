"""How the two thresholds are chosen: by what the decisions would have cost on days that no tree has seen.

A missed fraud costs its amount, a review costs what a look costs and catches the fraud, a decline costs where it turns
a good customer away. Of all pairs of thresholds that flag no more than the budget allows, the cheapest is taken. Sorted
by score, the cost of flagging the first k and declining the first j of them is a sum of something of k and something of
j, so one pass finds the best j for every k.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.domain.policy import NEVER, Thresholds
from fraudline.models.errors import TrainingRefused
from fraudline.models.training.costs import Budget

_SUREST: Final = math.nextafter(1.0, 0.0)
"""A score of 1 counts as this: a threshold between the two would be 1, which stands for none."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Thresholds with what they come to on the days that they were chosen on, by day, money in the base currency.

    Attributes:
        thresholds: The choice.
        alerts_allowed: How many transactions could be flagged a day.
        alerts: How many would have been.
        cost: What the decisions would have cost.
        cost_without: What it costs to approve everything: the frauds.
    """

    thresholds: Thresholds
    alerts_allowed: float
    alerts: float
    cost: float
    cost_without: float


def choose_thresholds(
    probability: NDArray[np.float64],
    is_fraud: NDArray[np.bool_],
    amounts: NDArray[np.float64],
    *,
    days: int,
    budget: Budget,
) -> Choice:
    """Return the cheapest thresholds; equal probabilities are never parted.

    Args:
        probability: Calibrated probabilities of all transactions of some days.
        is_fraud: What they turned out to be.
        amounts: In the base currency; those that are unknown (NaN) are reviewed whatever the thresholds, so they take
            their place in the budget and tell nothing else.
        days: How many days they are of.
        budget: The costs, and how many alerts people can take.

    Raises:
        TrainingRefused: No amount is known.
    """
    allowed = budget.alerts_among(len(probability), days)
    refuse_unknown_amounts(amounts)
    known = np.isfinite(amounts)
    without_rate = int((~known).sum())
    order = np.argsort(-probability[known], kind="stable")
    score, fraud = np.minimum(probability[known][order], _SUREST), is_fraud[known][order]
    lost = np.where(fraud, amounts[known][order], 0.0)
    # Places where the ranking may be cut: before all, and wherever the next probability is another one.
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(score)) + 1, [len(score)]])
    missed = lost.sum() - np.append(0.0, np.cumsum(lost))[cuts]
    turned_away = np.append(0, np.cumsum(~fraud))[cuts]
    flagging = missed + budget.review_cost * (cuts + without_rate)
    declining = budget.decline_cost * turned_away - budget.review_cost * cuts
    cheapest = np.minimum.accumulate(declining)
    affordable = cuts + without_rate <= allowed
    # Nothing flagged is always an answer, even where what has no rate fills the budget by itself.
    affordable[0] = True
    best = int(np.argmin(np.where(affordable, flagging + cheapest, np.inf)))
    best_decline = int(np.flatnonzero(declining[: best + 1] == cheapest[best])[0])
    review = _threshold(score, int(cuts[best]))
    decline = _threshold(score, int(cuts[best_decline]))
    return Choice(
        thresholds=Thresholds(review, max(decline, review)),
        alerts_allowed=allowed / days,
        alerts=float(cuts[best] + without_rate) / days,
        cost=float(flagging[best] + cheapest[best]) / days,
        cost_without=float(lost.sum()) / days,
    )


def refuse_unknown_amounts(amounts: NDArray[np.float64]) -> None:
    """Raise `TrainingRefused` where no amount of the days for calibration has a rate: before any tree is grown."""
    if not np.isfinite(amounts).any():
        raise TrainingRefused("No amount of the days for calibration is known in the base currency; give --rates.")


def _threshold(score: NDArray[np.float64], flagged: int) -> float:
    """Return the probability from which on exactly the first `flagged` are taken; `NEVER` for none."""
    if not flagged:
        return NEVER
    # Halfway to the next: what comes later falls on either side as it is nearer to the one or the other.
    lowest = float(score[flagged - 1])
    next_one = float(score[flagged]) if flagged < len(score) else 0.0
    middle = (lowest + next_one) / 2
    return middle if next_one < middle else lowest
