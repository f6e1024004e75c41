"""The points of the curves: what the measured transactions look like at every threshold, and week by week."""

from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.models.evaluation.metrics import auc_roc, average_precision
from fraudline.models.evaluation.scored import Scored, day_of

Floats = NDArray[np.float64]

MOST_POINTS: Final = 400
WEEK_DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days (the last week may be shorter), both ends included; measures are NaN where nothing is to be ranked."""

    first: date
    last: date
    transactions: int
    frauds: int
    alerts: int
    frauds_found: int
    auc_roc: float
    average_precision: float


def ranked(scored: Scored) -> Scored:
    """Return what has a score."""
    return scored.where(np.isfinite(scored.score))


def roc_points(scored: Scored) -> tuple[Floats, Floats]:
    """Return false and true positive rates from (0, 0) to (1, 1); empty without frauds or without others."""
    found, taken = _found_at_thresholds(scored)
    if not len(found) or not 0 < found[-1] < taken[-1]:
        return np.empty(0), np.empty(0)
    false = (taken - found) / (taken[-1] - found[-1])
    return np.append(0.0, false), np.append(0.0, found / found[-1])


def precision_recall_points(scored: Scored) -> tuple[Floats, Floats]:
    """Return recall, from 0 to 1, and the precision there; empty without frauds.

    The mean of the precisions, each with the step of recall that leads to it, is the average precision.
    """
    found, taken = _found_at_thresholds(scored)
    if not len(found) or not found[-1]:
        return np.empty(0), np.empty(0)
    precision = found / taken
    return np.append(0.0, found / found[-1]), np.append(precision[0], precision)


def thinned(x: Floats, y: Floats, most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """Return at most so many points of a curve within the unit square, about equally far apart, both ends kept."""
    if len(x) > most:
        travelled = np.append(0.0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
        wanted = np.linspace(0.0, travelled[-1], most)
        kept = np.unique(np.searchsorted(travelled, wanted).clip(0, len(x) - 1))
        kept = np.unique(np.concatenate([[0], kept, [len(x) - 1]]))[: most + 2]
        x, y = x[kept], y[kept]
    return list(zip(x.tolist(), y.tolist(), strict=True))


def operating_point(scored: Scored, least: int) -> tuple[float, float, float] | None:
    """Return (recall, precision, false positive rate) of what was decided with at least that code; None without any."""
    frauds, others = int(scored.is_fraud.sum()), int((~scored.is_fraud).sum())
    taken = scored.decision >= least
    found = int((taken & scored.is_fraud).sum())
    if not taken.any() or not frauds or not others:
        return None
    return found / frauds, found / int(taken.sum()), (int(taken.sum()) - found) / others


def histogram(score: Floats, edges: Floats) -> list[int]:
    """Return how many scores lie between neighbouring edges; what is beyond an end counts in the outermost."""
    counts, _ = np.histogram(score.clip(edges[0], edges[-1]), edges)
    return [int(value) for value in counts]


def by_week(scored: Scored) -> list[Week]:
    """Return the weeks, counted from the first day."""
    weeks = []
    first = int(scored.day[0])
    for start in range(first, int(scored.day[-1]) + 1, WEEK_DAYS):
        stop = min(start + WEEK_DAYS, int(scored.day[-1]) + 1)
        part = scored.where((scored.day >= start) & (scored.day < stop))
        rows = ranked(part)
        has_both = 0 < int(rows.is_fraud.sum()) < len(rows)
        weeks.append(
            Week(
                first=day_of(start),
                last=day_of(stop - 1),
                transactions=len(part),
                frauds=int(part.is_fraud.sum()),
                alerts=int(part.is_flagged.sum()),
                frauds_found=int((part.is_flagged & part.is_fraud).sum()),
                auc_roc=auc_roc(rows.score, rows.is_fraud) if has_both else float("nan"),
                average_precision=average_precision(rows.score, rows.is_fraud) if has_both else float("nan"),
            )
        )
    return weeks


def _found_at_thresholds(scored: Scored) -> tuple[Floats, Floats]:
    """Return, for each score as the threshold, descending, how many frauds and how many rows it takes."""
    rows = ranked(scored)
    if not len(rows):
        return np.empty(0), np.empty(0)
    order = np.argsort(-rows.score, kind="stable")
    found = np.cumsum(rows.is_fraud[order])
    last = np.append(np.flatnonzero(np.diff(rows.score[order])), len(rows) - 1)
    return found[last].astype(np.float64), (last + 1).astype(np.float64)
