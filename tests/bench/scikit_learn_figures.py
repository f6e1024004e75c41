"""The figures that scikit-learn gives for the same arrays: a program for an environment with scikit-learn.

`python scikit_learn_figures.py ARRAYS.npz FIGURES.npz`. What goes in: `score`, `is_fraud`, and `raw` scores. What comes
out: `auc_roc`, `average_precision`, and `calibrated`, the probability for each raw score by Platt's sigmoid. Platt's
targets are between 0 and 1: each row goes in twice, as fraud and as not, weighted by its target.
"""

import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score


def main() -> int:
    """Compute; return the exit code."""
    source, target = sys.argv[1:]
    with np.load(source) as arrays:
        score, is_fraud, raw = (arrays[name] for name in ("score", "is_fraud", "raw"))
    frauds = int(is_fraud.sum())
    targets = np.where(is_fraud, (frauds + 1) / (frauds + 2), 1 / (len(raw) - frauds + 2))
    sigmoid = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-12, max_iter=1000)
    rows = np.concatenate([raw, raw])[:, None]
    outcomes = np.repeat([1, 0], len(raw))
    sigmoid.fit(rows, outcomes, sample_weight=np.concatenate([targets, 1 - targets]))
    np.savez(
        target,
        auc_roc=roc_auc_score(is_fraud, score),
        average_precision=average_precision_score(is_fraud, score),
        calibrated=sigmoid.predict_proba(raw[:, None])[:, 1],
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
