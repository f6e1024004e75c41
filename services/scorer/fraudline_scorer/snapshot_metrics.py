"""What the scorer tells Prometheus of its snapshots."""

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from fraudline.state.starting import REASONS

if TYPE_CHECKING:
    from fraudline.state.snapshot_format import SnapshotHeader

_SECONDS = (0.01, 0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)


class SnapshotMetrics:
    """The metrics of snapshots on a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._completed_at: datetime | None = None
        Gauge(
            "fraudline_snapshot_age_seconds",
            "Since when the newest snapshot in the state folder is complete; NaN where there is none.",
            registry=registry,
        ).set_function(self._age_seconds)
        self._position = Gauge(
            "fraudline_snapshot_position", "The position of that snapshot; 0 where there is none.", registry=registry
        )
        self._seconds = Histogram(
            "fraudline_snapshot_seconds", "Time to write a snapshot, beside the line.", buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._failures = Counter(
            "fraudline_snapshot_failures_total", "Snapshots that could not be written.", registry=registry
        )
        self._refused = Counter(
            "fraudline_snapshots_refused_total", "Snapshots that a start passed over.", ["reason"], registry=registry
        )
        for reason in REASONS:
            self._refused.labels(reason)

    def note_newest(self, header: "SnapshotHeader | None") -> None:
        """Note which snapshot a start would take."""
        self._completed_at = None if header is None else header.completed_at
        self._position.set(0 if header is None else header.position)

    def note_written(self, seconds: float) -> None:
        """Note how long one took."""
        self._seconds.observe(seconds)

    def note_failure(self) -> None:
        """Count one that could not be written."""
        self._failures.inc()

    def note_refused(self, reason: str) -> None:
        """Count one that was passed over, by why."""
        self._refused.labels(reason).inc()

    def _age_seconds(self) -> float:
        completed_at = self._completed_at
        return math.nan if completed_at is None else max(0.0, (datetime.now(UTC) - completed_at).total_seconds())
