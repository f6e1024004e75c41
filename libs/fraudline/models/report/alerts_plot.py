"""How much work the decisions make: alerts a day."""

from collections.abc import Sequence
from typing import Final

from fraudline.models.evaluation.evaluation import DayTally
from fraudline.models.evaluation.scored import number_of
from fraudline.models.report import text
from fraudline.models.report.chart import Axis, Chart
from fraudline.models.report.facts import Side
from fraudline.models.report.plot import SIDE_KINDS, Entry, Plot, Table, of_side, side_key
from fraudline.models.report.scale import Days, upwards

_MOST_ROWS: Final = 200


def alerts_a_day(sides: Sequence[Side], most_a_day: float | None = None) -> Plot:
    """Draw the alerts of each day, the frauds among them apart; `most_a_day` is what analysts can take, if known."""
    title = "Alerts a day"
    tallies = [day for side in sides for day in side.evaluation.by_day]
    numbers = [number_of(day.day) for day in tallies]
    across = Days(min(numbers), max(numbers))
    up = upwards([*(float(day.flagged) for day in tallies), most_a_day or 0.0], at_least=5.0)
    chart = Chart(title, Axis(across, "Day (UTC)"), Axis(up, "Alerts (reviewed or declined) a day"))
    extra = []
    if len(sides) == 1:
        for day in sides[0].evaluation.by_day:
            _draw_day(chart, day)
        extra = [Entry("bad", "fraud", "box"), Entry("others", "no fraud", "box")]
    else:
        for kind, side in zip(SIDE_KINDS, sides, strict=False):
            points = [(number_of(day.day) + 0.5, float(day.flagged)) for day in side.evaluation.by_day]
            chart.line(points, kind)
    if most_a_day is not None:
        chart.mark_up(most_a_day, f"at most {text.cap(most_a_day)} a day on average")
    rows = [_row(side.name, day, among=len(sides)) for side in sides for day in side.evaluation.by_day]
    head = ["Day", "Transactions", "Frauds", "Alerts", "Frauds among them"]
    return Plot(
        "alerts",
        title,
        [chart.svg()],
        [of_side(side.name, _finding(side), among=len(sides)) for side in sides],
        side_key([side.name for side in sides], extra),
        # Years of days are no reading.
        Table("Alerts by day", head, rows) if len(rows) <= _MOST_ROWS else None,
    )


def _draw_day(chart: Chart, day: DayTally) -> None:
    start = float(number_of(day.day))
    told = f"{text.day(day.day)}: {text.count(day.flagged)} alerts, {text.count(day.flagged_frauds)} of them fraud"
    chart.bar(start, start + 1, 0.0, day.flagged_frauds, "bad", told=told)
    chart.bar(start, start + 1, day.flagged_frauds, day.flagged, "others", told=told)


def _row(name: str, day: DayTally, *, among: int) -> list[str]:
    return [
        of_side(name, text.day(day.day), among=among),
        text.count(day.transactions),
        text.count(day.frauds),
        text.count(day.flagged),
        text.count(day.flagged_frauds),
    ]


def _finding(side: Side) -> str:
    days = side.evaluation.by_day
    flagged, found = sum(day.flagged for day in days), sum(day.flagged_frauds for day in days)
    if not flagged:
        return "No alert on any day."
    busiest = max(days, key=lambda day: day.flagged)
    return (
        f"{text.pace(flagged / len(days))} alerts a day on average, {text.share(found / flagged)} of them fraud; "
        f"most on {text.day(busiest.day)}: {text.count(busiest.flagged)}."
    )
