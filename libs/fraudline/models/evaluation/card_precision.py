"""Card precision: of the cards that a team could look at each day, how many had a fraud that day.

The measure of the "Reproducible Machine Learning for Credit Card Fraud Detection" handbook (chapter 4, card precision
top-k): a card's score on a day is the highest of its transactions; the `k` cards with the highest scores are looked at;
a card found with a fraud is blocked and looked at on no later day. The result is the mean over the days. Dividing by
`k` also where fewer cards had a payment is the handbook's way.
"""

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraudline.models.evaluation.scored import Scored

CARDS_A_DAY: Final = 100


class _Day(NamedTuple):
    card: NDArray[np.int64]
    had_fraud: NDArray[np.bool_]


class CardDays:
    """The cards of each day in descending order of their scores; equal ones by the code of the card."""

    def __init__(self, scored: Scored) -> None:
        ranked = scored.where(np.isfinite(scored.score))
        begin = np.flatnonzero(np.diff(ranked.day, prepend=ranked.day[:1] - 1)).tolist()
        self._days = [
            _cards_of_day(ranked.card[start:stop], ranked.score[start:stop], ranked.is_fraud[start:stop])
            for start, stop in zip(begin, [*begin[1:], len(ranked)], strict=False)
        ]

    def measure(self, weights: NDArray[np.float64], k: int = CARDS_A_DAY) -> NDArray[np.float64]:
        """Return the card precision for each weighting; NaN where no day has a card with a score.

        Args:
            weights: How often each card is there (whole numbers); a row a weighting, a column a card. A card that is
                there twice is two cards.
            k: The number of cards that are looked at each day.
        """
        if not self._days:
            return np.full(len(weights), np.nan)
        left = weights.copy()
        precision = np.zeros(len(weights))
        for day in self._days:
            there = left[:, day.card]
            before = np.cumsum(there, axis=1) - there
            found = np.clip(k - before, 0, there)[:, day.had_fraud]
            precision += found.sum(axis=1) / k
            left[:, day.card[day.had_fraud]] -= found
        return precision / len(self._days)


def _cards_of_day(card: NDArray[np.int64], score: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> _Day:
    cards, row = np.unique(card, return_inverse=True)
    highest = np.full(len(cards), -np.inf)
    np.maximum.at(highest, row, score)
    had_fraud = np.bincount(row, weights=is_fraud, minlength=len(cards)) > 0
    order = np.argsort(-highest, kind="stable")
    return _Day(cards[order], had_fraud[order])
