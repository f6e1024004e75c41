"""The figures of an evaluation, as tables and sentences show them."""

import math
from collections.abc import Mapping

from fraudline.models.evaluation.evaluation import Comparison, Estimate, Evaluation
from fraudline.models.evaluation.figures import FIGURES, Better, Figure, Unit
from fraudline.models.report import text
from fraudline.models.report.plot import Table

_SAME = "the same"


def written(value: float, unit: Unit) -> str:
    """Return the value of a figure; its unit stands elsewhere (shares in per cent)."""
    match unit:
        case Unit.SHARE:
            return text.percent(value)
        case Unit.MEASURE:
            return text.measure(value)
        case Unit.MONEY:
            return text.amount(value)
        case Unit.PER_DAY:
            return text.pace(value)


def interval(estimate: Estimate, unit: Unit) -> str:
    """Return a figure's 95 % interval."""
    if not (math.isfinite(estimate.low) and math.isfinite(estimate.high)):
        return text.UNKNOWN
    return f"{written(estimate.low, unit)} to {written(estimate.high, unit)}"


def figures_table(evaluation: Evaluation) -> Table:
    """Return every figure with its interval and its meaning."""
    rows = [
        [
            _titled(figure, evaluation.base_currency),
            written(estimate.value, figure.unit),
            interval(estimate, figure.unit),
            text.as_title(figure.definition),
        ]
        for figure, estimate in _known(evaluation.figures)
    ]
    return Table("Figures with 95 % intervals", ["Figure", "Value", "95 % interval", "Meaning"], rows, numbers=(1, 2))


def comparison_table(comparison: Comparison) -> Table:
    """Return every figure of both, with the difference, its interval, and what it means for the second."""
    first, second = comparison.first, comparison.second
    rows = []
    for figure, one in _known(first.figures):
        other, difference = second.figures[figure.name], comparison.differences[figure.name]
        rows.append(
            [
                _titled(figure, first.base_currency),
                f"{written(one.value, figure.unit)} ({interval(one, figure.unit)})",
                f"{written(other.value, figure.unit)} ({interval(other, figure.unit)})",
                f"{signed(difference.value, figure.unit)} ({interval(difference, figure.unit)})",
                judged(figure, difference),
            ]
        )
    head = ["Figure", first.name, second.name, "Difference", "The second is"]
    return Table("Figures, differences (second minus first) and 95 % intervals", head, rows, numbers=(1, 2, 3))


def decisions_table(evaluation: Evaluation) -> Table:
    """Return what was decided, in transactions and in money."""
    currency = evaluation.base_currency
    rows = [
        [
            text.as_title(str(tally.decision)),
            text.count(tally.transactions),
            text.count(tally.frauds),
            text.money(tally.amount, currency),
            text.money(tally.fraud_amount, currency),
        ]
        for tally in evaluation.decisions
    ]
    head = ["Decision", "Transactions", "Frauds", "Amount", "Amount of the frauds"]
    return Table(f"Decisions of {evaluation.name}", head, rows, numbers=(1, 2, 3, 4))


def signed(value: float, unit: Unit) -> str:
    """Return a difference with its sign; of shares in percentage points."""
    said = written(value, unit)
    return f"+{said}" if value > 0 and said != text.UNKNOWN else said


def judged(figure: Figure, difference: Estimate) -> str:
    """Return whether a difference is for better or worse, where its interval leaves no doubt."""
    if not math.isfinite(difference.value):
        return text.UNKNOWN
    if difference.value == difference.low == difference.high == 0:
        return _SAME
    if not (difference.low > 0 or difference.high < 0):
        return "not clearly different"
    if figure.better is Better.NEITHER:
        return "higher" if difference.value > 0 else "lower"
    return "better" if (difference.value > 0) == (figure.better is Better.HIGHER) else "worse"


def _known(figures: Mapping[str, Estimate]) -> list[tuple[Figure, Estimate]]:
    return [(figure, figures[figure.name]) for figure in FIGURES if figure.name in figures]


def _titled(figure: Figure, currency: str) -> str:
    unit = {Unit.SHARE: ", %", Unit.MONEY: f", {currency}"}.get(figure.unit, "")
    return f"{text.as_title(figure.label)}{unit}"
