"""How well scores rank: precision against recall, and true against false positives."""

from collections.abc import Sequence

from fraudline.models.evaluation.scored import DECLINED, REVIEWED
from fraudline.models.report import text
from fraudline.models.report.chart import Axis, Chart
from fraudline.models.report.curves import operating_point, precision_recall_points, roc_points, thinned
from fraudline.models.report.facts import Side
from fraudline.models.report.plot import SIDE_KINDS, Entry, Plot, Table, of_side, side_key
from fraudline.models.report.scale import Linear

_OF_DECISIONS = (
    Entry("quiet", "what was flagged (reviewed or declined)", "ring"),
    Entry("quiet", "what was declined", "disc"),
)
_ASKED = ((REVIEWED, "flagged"), (DECLINED, "declined"))


def precision_recall(sides: Sequence[Side]) -> Plot:
    """Draw precision against recall at every threshold, with the points that the decisions chose."""
    title = "Precision against recall"
    chart = Chart(
        title,
        Axis(Linear(0, 1, _percent), "Recall: share of the frauds that is found"),
        Axis(Linear(0, 1, _percent), "Precision: share of the alerts that is fraud"),
    )
    drawn, findings, rows = False, [], []
    for kind, side in zip(SIDE_KINDS, sides, strict=False):
        recall, precision = precision_recall_points(side.scored)
        drawn = drawn or len(recall) > 0
        chart.line(thinned(recall, precision), kind)
        for least, name in _ASKED:
            point = operating_point(side.scored, least)
            if point is not None:
                told = f"{name}: precision {text.share(point[1])}, recall {text.share(point[0])}"
                chart.dot(point[0], point[1], kind, told=told, is_hollow=least == REVIEWED)
                rows.append([_row_name(side, name, among=len(sides)), text.share(point[0]), text.share(point[1])])
        findings.append(of_side(side.name, _finding_of_precision(side), among=len(sides)))
    return Plot(
        "precision-recall",
        title,
        [chart.svg()] if drawn else [],
        findings,
        side_key([side.name for side in sides], _OF_DECISIONS),
        Table("Precision and recall of the decisions", ["Decision", "Recall", "Precision"], rows) if rows else None,
    )


def roc(sides: Sequence[Side]) -> Plot:
    """Draw true against false positives at every threshold, with the points that the decisions chose."""
    title = "ROC: frauds found against false alarms"
    chart = Chart(
        title,
        Axis(Linear(0, 1, _percent), "False positive rate: share of the others flagged"),
        Axis(Linear(0, 1, _percent), "True positive rate: share of the frauds flagged"),
    )
    chart.line([(0, 0), (1, 1)], "reference")
    drawn, findings, rows = False, [], []
    for kind, side in zip(SIDE_KINDS, sides, strict=False):
        false, true = roc_points(side.scored)
        drawn = drawn or len(false) > 0
        chart.line(thinned(false, true), kind)
        for least, name in _ASKED:
            point = operating_point(side.scored, least)
            if point is not None:
                chart.dot(point[2], point[0], kind, told=name, is_hollow=least == REVIEWED)
                rows.append([_row_name(side, name, among=len(sides)), text.share(point[2]), text.share(point[0])])
        findings.append(of_side(side.name, _finding_of_roc(side), among=len(sides)))
    key = side_key([side.name for side in sides], [*_OF_DECISIONS, Entry("reference", "chance")])
    head = ["Decision", "False positive rate", "True positive rate"]
    return Plot(
        "roc",
        title,
        [chart.svg()] if drawn else [],
        findings,
        key,
        Table("Rates of the decisions", head, rows) if rows else None,
    )


def _finding_of_precision(side: Side) -> str:
    if not side.evaluation.frauds:
        return "No fraud is among these transactions, so there is no precision to draw."
    said = f"Average precision {_estimate(side, 'average_precision')}."
    base = side.evaluation.frauds / side.evaluation.transactions
    said += f" Chance would give {text.probability(base)}."
    point = operating_point(side.scored, REVIEWED)
    if point is None:
        return f"{said} Nothing was flagged."
    return f"{said} Of what was flagged {text.share(point[1])} is fraud; {text.share(point[0])} of the frauds is found."


def _finding_of_roc(side: Side) -> str:
    if not 0 < side.evaluation.frauds < side.evaluation.transactions:
        return "Frauds and others are needed for this curve, and there is only one kind."
    said = f"AUC {_estimate(side, 'auc_roc')}: so often a fraud scores higher than another transaction."
    point = operating_point(side.scored, REVIEWED)
    return said if point is None else f"{said} {text.share(point[2])} of the others was flagged."


def _estimate(side: Side, figure: str) -> str:
    """Return a measure of a side with its interval, as sentences have it."""
    estimate = side.evaluation.figures.get(figure)
    if estimate is None:
        return text.UNKNOWN
    return f"{text.measure(estimate.value)} (95 %: {text.measure(estimate.low)} to {text.measure(estimate.high)})"


def _row_name(side: Side, decided: str, *, among: int) -> str:
    return of_side(side.name, f"what was {decided}", among=among)


def _percent(value: float) -> str:
    return f"{value * 100:.0f} %"
