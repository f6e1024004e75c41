"""Time series as the geometry of an SVG: paths and ticks in its own units, ready for a template to write down.

Time runs from left to right and ends now; what was not known is a gap, never a zero.
"""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WIDTH, HEIGHT = 400.0, 132.0
LEFT, RIGHT, TOP, BOTTOM = 58.0, 392.0, 8.0, 110.0
SPAN_SECONDS = 300.0
MINUTE = 60.0

_STEPS = (1.0, 2.0, 5.0, 10.0)
LEAST_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its name, its values as drawn (`path`, and `area` where it is filled) and its last value as text."""

    name: str
    path: str
    area: str | None
    latest: str


@dataclass(frozen=True, slots=True)
class Tick:
    """One place on an axis, in units of the SVG, with what stands there."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """One drawing with all that its template writes; `summary` says in words what it shows now."""

    name: str
    title: str
    summary: str
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    minutes: tuple[Tick, ...]


class LinearScale:
    """Values from 0 to the next round number above the highest."""

    def __init__(self, highest: float, *, at_least: float) -> None:
        highest = max(highest, at_least)
        decade = 10.0 ** math.floor(math.log10(highest))
        self.top = next(step * decade for step in _STEPS if step * decade >= highest * (1 - 1e-9))

    def place(self, value: float) -> float:
        """Return where a value lies."""
        return BOTTOM - (BOTTOM - TOP) * min(value, self.top) / self.top

    def ticks(self) -> tuple[float, ...]:
        """Return the values that are worth a line."""
        return (0.0, self.top / 2, self.top)


class LogScale:
    """Seconds by decades, from a millisecond to the next decade above the highest; fast and slow on one drawing."""

    def __init__(self, highest: float, *, at_least: float) -> None:
        self._bottom = math.log10(LEAST_SECONDS)
        self._top = math.ceil(math.log10(max(highest, at_least)) - 1e-9)

    def place(self, value: float) -> float:
        """Return where a value lies; what is below the least lies on the ground."""
        height = (math.log10(max(value, LEAST_SECONDS)) - self._bottom) / (self._top - self._bottom)
        return BOTTOM - (BOTTOM - TOP) * height

    def ticks(self) -> tuple[float, ...]:
        """Return the values that are worth a line."""
        return tuple(10.0**power for power in range(round(self._bottom), self._top + 1))


Scale = LinearScale | LogScale


def draw(
    name: str,
    title: str,
    series: "Sequence[tuple[str, Sequence[float | None]]]",
    *,
    ages: "Sequence[float]",
    scale: type[LinearScale] | type[LogScale] = LinearScale,
    at_least: float,
    text: "Callable[[float | None], str]",
    filled: str | None = None,
) -> Chart:
    """Return the drawing of some series; `ages` says how many seconds ago each of their values was taken.

    The axis reaches `at_least` so far, `text` writes its values, and the series called `filled` is a surface.
    """
    axis = scale(max((value for _, values in series for value in values if value is not None), default=0.0),
                 at_least=at_least)  # fmt: skip
    lines = tuple(
        Line(
            name=line,
            path=_path(values, ages, axis),
            area=_area(values, ages, axis) if line == filled else None,
            latest=text(values[-1] if values else None),
        )
        for line, values in series
    )
    return Chart(
        name=name,
        title=title,
        summary=", ".join(f"{line.name} {line.latest}" for line in lines),
        lines=lines,
        ticks=tuple(Tick(_rounded(axis.place(value)), text(value)) for value in axis.ticks()),
        minutes=tuple(
            Tick(_rounded(_across(age * MINUTE)), f"{age} min ago" if age else "now")
            for age in range(int(SPAN_SECONDS / MINUTE), -1, -1)
        ),
    )


def _across(age: float) -> float:
    return RIGHT - (RIGHT - LEFT) * min(age, SPAN_SECONDS) / SPAN_SECONDS


def _rounded(place: float) -> float:
    return round(place, 1)


def _runs(values: "Sequence[float | None]", ages: "Sequence[float]", axis: Scale) -> list[list[tuple[float, float]]]:
    """Return the points of each stretch that has no gap."""
    runs: list[list[tuple[float, float]]] = [[]]
    for value, age in zip(values, ages, strict=True):
        if age > SPAN_SECONDS:
            continue
        if value is None:
            runs.append([])
        else:
            runs[-1].append((_rounded(_across(age)), _rounded(axis.place(value))))
    return [run for run in runs if run]


def _path(values: "Sequence[float | None]", ages: "Sequence[float]", axis: Scale) -> str:
    parts = []
    for (x, y), *rest in _runs(values, ages, axis):
        # A value between two gaps is a dot: a stroke without length, seen by its round ends.
        parts.append(f"M{x:g} {y:g}" + ("".join(f"L{a:g} {b:g}" for a, b in rest) or "h0"))
    return "".join(parts)


def _area(values: "Sequence[float | None]", ages: "Sequence[float]", axis: Scale) -> str:
    parts = []
    for run in _runs(values, ages, axis):
        top = "".join(f"L{x:g} {y:g}" for x, y in run)
        parts.append(f"M{run[0][0]:g} {BOTTOM:g}{top}L{run[-1][0]:g} {BOTTOM:g}Z")
    return "".join(parts)
