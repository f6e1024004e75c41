"""What decisions cost a day, at every threshold that is worth a thought.

At low thresholds nearly everything is stopped, which costs many times what sensible decisions do. Drawn whole, that
slope would press all else into a flat line: the drawing ends at a few times the cost of the decisions, and says so.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fraudline.models.report import text
from fraudline.models.report.chart import Axis, Chart
from fraudline.models.report.costs import Costs, Floats, Ledger, cost_of_decisions, thresholds_to_try
from fraudline.models.report.facts import Side
from fraudline.models.report.plot import SIDE_KINDS, Entry, Plot, mark_thresholds, of_side, side_key
from fraudline.models.report.scale import Linear, Logarithmic, upwards

_MOST_TIMES: Final = 3.0
"""How many times the cost of the decisions, or the least of all, the drawing shows."""
_LOWEST: Final = 1e-5
_HIGHEST_LOWEST: Final = 0.1


@dataclass(frozen=True, slots=True)
class _Line:
    kind: str
    tried: Floats
    cost: Floats

    def cheapest(self) -> tuple[float, float]:
        """Return the threshold of the least cost, and that cost."""
        at = int(self.cost.argmin())
        return float(self.tried[at]), float(self.cost[at])

    def stretches(self, most: float) -> Iterator[list[tuple[float, float]]]:
        """Yield the parts that cost at most so much, each with its neighbours beyond: there it leaves the drawing."""
        is_shown = self.cost <= most
        for part in np.split(np.arange(len(self.tried)), np.flatnonzero(np.diff(is_shown)) + 1):
            if is_shown[part[0]]:
                within = slice(max(int(part[0]) - 1, 0), int(part[-1]) + 2)
                yield list(zip(self.tried[within].tolist(), self.cost[within].tolist(), strict=True))


def cost_by_threshold(sides: Sequence[Side], costs: Costs) -> Plot:
    """Draw the cost a day against the threshold of a review; for one side of known thresholds against both."""
    title = "Cost a day against threshold"
    currency = sides[0].evaluation.base_currency
    by_review = [_by_review(side, costs, kind) for kind, side in zip(SIDE_KINDS, sides, strict=False)]
    thresholds = sides[0].thresholds if len(sides) == 1 else None
    lines = list(by_review)
    extra = []
    if thresholds is not None:
        tried = by_review[0].tried
        lines.append(
            _Line(SIDE_KINDS[1], tried, Ledger(sides[0].scored, costs).by_decline(tried, review=thresholds.review))
        )
        extra = [Entry("first", "the review threshold moved"), Entry("second", "the decline threshold moved")]
    up = _up_to_what_matters(sides, costs, lines)
    across = _across_what_is_shown(lines, up.high, sides)
    chart = Chart(title, Axis(across, "Threshold (score)"), Axis(up, f"Cost ({text.visible(currency)} a day)"))
    for line in lines:
        for points in line.stretches(up.high):
            chart.line(points, line.kind)
    for line in lines:
        threshold, least = line.cheapest()
        told = f"{text.probability(threshold)}: {text.money(least, currency)} a day"
        chart.dot(threshold, least, line.kind, told=told)
    if len(sides) == 1:
        mark_thresholds(chart, thresholds)
    findings = [
        of_side(side.name, _finding(side, line, costs), among=len(sides))
        for side, line in zip(sides, by_review, strict=True)
    ]
    rule = (
        f"A missed fraud costs its amount, a review {text.money(costs.review, currency)}, "
        f"a good customer turned away {text.money(costs.decline, currency)}."
    )
    if any(float(line.cost.max()) > up.high for line in lines):
        rule += f" What costs more than {text.money(up.high, currency)} a day is not drawn."
    return Plot(
        "cost",
        title,
        [chart.svg()],
        [*findings, rule],
        side_key([side.name for side in sides], [*extra, Entry("quiet", "where it is cheapest", "disc")]),
    )


def _up_to_what_matters(sides: Sequence[Side], costs: Costs, lines: Sequence[_Line]) -> Linear:
    """Return an axis up to some times what was decided or would have been cheapest; up to all where that is nothing."""
    dearest = max(float(line.cost.max()) for line in lines)
    matters = max(
        *(cost_of_decisions(side.scored, costs) for side in sides), *(line.cheapest()[1] for line in lines), 0.0
    )
    return upwards([min(dearest, _MOST_TIMES * matters) if matters > 0 else dearest])


def _across_what_is_shown(lines: Sequence[_Line], most: float, sides: Sequence[Side]) -> Logarithmic:
    """Return an axis from where the first line enters the drawing, and from no later than what was chosen, up to 1."""
    first = [float(line.tried[max(int((line.cost <= most).argmax()) - 1, 0)]) for line in lines]
    chosen = [side.thresholds.review for side in sides if side.thresholds is not None]
    return Logarithmic(min(max(min(*first, *chosen, 1.0), _LOWEST), _HIGHEST_LOWEST), 1.0)


def _by_review(side: Side, costs: Costs, kind: str) -> _Line:
    tried = thresholds_to_try(side.scored)
    # Where no threshold of a decline is known, whatever is flagged is reviewed.
    decline = math.inf if side.thresholds is None else side.thresholds.decline
    return _Line(kind, tried, Ledger(side.scored, costs).by_review(tried, decline=decline))


def _finding(side: Side, line: _Line, costs: Costs) -> str:
    currency = side.evaluation.base_currency
    threshold, least = line.cheapest()
    decided = text.money(cost_of_decisions(side.scored, costs), currency)
    return (
        f"As decided, {decided} a day; reviewing from {text.probability(threshold)} on would have been cheapest, "
        f"at {text.money(least, currency)} a day. Approving everything would have cost "
        f"{text.money(_cost_without(side, costs), currency)} a day."
    )


def _cost_without(side: Side, costs: Costs) -> float:
    return float(Ledger(side.scored, costs).by_review(np.array([math.inf]), decline=math.inf)[0])
