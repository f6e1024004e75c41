"""A drawing with two axes as inline SVG. What a thing means is a class; the page's style sheet gives it its colour.

The drawing is as wide as a small phone's column, in the units in which its letters are 11 high, and grows with its
place: what is legible on 360 pixels is on every wider screen, and on paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fraudline.models.report.scale import Scale
from fraudline.models.report.text import escaped

WIDTH: Final = 360.0
HEIGHT: Final = 246.0
LEFT, RIGHT, TOP, FOOT = 42.0, 346.0, 24.0, 38.0

_LETTER_WIDTH: Final = 6.2
_HALF_LETTER: Final = 3.6
_MARK_LINE: Final = 13.0
_DOT: Final = 3.5
_WHISKER: Final = 3.0


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale and what it measures, with the unit."""

    scale: Scale
    label: str


class Chart:
    """Draw in the order of the calls; `svg` puts the axes beneath.

    Args:
        title: What the drawing shows, for those who hear the page.
        x: What runs from left to right.
        y: What runs upwards.
        height: Of all of it, in the drawing's units.
    """

    def __init__(self, title: str, x: Axis, y: Axis, *, height: float = HEIGHT) -> None:
        self._title, self._x, self._y, self._height = title, x, y, height
        self._ground = height - FOOT
        self._parts: list[str] = []
        self._labels: list[str] = []
        self._marks = 0

    def line(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """Draw a line through points; one that stands alone becomes a dot."""
        if len(points) == 1:
            self.dot(*points[0], kind)
        elif points:
            self._parts.append(f'<path class="line {kind}" d="{self._path(points)}"/>')

    def area(self, points: Sequence[tuple[float, float]], kind: str) -> None:
        """Fill what is between the points' line and the ground."""
        if points:
            first, last = self._across(points[0][0]), self._across(points[-1][0])
            ends = f"L{last} {_short(self._ground)}L{first} {_short(self._ground)}Z"
            self._parts.append(f'<path class="area {kind}" d="{self._path(points)}{ends}"/>')

    def bar(self, left: float, right: float, low: float, high: float, kind: str, *, told: str = "") -> None:
        """Draw an upright bar, a hair apart from its neighbours; `told` is shown to who points at it."""
        start, end = float(self._across(left)), float(self._across(right))
        bottom, top = float(self._up(low)), float(self._up(high))
        if bottom <= top:
            return
        gap = min(1.0, 0.15 * (end - start))
        title = f"<title>{escaped(told)}</title>" if told else ""
        self._parts.append(
            f'<rect class="bar {kind}" x="{_short(start + gap / 2)}" y="{_short(top)}" '
            f'width="{_short(max(end - start - gap, 0.4))}" height="{_short(bottom - top)}">{title}</rect>'
        )

    def dot(self, x: float, y: float, kind: str, *, told: str = "", is_hollow: bool = False) -> None:
        """Draw a dot, full or hollow."""
        title = f"<title>{escaped(told)}</title>" if told else ""
        form = "dot hollow" if is_hollow else "dot"
        self._parts.append(
            f'<circle class="{form} {kind}" cx="{self._across(x)}" cy="{self._up(y)}" r="{_DOT:g}">{title}</circle>'
        )

    def whisker(self, x: float, low: float, high: float, kind: str) -> None:
        """Draw an interval through a dot, upright, with ends."""
        at, bottom, top = float(self._across(x)), self._up(low), self._up(high)
        left, right = _short(at - _WHISKER), _short(at + _WHISKER)
        path = f"M{left} {top}H{right}M{_short(at)} {top}V{bottom}M{left} {bottom}H{right}"
        self._parts.append(f'<path class="whisker {kind}" d="{path}"/>')

    def band(self, points: Sequence[tuple[float, float, float]], kind: str) -> None:
        """Fill between a lower and an upper line; points are (x, low, high)."""
        upper = [(x, high) for x, _, high in points]
        lower = [(x, low) for x, low, _ in reversed(points)]
        if len(points) > 1:
            self._parts.append(f'<path class="band {kind}" d="{self._path([*upper, *lower])}Z"/>')

    def mark_across(self, x: float, text: str) -> None:
        """Draw an upright line at a value, named at its top; each later name stands a line lower, so none collide."""
        place = float(self._across(x))
        self._parts.append(f'<path class="mark" d="M{_short(place)} {_short(TOP)}V{_short(self._ground)}"/>')
        below = TOP + 9 + self._marks * _MARK_LINE
        self._marks += 1
        is_left = place + 4 + len(text) * _LETTER_WIDTH > WIDTH
        anchor, offset = ("end", -4) if is_left else ("start", 4)
        self._labels.append(
            f'<text class="name" x="{_short(place + offset)}" y="{_short(below)}" text-anchor="{anchor}">'
            f"{escaped(text)}</text>"
        )

    def mark_up(self, y: float, text: str) -> None:
        """Draw a level line at a value, named above it at its right end."""
        place = float(self._up(y))
        self._parts.append(f'<path class="mark" d="M{_short(LEFT)} {_short(place)}H{_short(RIGHT)}"/>')
        below = place - 4 if place - 4 > TOP + 8 else place + 12
        self._labels.append(
            f'<text class="name" x="{_short(RIGHT - 2)}" y="{_short(below)}" text-anchor="end">{escaped(text)}</text>'
        )

    def svg(self) -> str:
        """Return the drawing, to be read as one image."""
        return (
            f'<svg role="img" aria-label="{escaped(self._title)}" viewBox="0 0 {WIDTH:g} {self._height:g}">'
            f"{self._axes()}{''.join(self._parts)}{''.join(self._labels)}</svg>"
        )

    def _axes(self) -> str:
        lines, texts = [], []
        for value, text in self._y.scale.ticks():
            place = self._up(value)
            lines.append(f"M{_short(LEFT)} {place}H{_short(RIGHT)}")
            level = _short(float(place) + _HALF_LETTER)
            texts.append(f'<text x="{_short(LEFT - 5)}" y="{level}" text-anchor="end">{escaped(text)}</text>')
        feet = []
        for value, text in self._x.scale.ticks():
            place = self._across(value)
            feet.append(f"M{place} {_short(self._ground)}v4")
            texts.append(
                f'<text x="{place}" y="{_short(self._ground + 15)}" text-anchor="middle">{escaped(text)}</text>'
            )
        middle = (LEFT + RIGHT) / 2
        return (
            f'<path class="grid" d="{"".join(lines)}"/>'
            f'<path class="axis" d="M{_short(LEFT)} {_short(self._ground)}H{_short(RIGHT)}{"".join(feet)}"/>'
            f"<g>{''.join(texts)}"
            f'<text class="label" x="2" y="12">{escaped(self._y.label)}</text>'
            f'<text class="label" x="{_short(middle)}" y="{_short(self._height - 7)}" text-anchor="middle">'
            f"{escaped(self._x.label)}</text></g>"
        )

    def _path(self, points: Sequence[tuple[float, float]]) -> str:
        places = [f"{self._across(x)} {self._up(y)}" for x, y in points]
        # Points on the same spot say nothing.
        kept = [place for n, place in enumerate(places) if n == 0 or place != places[n - 1]]
        return "M" + "L".join(kept)

    def _across(self, value: float) -> str:
        return _short(LEFT + (RIGHT - LEFT) * self._x.scale.share(value))

    def _up(self, value: float) -> str:
        return _short(self._ground - (self._ground - TOP) * self._y.scale.share(value))


def _short(place: float) -> str:
    return f"{place:.1f}".removesuffix(".0")
