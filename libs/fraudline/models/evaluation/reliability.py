"""Whether a score of 0.3 means fraud in three of ten: bins of scores beside what came true."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.models.evaluation.evaluation import ReliabilityBin
from fraudline.models.evaluation.scored import Scored

_SHARES: Final = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998)
"""Frauds are few: bins of equal size would put all that matters into the last one."""


def bin_of(score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the bin of each score, ascending, equal scores in one; -1 where there is none."""
    has_score = np.isfinite(score)
    edges = np.unique(np.quantile(score[has_score], _SHARES)) if has_score.any() else np.zeros(0)
    return np.where(has_score, np.searchsorted(edges, score, side="right"), -1)


def reliability(scored: Scored) -> tuple[ReliabilityBin, ...]:
    """Return the bins that hold a transaction, the lowest scores first."""
    place = bin_of(scored.score)
    bins = []
    for number in np.unique(place[place >= 0]).tolist():
        score, is_fraud = scored.score[place == number], scored.is_fraud[place == number]
        bins.append(
            ReliabilityBin(
                transactions=len(score),
                frauds=int(is_fraud.sum()),
                lowest_score=float(score.min()),
                highest_score=float(score.max()),
                mean_score=float(score.mean()),
                fraud_share=float(is_fraud.mean()),
            )
        )
    return tuple(bins)
