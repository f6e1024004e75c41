"""What the explainer tells Prometheus."""

from contextlib import AbstractContextManager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_DELAY_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3_600.0)
_OUTCOMES = ("explained", "unexplainable")


class ExplainerMetrics:
    """The explainer's own metrics on a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._explained = Counter(
            "fraudline_explained_total", "Verdicts whose reasons were stored.", ["outcome"], registry=registry
        )
        for outcome in _OUTCOMES:
            self._explained.labels(outcome)
        self._computing = Histogram(
            "fraudline_explaining_seconds", "Time to compute a batch's reasons.", buckets=_SECONDS, registry=registry
        )
        self._delay = Histogram(
            "fraudline_explanation_delay_seconds", "From scoring to the stored reasons.", buckets=_DELAY_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._pending = Gauge(
            "fraudline_explanations_pending", "Flagged verdicts that have no reasons yet.", registry=registry
        )

    def computing(self) -> AbstractContextManager[None]:
        """Measure how long a batch's computing takes."""
        return self._computing.time()

    def note_stored(self, count: int, outcome: str) -> None:
        """Count verdicts whose reasons were stored by this process."""
        self._explained.labels(outcome).inc(count)

    def note_delay(self, seconds: float) -> None:
        """Note how long after its scoring a verdict has its reasons."""
        self._delay.observe(max(0.0, seconds))

    def note_pending(self, count: int) -> None:
        """Note how many wait."""
        self._pending.set(count)
