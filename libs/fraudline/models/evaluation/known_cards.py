"""Cards that everybody knows to be compromised do not count: finding them again is no merit.

The protocol of the "Reproducible Machine Learning for Credit Card Fraud Detection" handbook: on a test day, cards with
a fraud that was known by then are left out, their transactions being blocked in practice.
"""

from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.registry import known_after_days
from fraudline.models.evaluation.scored import DAY_MICROSECONDS, number_of

_NEVER = np.iinfo(np.int64).max


def is_known(
    time: NDArray[np.int64],
    card: NDArray[np.int64],
    *,
    fraud_time: NDArray[np.int64],
    fraud_card: NDArray[np.int64],
    known_from: date,
    label_delay: timedelta,
) -> NDArray[np.bool_]:
    """Return which transactions are of a card with a fraud that was known on their day.

    A fraud of a day is known from the day after the label delay is over: with 7 days, on day d all frauds until d - 8
    days. Those before `known_from` are not asked about.

    Args:
        time: When each transaction was, in microseconds since 1970.
        card: A code for the card of each.
        fraud_time: When each fraud was.
        fraud_card: The codes of their cards.
        known_from: The first day whose frauds count as known.
        label_delay: How long after it a fraud becomes known.
    """
    fraud_day = fraud_time // DAY_MICROSECONDS
    counts = fraud_day >= number_of(known_from)
    cards = int(max(card.max(initial=-1), fraud_card.max(initial=-1))) + 1
    first_fraud = np.full(cards, _NEVER)
    np.minimum.at(first_fraud, fraud_card[counts], fraud_day[counts])
    return time // DAY_MICROSECONDS - known_after_days(label_delay) >= first_fraud[card]
