"""From a model's raw score (log-odds) to a probability that means what it says.

Either by Platt's sigmoid, a straight line through the log-odds, or isotonically, a rising line of many pieces. The line
is computed for all values at once, since of adding, multiplying and dividing the bits are laid down; its `exp` value by
value with the standard library's: that of an array may take another path for the last elements of a batch, and a
probability must not depend on the batch that it came in.

Sources: Platt, Probabilistic outputs for support vector machines, 1999; Zadrozny and Elkan, Transforming classifier
scores into accurate multiclass probability estimates, 2002.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEWEST_FRAUDS_A_KNOT: Final = 5
"""A piece with fewer is joined with its neighbour: three frauds of three are no certainty."""
MAX_KNOTS: Final = 1_000

_MAX_STEPS = 100
_SMALLEST_STEP = 1e-10
_RIDGE = 1e-9
_MOST_ROUNDS = 40
_DAMPING = 0.5
"""Neighbours move one another's means: with whole steps they overshoot together, round after round."""
_CLOSE_ENOUGH = 1e-6
_LEAST_RISE = 1e-4
"""From knot to knot, in log-odds: far more than rounding, far less than anybody could tell."""
_SUREST = 30.0
"""Log-odds beyond these are these in a piece's mean, which so never rounds to 0 or 1."""


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """The probability is 1 / (1 + exp(-(slope · raw + intercept)))."""

    slope: float
    intercept: float

    def probabilities(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability for each raw score; NaN for NaN."""
        with np.errstate(over="ignore"):  # beyond all numbers is infinity, and sure
            return _sigmoids(self.slope * raw + self.intercept)


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
    _lines: NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_lines", _lines(self.raw, self.log_odds))

    def probabilities(self, raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability for each raw score; NaN for NaN."""
        # NaN, which is in no order, ends up beyond the last knot, and stays NaN.
        place = np.searchsorted(self._lines[0, 1:], raw, side="right")
        left, width, low, rise, high = self._lines[:, place]
        with np.errstate(over="ignore"):
            return _sigmoids(np.minimum(low + rise * ((raw - left) / width), high))


Calibration = Sigmoid | Isotonic


def fit_sigmoid(raw: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> Sigmoid:
    """Fit by Newton's method, with Platt's targets in place of 0 and 1: a few frauds do not make a certainty."""
    frauds = int(is_fraud.sum())
    target = np.where(is_fraud, (frauds + 1) / (frauds + 2), 1 / (len(raw) - frauds + 2))
    inputs = np.column_stack([raw, np.ones(len(raw))])
    weights = np.array([1.0, 0.0])
    for _ in range(_MAX_STEPS):
        probability = _sigmoids(inputs @ weights)
        gradient = inputs.T @ (probability - target)
        curvature = (inputs.T * (probability * (1 - probability))) @ inputs
        step = np.linalg.solve(curvature + _RIDGE * np.eye(2), gradient)
        # A step of more than 1 overshoots where the curve is flat.
        weights = weights - step / max(1.0, float(np.abs(step).max()))
        if float(np.abs(step).max()) < _SMALLEST_STEP:
            break
    return Sigmoid(float(weights[0]), float(weights[1]))


def fit_isotonic(raw: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> Isotonic | None:
    """Fit by pooling adjacent violators; None where the shares of frauds do not rise even once.

    A piece of n transactions with k frauds has a knot at its mean raw score. What is said there is chosen so that the
    probabilities in the piece average to (k + ½) / (n + 1), or, where no rising line does that for all, to about that.
    """
    levels, place = np.unique(raw, return_inverse=True)
    sizes = np.bincount(place).astype(np.float64)
    frauds = np.bincount(place, weights=is_fraud)
    # Most levels are without a fraud, as is the one before: what pools anyway need not go one by one.
    is_other = frauds[1:] * sizes[:-1] != frauds[:-1] * sizes[1:]
    runs = np.flatnonzero(np.concatenate([[True], is_other]))
    columns = (np.add.reduceat(column, runs).tolist() for column in (sizes, frauds, levels * sizes))
    pieces = _pieces(list(zip(*columns, strict=True)))
    if len(pieces) < 2:  # noqa: PLR2004 - a line takes two
        return None
    knots, log_odds = _line(pieces, levels, sizes)
    return Isotonic(tuple(knots.tolist()), tuple(log_odds.tolist()))


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


def _pieces(levels: Sequence[_Piece]) -> list[_Piece]:
    """Return pieces, at most `MAX_KNOTS`. Shares are compared as counts: no decision hangs on a rounding."""
    fewest = FEWEST_FRAUDS_A_KNOT
    pieces = _pooled(_joined(_pooled(levels, half=0.0), fewest), half=0.5)
    while len(pieces) > MAX_KNOTS:
        fewest *= 2
        pieces = _pooled(_joined(pieces, fewest), half=0.5)
    return pieces


def _pooled(pieces: Sequence[_Piece], half: float) -> list[_Piece]:
    """Return pieces whose shares (k + half) / (n + 2 · half) rise strictly, as do their means: others are one."""
    pooled: list[_Piece] = []
    for piece in pieces:
        last = piece
        while pooled and not _rises(pooled[-1], last, half):
            last = _sum(pooled.pop(), last)
        pooled.append(last)
    return pooled


def _rises(left: _Piece, right: _Piece, half: float) -> bool:
    return (left[1] + half) * (right[0] + 2 * half) < (right[1] + half) * (left[0] + 2 * half) and (
        left[2] / left[0] < right[2] / right[0]
    )


def _joined(pieces: Sequence[_Piece], fewest: int) -> list[_Piece]:
    """Return pieces of so many frauds each, joined from the highest down; the lowest may have fewer."""
    joined: list[_Piece] = []
    for piece in reversed(pieces):
        if joined and joined[-1][1] < fewest:
            joined[-1] = _sum(joined[-1], piece)
        else:
            joined.append(piece)
    return joined[::-1]


def _line(
    pieces: Sequence[_Piece], levels: NDArray[np.float64], sizes: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the knots and their log-odds, of all rounds those that put the fewest transactions out of place.

    A round moves each knot by half of what its piece's mean probability is off, in log-odds, and takes the nearest line
    that rises. Not every set of shares has a line, so rounds are bounded and the best one counts.
    """
    size, found, total = np.array(pieces).T
    share, knots = (found + 0.5) / (size + 1), total / size
    # Pieces are whole levels, in order: each begins at the level after those of the ones before.
    starts = np.searchsorted(np.cumsum(sizes), np.cumsum(size) - size, side="right")
    beyond = levels - np.clip(levels, knots[0], knots[-1])
    log_odds = best = _rising(_logit(share), size * share * (1 - share))
    least = math.inf
    for _ in range(_MOST_ROUNDS):
        line = np.clip(np.interp(levels, knots, log_odds) + beyond, -_SUREST, _SUREST)
        mean = np.add.reduceat(sizes / (1 + np.exp(-line)), starts) / size
        off = float(size @ np.abs(share - mean))
        if off < least:
            least, best = off, log_odds
        # In log-odds: next to a share of one in a million any absolute difference is small.
        aim = log_odds + _DAMPING * (_logit(share) - _logit(mean))
        before, log_odds = log_odds, _rising(aim, size * mean * (1 - mean))
        if np.abs(log_odds - before).max() < _CLOSE_ENOUGH:
            break
    return knots, best


def _rising(log_odds: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-odds, each above the one before by a gap: those that are not share their weighted mean."""
    gaps = _LEAST_RISE * np.arange(len(log_odds))
    aims = np.clip(log_odds, -_SUREST, _SUREST) - gaps
    level: list[tuple[float, float, int]] = []
    for aim, weight in zip(aims.tolist(), weights.tolist(), strict=True):
        last = (aim, weight, 1)
        while level and level[-1][0] >= last[0]:
            before = level.pop()
            both = before[1] + last[1]
            last = ((before[0] * before[1] + last[0] * last[1]) / both, both, before[2] + last[2])
        level.append(last)
    means, _, counts = zip(*level, strict=True)
    rising: NDArray[np.float64] = np.repeat(means, counts) + gaps
    return rising


def _logit(share: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(share / (1 - share))


def _sum(one: _Piece, other: _Piece) -> _Piece:
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def _lines(raw: tuple[float, ...], log_odds: tuple[float, ...]) -> NDArray[np.float64]:
    """Return where each line between knots begins, how wide it is, and where it begins, rises by and ends in log-odds.

    Before the first and after the last is a line that rises by 1 in 1 and has no end.
    """
    left, low = (np.array((values[0], *values)) for values in (raw, log_odds))
    width, rise = (np.concatenate([[1.0], np.diff(values), [1.0]]) for values in (raw, log_odds))
    high = np.array((math.inf, *log_odds[1:], math.inf))
    return np.array([left, width, low, rise, high])


def _sigmoids(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    exp, values = math.exp, log_odds.tolist()
    # Below zero the other form: exp of a large number would overflow.
    return np.array(
        [1.0 / (1.0 + exp(-value)) if value >= 0 else (share := exp(value)) / (1.0 + share) for value in values],
        dtype=np.float64,
    )
