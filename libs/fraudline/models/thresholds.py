"""How the two thresholds are chosen: by what a decision costs, within what analysts can look at.

A review is worth its cost where the expected loss is higher: p · loss >= REVIEW_COST, `loss` being the mean amount of a
fraud. Declining without a look is cheaper than a review where turning a good customer away is unlikely enough:
(1 - p) · DECLINE_COST <= REVIEW_COST. Where more than ALERT_BUDGET of the transactions would be flagged, `review` rises
until no more are. Costs are in the base currency.
"""

import numpy as np
from numpy.typing import NDArray

from fraudline.domain.policy import Thresholds

REVIEW_COST = 3.0
DECLINE_COST = 10.0
ALERT_BUDGET = 0.01
_LOWEST_REVIEW, _HIGHEST_REVIEW = 0.005, 0.5


def choose_thresholds(probability: NDArray[np.float64], mean_fraud_amount: float) -> Thresholds:
    """Return the thresholds for calibrated probabilities of days that the model was not trained on."""
    review = min(max(REVIEW_COST / max(mean_fraud_amount, REVIEW_COST), _LOWEST_REVIEW), _HIGHEST_REVIEW)
    most = int(ALERT_BUDGET * len(probability))
    first_too_many = float(np.sort(probability)[::-1][most]) if most < len(probability) else 0.0
    if first_too_many >= review:
        review = min(float(np.nextafter(first_too_many, 1.0)), 1.0)
    decline = 1 - REVIEW_COST / DECLINE_COST
    return Thresholds(review, max(decline, review))


def description(mean_fraud_amount: float, base_currency: str) -> str:
    """Return in one sentence how the thresholds were chosen."""
    return (
        f"review where the expected loss (mean fraud {mean_fraud_amount:.2f} {base_currency}) exceeds the cost of a "
        f"review ({REVIEW_COST:.2f}), raised until at most {ALERT_BUDGET:.1%} of the calibration days' transactions "
        f"are flagged; decline where turning a good customer away ({DECLINE_COST:.2f}) is expected to cost less than "
        "a review"
    )
