"""How fast a file is replayed: when its n-th transaction may leave, counted from the first."""

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MICROSECONDS = 1_000_000


class Pace(Protocol):
    """Says how many transactions may have left by now."""

    def due(self, elapsed_seconds: float) -> float:
        """Return how many transactions may have left so long after the first."""

    def seconds_until(self, index: int) -> float:
        """Return how long after the first the transaction with this index may leave."""


class Unpaced:
    """As fast as they are taken."""

    def due(self, elapsed_seconds: float) -> float:
        """Return that all may leave."""
        del elapsed_seconds
        return float("inf")

    def seconds_until(self, index: int) -> float:
        """Return that every one may leave at once."""
        del index
        return 0.0


class Steady:
    """So many a second."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second

    def due(self, elapsed_seconds: float) -> float:
        """Return how many may have left by then, the first at once."""
        return int(elapsed_seconds * self._per_second) + 1

    def seconds_until(self, index: int) -> float:
        """Return when one may leave."""
        return index / self._per_second


class AsFileTold:
    """The file's own pace, so many times faster."""

    def __init__(self, times: "NDArray[np.int64] | Sequence[int]", speed: float) -> None:
        offsets = np.asarray(times, dtype=np.int64)
        self._seconds = (offsets - offsets[0]) / (MICROSECONDS * speed)

    def due(self, elapsed_seconds: float) -> float:
        """Return how many may have left by then."""
        return int(np.searchsorted(self._seconds, elapsed_seconds, side="right"))

    def seconds_until(self, index: int) -> float:
        """Return when one may leave."""
        return float(self._seconds[index])
