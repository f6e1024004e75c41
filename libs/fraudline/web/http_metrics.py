"""What every HTTP interface measures of its requests."""

from prometheus_client import CollectorRegistry, Counter, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class HttpMetrics:
    """Requests and their duration, in the registry that the admin port shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "fraudline_http_requests_total",
            "Requests answered, by route, method and status.",
            ["route", "method", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "fraudline_http_request_duration_seconds",
            "From the first byte of a request's headers being read to its answer being written.",
            ["route", "method"],
            buckets=_SECONDS,
            registry=registry,
        )
