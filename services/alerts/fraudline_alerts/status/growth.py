"""How much counters grew between two readings of a process, and the quantiles of histograms that grew."""

import math
from typing import TYPE_CHECKING

from fraudline_alerts.status.reading import HISTOGRAMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fraudline_alerts.status.reading import Labels, Reading

_START = "process_start_time_seconds"


def growth(before: "Reading", after: "Reading", name: str) -> "dict[Labels, float] | None":
    """Return by how much each series of a counter grew; None where the process has no such counter.

    A process that started anew counted from zero again, and so did a series that stands lower than before.
    """
    if (name.removesuffix("_bucket") if name.endswith("_bucket") else name) not in after.declared:
        return None
    is_restarted = before.value(_START) != after.value(_START)
    earlier = {} if is_restarted else before.values.get(name, {})
    grown = {}
    for labels, value in after.values.get(name, {}).items():
        behind = earlier.get(labels, 0.0)
        grown[labels] = value - behind if value >= behind else value
    return grown


def bucket_growth(before: "Reading", after: "Reading") -> dict[str, dict[float, float]]:
    """Return the growth of each histogram's cumulative buckets, by upper bound, over all other labels."""
    grown: dict[str, dict[float, float]] = {}
    for name in HISTOGRAMS:
        series = growth(before, after, f"{name}_bucket")
        for labels, value in (series or {}).items():
            bound = float(dict(labels)["le"])
            buckets = grown.setdefault(name, {})
            buckets[bound] = buckets.get(bound, 0.0) + value
    return grown


def added(all_buckets: "Iterable[Mapping[float, float]]") -> dict[float, float]:
    """Return the sum of histograms that have the same bounds."""
    total: dict[float, float] = {}
    for buckets in all_buckets:
        for bound, count in buckets.items():
            total[bound] = total.get(bound, 0.0) + count
    return total


def quantile(share: float, buckets: "Mapping[float, float]") -> float | None:
    """Return the value below which a share of the observations lies; None where there are no observations.

    Within a bucket the observations are taken to lie evenly, as Prometheus' `histogram_quantile` does; what lies above
    the last finite bound is told as that bound.

    >>> quantile(0.5, {0.1: 10, 0.2: 30, math.inf: 30})
    0.125
    """
    bounds = sorted(buckets)
    if not bounds or buckets[bounds[-1]] <= 0:
        return None
    rank = share * buckets[bounds[-1]]
    below, counted = 0.0, 0.0
    for bound in bounds:
        if buckets[bound] >= rank:
            if not math.isfinite(bound):
                break
            inside = buckets[bound] - counted
            return below + (bound - below) * ((rank - counted) / inside if inside > 0 else 1.0)
        below, counted = bound, buckets[bound]
    return below
