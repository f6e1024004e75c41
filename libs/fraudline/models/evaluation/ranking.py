"""How well scores rank frauds above the rest, for many weightings of the cards at once.

A weighting counts each card's transactions so many times, as a resample of the cards does; with weights of 1 the
measures are those of `metrics`. Only the places in the ranking where a fraud stands matter, so that a resample costs
one sum over its transactions.
"""

import numpy as np
from numpy.typing import NDArray

from fraudline.models.evaluation.scored import Scored


class Ranking:
    """Transactions in descending order of their scores, equal scores in one group; those without a score left out."""

    def __init__(self, scored: Scored) -> None:
        order = np.argsort(-scored.score, kind="stable")
        order = order[np.isfinite(scored.score[order])]
        score, is_fraud = scored.score[order], scored.is_fraud[order]
        self._card = scored.card[order]
        self._card_of_fraud = self._card[is_fraud]
        place = np.flatnonzero(is_fraud)
        # The groups of equal scores that hold a fraud: where each begins and ends in the ranking.
        levels, self._first_fraud = np.unique(-score[place], return_index=True)
        begin = np.searchsorted(-score, levels, side="left")
        end = np.searchsorted(-score, levels, side="right")
        cuts = np.unique(np.concatenate([[0], begin, end[end < len(order)]])).astype(np.int64)
        self._cuts = cuts if len(order) else cuts[:0]
        self._begin, self._end = np.searchsorted(cuts, begin), np.searchsorted(cuts, end)

    def measure(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return AUC ROC and average precision for each weighting.

        Args:
            weights: How often each card counts; a row a weighting, a column a card.

        Returns:
            Two arrays with a value a weighting: the share of (fraud, other) pairs in the right order, a tie counting
            half, and the mean over the frauds of the precision at each one's score. NaN where frauds or others are
            missing.
        """
        if not len(self._first_fraud):
            nothing = np.full(len(weights), np.nan)
            return nothing, nothing
        until = np.cumsum(np.add.reduceat(weights[:, self._card], self._cuts, axis=1), axis=1)
        until = np.column_stack([np.zeros(len(weights)), until])
        frauds = np.add.reduceat(weights[:, self._card_of_fraud], self._first_fraud, axis=1)
        found = np.cumsum(frauds, axis=1)
        taken = until[:, self._end]
        others_before = until[:, self._begin] - (found - frauds)
        others_until = taken - found
        all_frauds, all_others = found[:, -1], until[:, -1] - found[:, -1]
        in_order = (frauds * (all_others[:, None] - (others_before + others_until) / 2)).sum(axis=1)
        precision = found / np.maximum(taken, 1)
        return _share(in_order, all_frauds * all_others), _share((frauds * precision).sum(axis=1), all_frauds)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.full(len(part), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share
