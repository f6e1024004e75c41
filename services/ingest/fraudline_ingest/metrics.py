"""What ingest measures. Every label takes its values from a closed list."""

from enum import StrEnum
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from fraudline.web.http_metrics import HttpMetrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_EVENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class WaitEnd(StrEnum):
    """How a wait for a verdict ended; one that ended in an error counts among the problems."""

    VERDICT = "verdict"
    FALLBACK = "fallback"
    LEFT = "left"


class IngestMetrics:
    """All of ingest's metrics, in the registry that the admin port shows."""

    def __init__(self, registry: "CollectorRegistry") -> None:
        self.http = HttpMetrics(registry)
        self.events_accepted = Counter(
            "fraudline_events_accepted_total",
            "Events that the broker has confirmed and the client was told of, by kind.",
            ["kind"],
            registry=registry,
        )
        self.events_refused = Counter(
            "fraudline_events_refused_total",
            "Events that were not taken in, by the code of the problem; a request that could not be read counts once.",
            ["reason"],
            registry=registry,
        )
        self.events_in_flight = Gauge(
            "fraudline_events_in_flight", "Events that wait for the broker's confirm.", registry=registry
        )
        self.body_bytes_in_flight = Gauge(
            "fraudline_body_bytes_in_flight", "Bytes of requests' bodies that are held in memory.", registry=registry
        )
        self.reads_in_flight = Gauge(
            "fraudline_reads_in_flight", "Readings of transactions that wait for the database.", registry=registry
        )
        self.publish_batch_events = Histogram(
            "fraudline_publish_batch_events",
            "Events in one message, by stream.",
            ["stream"],
            buckets=_EVENTS,
            registry=registry,
        )
        self.publish_confirm_seconds = Histogram(
            "fraudline_publish_confirm_seconds",
            "From a message being handed to the broker to its confirm, by stream.",
            ["stream"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.publish_failures = Counter(
            "fraudline_publish_failures_total",
            "Messages that were not confirmed, by stream and reason.",
            ["stream", "reason"],
            registry=registry,
        )
        self.broker_connected = Gauge(
            "fraudline_broker_connected", "1 while the broker's connection for publishing is up.", registry=registry
        )
        self.keys_age_seconds = Gauge(
            "fraudline_keys_age_seconds", "Seconds since the API keys were last read.", registry=registry
        )
        self.log_window_events = Gauge(
            "fraudline_log_window_events",
            "How many single posts may be outstanding before more are refused, and how many events of any kind before "
            "batches are; infinite while the scorer says nothing.",
            ["kind"],
            registry=registry,
        )
        self.log_outstanding_events = Gauge(
            "fraudline_log_outstanding_events",
            "Events between their admission and the word that they are committed.",
            registry=registry,
        )
        self.log_delay_seconds = Gauge(
            "fraudline_log_delay_seconds",
            "What the event of which was last heard took from being ready to being committed.",
            registry=registry,
        )
        self.waits_in_flight = Gauge("fraudline_waits_in_flight", "Clients that wait for a verdict.", registry=registry)
        self._waits = Counter(
            "fraudline_waits_total",
            "Waits for a verdict, by how they ended: with it, with the fallback, or the client left.",
            ["end"],
            registry=registry,
        )
        self.fallbacks_given_up = Counter(
            "fraudline_fallbacks_given_up_total",
            "Fallbacks that clients were answered and the scorer could not be told of.",
            registry=registry,
        )
        for end in WaitEnd:
            self._waits.labels(end.value)

    def note_wait(self, end: WaitEnd) -> None:
        """Count a wait that has ended."""
        self._waits.labels(end.value).inc()
