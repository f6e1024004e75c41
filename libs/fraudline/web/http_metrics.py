"""What every HTTP interface measures of its requests."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class HttpMetrics:
    """Requests and their duration, in the registry that the admin port shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "fraudline_http_requests_total",
            "Requests answered, by route, method and status.",
            ["route", "method", "status"],
            registry=registry,
        )
        self._request_seconds = Histogram(
            "fraudline_http_request_duration_seconds",
            "From the first byte of a request's headers being read to its answer being written.",
            ["route", "method"],
            buckets=_SECONDS,
            registry=registry,
        )
        # Looked up once each: the look-up costs more than the counting.
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def note(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count and time an answer; route and method come from closed lists, never from the request as it was sent."""
        children = self._children.get((route, method, status))
        if children is None:
            children = (
                self._requests.labels(route=route, method=method, status=str(status)),
                self._request_seconds.labels(route=route, method=method),
            )
            self._children[route, method, status] = children
        requests, request_seconds = children
        requests.inc()
        request_seconds.observe(seconds)
