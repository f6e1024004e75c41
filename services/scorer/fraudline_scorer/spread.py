"""A histogram that takes the values of a whole batch at once: the library's own takes three locks for each of them."""

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.metrics_core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import INF, floatToGoString

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from prometheus_client import CollectorRegistry


class Spread(Collector):
    """How values that come by the batch are spread.

    Args:
        name: What Prometheus calls it.
        documentation: One sentence of what it is.
        buckets: Their upper bounds, which belong to them, in rising order; one more takes what lies above.
        registry: Where it is asked for.
    """

    def __init__(
        self, name: str, documentation: str, *, buckets: "Sequence[float]", registry: "CollectorRegistry"
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._bounds = [*buckets, INF]
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
        registry.register(self)

    def observe_all(self, values: "Iterable[float]") -> None:
        """Take values in, none of which is NaN."""
        bounds, counts = self._bounds, self._counts
        for value in values:
            counts[bisect_left(bounds, value)] += 1
            self._sum += value

    def collect(self) -> "Iterator[HistogramMetricFamily]":
        """Return what Prometheus is told."""
        told = HistogramMetricFamily(self._name, self._documentation)
        bounds = map(floatToGoString, self._bounds)
        told.add_metric([], list(zip(bounds, accumulate(self._counts), strict=True)), self._sum)
        yield told
