"""Parts of ingest, put together as its composition root does."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry

from fraudline_ingest.admission import Admission
from fraudline_ingest.backlog import Backlog
from fraudline_ingest.group_commit import GroupCommit
from fraudline_ingest.metrics import IngestMetrics
from fraudline_ingest.publisher import Stream

STREAM = Stream("0", "exchange", "0")


def a_group_commit(
    broker: Any, metrics: IngestMetrics | None = None, backlog: Backlog | None = None, replies: str | None = "replies"
) -> GroupCommit:
    """Return a stream over a broker, of which the one method that publishes is used."""
    metrics = metrics or IngestMetrics(CollectorRegistry())
    backlog = backlog or Backlog(STREAM.name)
    admission = Admission([backlog], metrics)
    return GroupCommit(STREAM, broker, metrics, backlog=backlog, admission=admission, reply_queue=lambda: replies)
