"""From values to places on an axis: linear, by decades, and by days, with ticks that are round numbers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Protocol

from fraudline.models.report import text

MOST_TICKS: Final = 6
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)
_DAY_STEPS: Final = (1, 2, 7, 14, 28, 56, 91, 182, 364, 728, 3640)
_CLOSE: Final = 1e-9
_MOST_DECADES: Final = 300


class Scale(Protocol):
    """An axis: where a value lies on it, and the values that are worth a line, with what is written there."""

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies, 0 to 1; what is beyond an end lies on it."""
        ...

    def ticks(self) -> Sequence[tuple[float, str]]:
        """Return the round values on the axis, ascending, each with its text."""
        ...


@dataclass(frozen=True, slots=True)
class Linear:
    """Equal steps from `low` to `high`; both are ends as given, so that a curve may touch them."""

    low: float
    high: float
    write: Callable[[float], str] = text.tick

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies."""
        return _clipped((value - self.low) / (self.high - self.low))

    def ticks(self) -> Sequence[tuple[float, str]]:
        """Return multiples of 1, 2 or 5 times a power of ten."""
        step = _step(self.high - self.low)
        first, last = math.ceil(self.low / step - _CLOSE), math.floor(self.high / step + _CLOSE)
        # Rounded, so that three steps of 0.1 read 0.3.
        return [(value, self.write(value)) for value in (round(n * step, 12) for n in range(first, last + 1))]


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Equal steps a decade, from `low` to `high`, both above 0; what is below lies on the lower end."""

    low: float
    high: float
    write: Callable[[float], str] = text.tick
    most_ticks: int = MOST_TICKS

    def share(self, value: float) -> float:
        """Return how far along the axis a value lies."""
        if value <= self.low:
            return 0.0
        return _clipped(math.log(value / self.low) / math.log(self.high / self.low))

    def ticks(self) -> Sequence[tuple[float, str]]:
        """Return powers of ten, left out evenly where there are many; with 2 and 5 between them where there are few."""
        first = math.ceil(math.log10(self.low) - _CLOSE)
        last = math.floor(math.log10(self.high) + _CLOSE)
        decades = last - first + 1
        factors = (1, 2, 5) if decades <= self.most_ticks // 3 else (1,)
        every = max(1, math.ceil(decades / self.most_ticks))
        values = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in factors
                  if (power - first) % every == 0]  # fmt: skip
        within = [v for v in values if self.low * (1 - _CLOSE) <= v <= self.high * (1 + _CLOSE)]
        return [(value, self.write(value)) for value in within]


@dataclass(frozen=True, slots=True)
class Days:
    """Days as numbers since 1970-01-01, each a band of its own: the middle of day n is n + 0.5."""

    first: int
    last: int

    def share(self, value: float) -> float:
        """Return how far along the axis a moment lies, in days since 1970-01-01."""
        return _clipped((value - self.first) / (self.last + 1 - self.first))

    def ticks(self) -> Sequence[tuple[float, str]]:
        """Return the middles of evenly spaced days, from the first on."""
        days = self.last - self.first + 1
        step = next((step for step in _DAY_STEPS if days <= step * MOST_TICKS), _DAY_STEPS[-1])
        write = "%Y-%m" if step > _DAY_STEPS[-6] else "%m-%d"
        epoch = date(1970, 1, 1)
        return [
            (day + 0.5, (epoch + timedelta(days=day)).strftime(write)) for day in range(self.first, self.last + 1, step)
        ]


def upwards(values: Sequence[float], *, at_least: float = 1.0, write: Callable[[float], str] = text.tick) -> Linear:
    """Return a linear axis from 0 to a round number that no value exceeds; `at_least` where all are small."""
    highest = max([at_least, *(value for value in values if math.isfinite(value))])
    step = _step(highest)
    return Linear(0.0, math.ceil(highest / step - _CLOSE) * step, write)


def decades(
    values: Sequence[float], *, low: float, high: float, write: Callable[[float], str] = text.tick
) -> Logarithmic:
    """Return an axis of whole decades around the positive values, within `low` and `high`, at least one decade."""
    known = [min(max(value, low), high) for value in values if value > 0 and math.isfinite(value)]
    first = math.floor(math.log10(min(known, default=low)) + _CLOSE)
    last = math.ceil(math.log10(max(known, default=high)) - _CLOSE)
    if last <= first:
        # At the upper limit the decade below is shown, else the one above.
        first, last = (first - 1, first) if 10.0**first >= high else (first, first + 1)
    return Logarithmic(10.0 ** max(first, -_MOST_DECADES), 10.0 ** min(last, _MOST_DECADES), write)


def _step(span: float) -> float:
    rough = span / (MOST_TICKS - 1)
    decade = 10.0 ** math.floor(math.log10(rough))
    return next(step * decade for step in _STEPS if step * decade >= rough * (1 - _CLOSE))


def _clipped(value: float) -> float:
    return min(max(value, 0.0), 1.0)
