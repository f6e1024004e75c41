"""The bootstrap over cards: how far figures would move had other cards of the same kind been seen.

Transactions of one card are alike, and a stolen card has several frauds: resampling transactions would make intervals
too narrow. So cards are drawn with replacement, each with all of its transactions.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.models.evaluation.evaluation import Estimate

RESAMPLES: Final = 500
CONFIDENCE: Final = 0.95
_VALUES_AT_ONCE = 4_000_000  # bounds the memory of a step, 32 MB an array


def card_weights(cards: int, resamples: int, *, seed: int, row_size: int) -> Iterator[NDArray[np.float64]]:
    """Yield how often each card was drawn, a row a resample and a column a card, some resamples at a time.

    Args:
        cards: How many cards there are, and how many each resample draws.
        resamples: How many resamples there are in all.
        seed: The same seed draws the same cards.
        row_size: How many values whoever takes it holds for each resample.
    """
    random = np.random.default_rng(seed)
    most = max(1, _VALUES_AT_ONCE // max(row_size, cards, 1))
    for start in range(0, resamples, most):
        size = min(most, resamples - start)
        drawn = random.integers(cards, size=(size, cards)) + np.arange(size)[:, None] * cards
        yield np.bincount(drawn.ravel(), minlength=size * cards).reshape(size, cards).astype(np.float64)


def estimate(value: float, resampled: NDArray[np.float64]) -> Estimate:
    """Return a figure with the interval between the quantiles of its resamples, those where it is NaN left out."""
    known = resampled[np.isfinite(resampled)]
    if not len(known):
        return Estimate(value, float("nan"), float("nan"))
    low, high = np.quantile(known, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    return Estimate(value, low, high)
