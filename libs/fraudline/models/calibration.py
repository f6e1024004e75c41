"""From a model's raw score (log-odds) to a probability that means what it says: Platt's sigmoid.

The sigmoid is computed value by value with the standard library's `exp`: an array function may take another path for
the last elements of a batch, and a probability must not depend on the batch that it came in.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MAX_STEPS = 100
_SMALLEST_STEP = 1e-10
_RIDGE = 1e-9


@dataclass(frozen=True, slots=True)
class Calibration:
    """The probability is 1 / (1 + exp(-(slope · raw + intercept)))."""

    slope: float
    intercept: float

    def probabilities(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability for each raw score; NaN for NaN."""
        values: list[float] = raw.tolist()
        return np.array([_sigmoid(self.slope * value + self.intercept) for value in values], dtype=np.float64)


def fit_calibration(raw: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> Calibration:
    """Fit by Newton's method, with Platt's targets in place of 0 and 1: a few frauds do not make a certainty."""
    frauds = int(is_fraud.sum())
    target = np.where(is_fraud, (frauds + 1) / (frauds + 2), 1 / (len(raw) - frauds + 2))
    inputs = np.column_stack([raw, np.ones(len(raw))])
    weights = np.array([1.0, 0.0])
    for _ in range(_MAX_STEPS):
        probability = np.array([_sigmoid(value) for value in (inputs @ weights).tolist()])
        gradient = inputs.T @ (probability - target)
        curvature = (inputs.T * (probability * (1 - probability))) @ inputs
        step = np.linalg.solve(curvature + _RIDGE * np.eye(2), gradient)
        # A step of more than 1 overshoots where the curve is flat.
        weights = weights - step / max(1.0, float(np.abs(step).max()))
        if float(np.abs(step).max()) < _SMALLEST_STEP:
            break
    return Calibration(float(weights[0]), float(weights[1]))


def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    # The other form: exp of a large number would overflow.
    exponential = math.exp(value)
    return exponential / (1.0 + exponential)
