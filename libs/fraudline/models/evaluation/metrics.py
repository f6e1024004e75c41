"""How well scores tell fraud from the rest. Both measures need frauds and others among the rows."""

import numpy as np
from numpy.typing import NDArray


def auc_roc(score: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> float:
    """Return the share of (fraud, other) pairs that the scores put in the right order, a tie counting half.

    >>> auc_roc(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True]))
    0.75
    """
    _, group, size = np.unique(score, return_inverse=True, return_counts=True)
    # The mean rank of each group of equal scores, ranks counted from 1.
    rank = (np.cumsum(size) - (size - 1) / 2)[group]
    frauds = int(is_fraud.sum())
    above = rank[is_fraud].sum() - frauds * (frauds + 1) / 2
    return float(above / (frauds * (len(score) - frauds)))


def average_precision(score: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> float:
    """Return the mean, over the frauds, of the precision at each one's score: the sum of (R_k - R_k-1) · P_k.

    >>> round(average_precision(np.array([0.1, 0.4, 0.35, 0.8]), np.array([False, False, True, True])), 6)
    0.833333
    """
    order = np.argsort(-score, kind="stable")
    found = np.cumsum(is_fraud[order])
    # Only where the score changes is there a threshold that takes exactly these rows.
    last = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    recall = np.append(0.0, found[last] / found[-1])
    return float(np.sum(np.diff(recall) * found[last] / (last + 1)))
