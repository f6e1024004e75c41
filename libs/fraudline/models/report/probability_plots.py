"""What scores say as probabilities: whether they come true, and how they are spread."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from fraudline.models.evaluation.evaluation import ReliabilityBin
from fraudline.models.report import text
from fraudline.models.report.chart import Axis, Chart
from fraudline.models.report.curves import Floats, histogram
from fraudline.models.report.facts import Side
from fraudline.models.report.plot import SIDE_KINDS, Entry, Plot, Table, mark_thresholds, of_side, side_key
from fraudline.models.report.scale import Logarithmic, decades

_LOWEST_SCORE: Final = 1e-5
_BINS_A_DECADE: Final = 10
_STRIP_HEIGHT: Final = 118.0
_BELOW_ONE: Final = 0.8
_Z_95: Final = 1.959964


def calibration(sides: Sequence[Side]) -> Plot:
    """Draw the share of frauds against the mean score of bins, with Wilson's interval, and how many each holds."""
    title = "Calibration: what scores say and what came true"
    bins = [one for side in sides for one in side.evaluation.reliability if one.transactions]
    values = [value for one in bins for value in (one.mean_score, one.fraud_share)]
    scale = decades(values, low=_LOWEST_SCORE, high=1.0)
    counts = decades([float(one.transactions) for one in bins] + [1.0], low=1.0, high=1e9)
    chart = Chart(title, Axis(scale, "Mean score of the bin (probability)"), Axis(scale, "Share of frauds in the bin"))
    strip = Chart(
        "Transactions in each bin of the calibration",
        Axis(scale, "Mean score of the bin (probability)"),
        Axis(Logarithmic(_BELOW_ONE, counts.high, most_ticks=3), "Transactions in the bin"),
        height=_STRIP_HEIGHT,
    )
    chart.line([(scale.low, scale.low), (scale.high, scale.high)], "reference")
    findings, rows = [], []
    for kind, side in zip(SIDE_KINDS, sides, strict=False):
        reliability = [one for one in side.evaluation.reliability if one.transactions]
        chart.line([(one.mean_score, one.fraud_share) for one in reliability if one.frauds], f"{kind} thin")
        for one in reliability:
            low, high = wilson(one.frauds, one.transactions)
            chart.whisker(one.mean_score, low, high, kind)
            chart.dot(one.mean_score, one.fraud_share, kind, told=_bin_told(one), is_hollow=not one.frauds)
            half = 10 ** (0.011 * math.log10(scale.high / scale.low))
            middle = max(one.mean_score, scale.low)
            strip.bar(middle / half, middle * half, _BELOW_ONE, one.transactions, kind, told=_bin_told(one))
            rows.append(_bin_row(side, one, among=len(sides)))
        findings.append(of_side(side.name, _finding_of_calibration(side), among=len(sides)))
    key = [Entry("reference", "score = share"), Entry("quiet", "no fraud in the bin", "ring")]
    head = ["Scores", "Mean score", "Share of frauds", "Frauds", "Transactions"]
    return Plot(
        "calibration",
        title,
        [chart.svg(), strip.svg()] if bins else [],
        findings,
        side_key([side.name for side in sides], key),
        Table("Bins of scores", head, rows) if rows else None,
    )


def score_distribution(sides: Sequence[Side]) -> Plot:
    """Draw how many frauds and how many others have scores of each size, both by decades."""
    title = "Score distribution: frauds and others"
    known = [side.scored.where(np.isfinite(side.scored.score)) for side in sides]
    scores = np.concatenate([scored.score for scored in known])
    span = decades([float(scores.min(initial=1.0)), 1.0], low=_LOWEST_SCORE, high=1.0)
    edges = np.geomspace(span.low, span.high, round(math.log10(span.high / span.low)) * _BINS_A_DECADE + 1)
    parts = [(scored.score[~scored.is_fraud], scored.score[scored.is_fraud]) for scored in known]
    counts = [tuple(histogram(score, edges) for score in pair) for pair in parts]
    most = max((float(count) for pair in counts for one in pair for count in one), default=1.0)
    up = Logarithmic(_BELOW_ONE, decades([1.0, most], low=1.0, high=1e9).high)
    drawings, extra = [], []
    across = Axis(span, "Score (probability of fraud)")
    if len(sides) == 1:
        chart = Chart(title, across, Axis(up, "Transactions"))
        for kind, heights in zip(("others", "bad"), counts[0], strict=True):
            steps = _steps(edges.tolist(), heights)
            chart.area(steps, kind)
            chart.line(steps, kind)
        mark_thresholds(chart, sides[0].thresholds)
        drawings = [chart.svg()]
        extra = [Entry("bad", "frauds", "box"), Entry("others", "others", "box")]
    else:
        for which, name in enumerate(("Others", "Frauds")):
            chart = Chart(f"{name} by score", across, Axis(up, f"{name} (transactions)"))
            for kind, pair in zip(SIDE_KINDS, counts, strict=False):
                chart.line(_steps(edges.tolist(), pair[which]), kind)
            drawings.append(chart.svg())
    return Plot(
        "score-distribution",
        title,
        drawings if len(scores) else [],
        [
            of_side(side.name, _finding_of_distribution(side, pair), among=len(sides))
            for side, pair in zip(sides, parts, strict=True)
        ],
        side_key([side.name for side in sides], extra),
        is_wide=len(drawings) > 1,
    )


def wilson(frauds: int, transactions: int) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share; `transactions` is not 0."""
    share, weight = frauds / transactions, _Z_95**2 / transactions
    middle = (share + weight / 2) / (1 + weight)
    half = _Z_95 * math.sqrt(share * (1 - share) / transactions + weight / (4 * transactions)) / (1 + weight)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def _steps(edges: Sequence[float], heights: Sequence[int]) -> list[tuple[float, float]]:
    """Return the outline of a histogram, from the ground to the ground; what is empty lies on it."""
    outline = [(edges[0], 0.0)]
    for left, right, height in zip(edges[:-1], edges[1:], heights, strict=True):
        # A level that goes on needs no point of its own.
        if outline[-1][1] == height and len(outline) > 1:
            outline[-1] = (right, float(height))
        else:
            outline += [(left, float(height)), (right, float(height))]
    return [*outline, (edges[-1], 0.0)]


def _bin_told(one: ReliabilityBin) -> str:
    return (
        f"scores around {text.probability(one.mean_score)}: {text.probability(one.fraud_share)} were fraud, "
        f"{text.count(one.frauds)} of {text.count(one.transactions)}"
    )


def _bin_row(side: Side, one: ReliabilityBin, *, among: int) -> list[str]:
    span = f"{text.probability(one.lowest_score)} to {text.probability(one.highest_score)}"
    return [
        of_side(side.name, span, among=among),
        text.probability(one.mean_score),
        text.probability(one.fraud_share),
        text.count(one.frauds),
        text.count(one.transactions),
    ]


def _finding_of_calibration(side: Side) -> str:
    bins = [one for one in side.evaluation.reliability if one.transactions]
    if not bins:
        return "No transaction has a score."
    expected = sum(one.mean_score * one.transactions for one in bins)
    found = sum(one.frauds for one in bins)
    inside = sum(low <= one.mean_score <= high for one in bins for low, high in [wilson(one.frauds, one.transactions)])
    return (
        f"The scores promise {text.count(expected)} frauds, {text.count(found)} came; in {inside} of "
        f"{len(bins)} bins the score lies within the 95 % interval of the share of frauds."
    )


def _finding_of_distribution(side: Side, parts: Sequence[Floats]) -> str:
    medians = [text.probability(float(np.median(part))) if len(part) else "no" for part in parts]
    if not any(len(part) for part in parts):
        return "No transaction has a score."
    said = f"Half of the frauds score {medians[1]} or more, half of the others {medians[0]} or less."
    if not len(parts[1]):
        said = f"There is no fraud; half of the transactions score {medians[0]} or less."
    elif not len(parts[0]):
        said = f"There is nothing but fraud; half of it scores {medians[1]} or more."
    missing = side.evaluation.without_score
    return f"{said} {text.count(missing)} without a score are not drawn." if missing else said
