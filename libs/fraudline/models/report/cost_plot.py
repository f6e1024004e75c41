"""What decisions cost a day, at every threshold."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fraudline.models.report import text
from fraudline.models.report.chart import Axis, Chart
from fraudline.models.report.costs import Costs, Floats, Ledger, cost_of_decisions, thresholds_to_try
from fraudline.models.report.facts import Side
from fraudline.models.report.plot import SIDE_KINDS, Entry, Plot, mark_thresholds, of_side, side_key
from fraudline.models.report.scale import decades, upwards


@dataclass(frozen=True, slots=True)
class _Line:
    kind: str
    tried: Floats
    cost: Floats

    def cheapest(self) -> tuple[float, float]:
        """Return the threshold of the least cost, and that cost."""
        at = int(self.cost.argmin())
        return float(self.tried[at]), float(self.cost[at])


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
    across = decades([*(float(line.tried[0]) for line in lines), 1.0], low=1e-5, high=1.0)
    up = upwards([float(line.cost.max()) for line in lines])
    chart = Chart(title, Axis(across, "Threshold (score)"), Axis(up, f"Cost ({text.visible(currency)} a day)"))
    for line in lines:
        chart.line(list(zip(line.tried.tolist(), line.cost.tolist(), strict=True)), line.kind)
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
    return Plot(
        "cost",
        title,
        [chart.svg()],
        [*findings, rule],
        side_key([side.name for side in sides], extra),
    )


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
        f"at {text.money(least, currency)} a day."
    )
