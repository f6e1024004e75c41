"""From a model's raw score (log-odds) to a probability that means what it says.

Either by Platt's sigmoid, a straight line through the log-odds, or isotonically, a rising line of many pieces. Both are
computed value by value with the standard library's `exp`: an array function may take another path for the last elements
of a batch, and a probability must not depend on the batch that it came in.

Sources: Platt, Probabilistic outputs for support vector machines, 1999; Zadrozny and Elkan, Transforming classifier
scores into accurate multiclass probability estimates, 2002.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEWEST_FRAUDS_A_KNOT: Final = 5
"""A piece with fewer is joined with its neighbour: three frauds of three are no certainty."""
MAX_KNOTS: Final = 1_000

_MAX_STEPS = 100
_SMALLEST_STEP = 1e-10
_RIDGE = 1e-9
_CLOSE_ENOUGH = 1e-7
_SUREST = 30.0
"""Log-odds beyond these are these in a piece's mean, which so never rounds to 0 or 1."""


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """The probability is 1 / (1 + exp(-(slope · raw + intercept)))."""

    slope: float
    intercept: float

    def probabilities(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability for each raw score; NaN for NaN."""
        values: list[float] = raw.tolist()
        return np.array([_sigmoid(self.slope * value + self.intercept) for value in values], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Isotonic:
    """The probability's log-odds lie on straight lines between knots, and beyond the ends go on as the raw score does.

    So a higher raw score is a higher probability everywhere: the ranking is the model's.

    Attributes:
        raw: Where the knots are, strictly ascending.
        log_odds: What is said there, strictly ascending.
    """

    raw: tuple[float, ...]
    log_odds: tuple[float, ...]

    def probabilities(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability for each raw score; NaN for NaN."""
        return np.array([_sigmoid(self._log_odds(value)) for value in raw.tolist()], dtype=np.float64)

    def _log_odds(self, raw: float) -> float:
        place = bisect_right(self.raw, raw)
        if place == 0:
            return self.log_odds[0] + (raw - self.raw[0])
        # NaN, which is in no order, ends up here too, and stays NaN.
        if place == len(self.raw):
            return self.log_odds[-1] + (raw - self.raw[-1])
        left, right = self.raw[place - 1], self.raw[place]
        low, high = self.log_odds[place - 1], self.log_odds[place]
        return min(low + (high - low) * ((raw - left) / (right - left)), high)


Calibration = Sigmoid | Isotonic


def fit_sigmoid(raw: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> Sigmoid:
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
    return Sigmoid(float(weights[0]), float(weights[1]))


def fit_isotonic(raw: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> Isotonic | None:
    """Fit by pooling adjacent violators; None where fewer than two pieces or more than `MAX_KNOTS` come out.

    A piece of n transactions with k frauds has a knot at its mean raw score. What is said there is chosen so that the
    probabilities in the piece average to (k + ½) / (n + 1); neighbours that no rising line does that for are one piece.
    """
    levels, place = np.unique(raw, return_inverse=True)
    sizes = np.bincount(place).astype(np.float64)
    frauds = np.bincount(place, weights=is_fraud)
    pieces = _joined(_pooled(zip(sizes.tolist(), frauds.tolist(), (levels * sizes).tolist(), strict=True)))
    while 2 <= len(pieces) <= MAX_KNOTS:  # noqa: PLR2004 - a line takes two
        knots, log_odds, is_met = _averaging(pieces, levels, sizes)
        if is_met:
            return Isotonic(tuple(knots.tolist()), tuple(log_odds.tolist()))
        closest = int(_rises(knots, log_odds).argmin())
        pieces[closest : closest + 2] = [_sum(pieces[closest], pieces[closest + 1])]
    return None


def log_loss(probability: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> float:
    """Return the mean of -log(the probability that the outcome was given), in nats.

    >>> round(log_loss(np.array([0.5, 0.9]), np.array([False, True])), 4)
    0.3993
    """
    smallest = float(np.finfo(np.float64).eps)
    sure = np.clip(probability, smallest, 1 - smallest)
    return float(-np.log(np.where(is_fraud, sure, 1 - sure)).mean())


_Piece = tuple[float, float, float]
"""How many transactions, how many frauds among them, the sum of their raw scores."""


def _pooled(pieces: "zip[_Piece]") -> list[_Piece]:
    """Return pieces whose shares of frauds rise strictly: neighbours in the wrong order are one."""
    pooled: list[_Piece] = []
    for piece in pieces:
        last = piece
        while pooled and pooled[-1][1] * last[0] >= last[1] * pooled[-1][0]:
            last = _sum(pooled.pop(), last)
        pooled.append(last)
    return pooled


def _joined(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Return pieces of enough frauds each, joined from the highest down; the lowest may have fewer."""
    joined: list[_Piece] = []
    for piece in reversed(pieces):
        if joined and joined[-1][1] < FEWEST_FRAUDS_A_KNOT:
            joined[-1] = _sum(joined[-1], piece)
        else:
            joined.append(piece)
    return joined[::-1]


def _averaging(
    pieces: Sequence[_Piece], levels: NDArray[np.float64], sizes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], bool]:
    """Return the knots, their log-odds, and whether the line through them rises and gives each piece its share.

    A round moves each knot by what its piece's mean probability is off, in log-odds.
    """
    size, found, total = np.array(pieces).T
    share, knots = (found + 0.5) / (size + 1), total / size
    # Pieces are whole levels, in order: each begins at the level after those of the ones before.
    starts = np.searchsorted(np.cumsum(sizes), np.cumsum(size) - size, side="right")
    beyond = levels - np.clip(levels, knots[0], knots[-1])
    log_odds = _logit(share)
    for _ in range(_MAX_STEPS):
        if _rises(knots, log_odds).min() <= 0:
            break
        line = np.clip(np.interp(levels, knots, log_odds) + beyond, -_SUREST, _SUREST)
        mean = np.add.reduceat(sizes / (1 + np.exp(-line)), starts) / size
        if np.abs(share - mean).max() < _CLOSE_ENOUGH:
            return knots, log_odds, True
        log_odds = log_odds + _logit(share) - _logit(mean)
    return knots, log_odds, False


def _rises(knots: NDArray[np.float64], log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much each knot is above the one before, in raw score or log-odds, whichever is less."""
    return np.minimum(np.diff(knots), np.diff(log_odds))


def _logit(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(share / (1 - share))


def _sum(one: _Piece, other: _Piece) -> _Piece:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _sigmoid(value: float) -> float:
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    # The other form: exp of a large number would overflow.
    exponential = math.exp(value)
    return exponential / (1.0 + exponential)
