"""How long things took, by the percentiles that people feel."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from fraudline.bench.answers import Floats

PERCENTILES: Final = (50.0, 90.0, 99.0, 99.9)


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in milliseconds, of `count` measurements; infinite where so many never came to their end."""

    count: int
    p50: float
    p90: float
    p99: float
    p99_9: float

    @classmethod
    def of(cls, seconds: Floats) -> Self:
        """Return the percentiles, each one a value that was measured."""
        if not len(seconds):
            return cls(0, *(float("nan"),) * len(PERCENTILES))
        values = np.percentile(seconds, PERCENTILES, method="higher") * 1e3
        return cls(len(seconds), *(float(value) for value in values))
