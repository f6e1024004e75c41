"""How the measures hold from week to week."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from fraudline.models.evaluation.scored import number_of
from fraudline.models.report import text
from fraudline.models.report.chart import Axis, Chart
from fraudline.models.report.curves import WEEK_DAYS, Week, by_week
from fraudline.models.report.facts import Side
from fraudline.models.report.plot import SIDE_KINDS, Entry, Plot, Table, of_side, side_key
from fraudline.models.report.scale import Days, Linear

_MEASURES: Final = {"auc_roc": "AUC ROC", "average_precision": "Average precision"}


def metrics_by_week(sides: Sequence[Side]) -> Plot:
    """Draw AUC ROC and average precision of each week of seven days, the last of which may be shorter."""
    title = "Metrics by week"
    weeks = [by_week(side.scored) for side in sides]
    ends = [number_of(day) for one in weeks for week in one for day in (week.first, week.last)]
    across = Axis(Days(min(ends), max(ends)), "Middle of the week (days, UTC)")
    charts = []
    if len(sides) == 1:
        chart = Chart(title, across, Axis(Linear(0, 1), "Measure (0 to 1)"))
        for kind, measure in zip(SIDE_KINDS, _MEASURES, strict=True):
            _draw(chart, weeks[0], measure, kind)
        charts = [chart]
        key = [Entry(kind, label) for kind, label in zip(SIDE_KINDS, _MEASURES.values(), strict=True)]
    else:
        for measure, label in _MEASURES.items():
            chart = Chart(f"{label} by week", across, Axis(Linear(0, 1), f"{label} (0 to 1)"))
            for kind, one in zip(SIDE_KINDS, weeks, strict=False):
                _draw(chart, one, measure, kind)
            charts.append(chart)
        key = side_key([side.name for side in sides])
    if all(len(one) == 1 for one in weeks):
        # One week is a dot; there is no line to tell.
        key = [replace(entry, form="dot") for entry in key]
    named = list(zip([side.name for side in sides], weeks, strict=True))
    head = ["Days", "Transactions", "Frauds", "AUC ROC", "Average precision", "Alerts", "Frauds found"]
    return Plot(
        "weeks",
        title,
        [chart.svg() for chart in charts],
        [of_side(name, _finding(one), among=len(sides)) for name, one in named],
        key,
        Table("By week", head, [_row(name, week, among=len(sides)) for name, one in named for week in one]),
        is_wide=len(charts) > 1,
    )


def _draw(chart: Chart, weeks: Sequence[Week], measure: str, kind: str) -> None:
    stretch: list[tuple[float, float]] = []
    for week in weeks:
        value: float = getattr(week, measure)
        # A week without frauds has no measure: a gap, never a zero.
        if math.isnan(value):
            chart.line(stretch, kind)
            stretch = []
            continue
        middle = (number_of(week.first) + number_of(week.last) + 1) / 2
        chart.dot(middle, value, kind, told=f"{_span(week)}: {_MEASURES[measure]} {text.measure(value)}")
        stretch.append((middle, value))
    chart.line(stretch, kind)


def _row(name: str, week: Week, *, among: int) -> list[str]:
    return [
        of_side(name, _span(week), among=among),
        text.count(week.transactions),
        text.count(week.frauds),
        text.measure(week.auc_roc),
        text.measure(week.average_precision),
        text.count(week.alerts),
        text.count(week.frauds_found),
    ]


def _span(week: Week) -> str:
    return f"{text.day(week.first)} to {text.day(week.last)}"


def _finding(weeks: Sequence[Week]) -> str:
    known = [week for week in weeks if math.isfinite(week.average_precision)]
    if not known:
        return "No week has both frauds and others."
    best = max(known, key=lambda week: week.average_precision)
    worst = min(known, key=lambda week: week.average_precision)
    without = len(weeks) - len(known)
    said = (
        f"Average precision lies between {text.measure(worst.average_precision)} ({_span(worst)}) and "
        f"{text.measure(best.average_precision)} ({_span(best)})."
        if worst is not best
        else f"One week only ({_span(best)}): average precision {text.measure(best.average_precision)}."
    )
    short = (
        " The last week is shorter."
        if len(weeks) > 1 and (weeks[-1].last - weeks[-1].first).days + 1 < WEEK_DAYS
        else ""
    )
    nothing = f" {text.count(without)} of {len(weeks)} weeks cannot be measured: no fraud." if without else ""
    return f"{said}{short}{nothing}"
