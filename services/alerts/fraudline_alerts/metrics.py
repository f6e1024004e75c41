"""What alerts measures. Every label takes its values from a closed list."""

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from fraudline.web.http_metrics import HttpMetrics

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_DELAYS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)


class AlertsMetrics:
    """All of alerts' metrics, in the registry that the admin port shows."""

    def __init__(self, registry: "CollectorRegistry") -> None:
        self.http = HttpMetrics(registry)
        self.opened = Counter(
            "fraudline_alerts_opened_total", "Alerts that this process opened.", ["decision"], registry=registry
        )
        self.delay_seconds = Histogram(
            "fraudline_alert_delay_seconds",
            "From a verdict's scoring to its alert being stored.",
            buckets=_DELAYS,
            registry=registry,
        )
        self.recovered = Counter(
            "fraudline_alerts_recovered_total",
            "Alerts that the sweep opened, since no message of theirs had come.",
            registry=registry,
        )
        self.open = Gauge("fraudline_alerts_open", "Alerts that nobody has decided.", registry=registry)
        self.oldest_open_age_seconds = Gauge(
            "fraudline_oldest_open_alert_age_seconds", "How long the oldest of them has been open.", registry=registry
        )
        self.dispositions = Counter(
            "fraudline_dispositions_total",
            "What people said, through this process.",
            ["disposition"],
            registry=registry,
        )
        self.outbox_waiting = Gauge(
            "fraudline_outbox_waiting", "Labels that the broker has not confirmed yet.", registry=registry
        )
        self.outbox_age_seconds = Gauge(
            "fraudline_outbox_age_seconds", "How long the oldest of them has been waiting.", registry=registry
        )
        self.labels_published = Counter(
            "fraudline_labels_published_total", "Labels that the broker has confirmed.", registry=registry
        )
        self.feed_readers = Gauge("fraudline_feed_readers", "Readers of the live feed.", registry=registry)
        self.feed_position = Gauge(
            "fraudline_feed_position", "The number of the feed's latest event that this process has.", registry=registry
        )
        self.feed_dropped = Counter(
            "fraudline_feed_dropped_total", "Readers of the feed that were let go.", ["reason"], registry=registry
        )
        self.sign_ins = Counter(
            "fraudline_sign_ins_total", "One-time links that were opened, by what came of it.", ["outcome"],
            registry=registry,
        )  # fmt: skip
        self.broker_connected = Gauge(
            "fraudline_broker_connected", "1 while the broker's connection for publishing is up.", registry=registry
        )
        self.keys_age_seconds = Gauge(
            "fraudline_keys_age_seconds", "Seconds since the API keys were last read.", registry=registry
        )
