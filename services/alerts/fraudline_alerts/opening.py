"""Flagged verdicts become alerts, one each.

A flagged verdict's life here: delivered → opened (its alert and the feed's event, in one statement) → acknowledged. A
crash before the statement brings the message again; one after it too, and the verdict is found to have its alert.
"""

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from fraudline.amqp.letters import DeadReason, Letter
from fraudline.amqp.topology import ALERTS_QUEUE
from fraudline.domain.posted import is_identifier
from fraudline.domain.verdict import VERDICT_TYPE
from fraudline.drain.graveyard import bury
from fraudline.service.log import LogEvent, get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prometheus_client import Counter

    from fraudline.drain.drain import Messages
    from fraudline.postgres.database import Connection
    from fraudline_alerts.metrics import AlertsMetrics

# In parts, so that no statement holds the feed for long.
OPENED_AT_ONCE = 500

# Open one alert for each of these verdicts that is flagged and has none; tell what became of each.
_OPEN = "select transaction_id, outcome, decision, scored_at from fraudline.open_alerts($1)"


class Opened(NamedTuple):
    """How many alerts were opened, and which transactions have no verdict or no payment that is stored."""

    opened: int
    unknown: list[str]


class Opening:
    """Opens alerts, and counts them.

    Args:
        metrics: Counts alerts and their delay.
        buried: Counts dead letters.
        poke_feed: Is called once alerts were opened.
    """

    def __init__(self, metrics: "AlertsMetrics", *, buried: "Counter", poke_feed: "Callable[[], None]") -> None:
        self._metrics = metrics
        self._buried = buried
        self._poke_feed = poke_feed

    async def store(self, connection: "Connection", messages: "Messages") -> None:
        """Open the alerts that messages from the queue tell of; what tells of none becomes a dead letter."""
        letters: list[Letter] = []
        lines: dict[str, bytes] = {}
        for message in messages:
            for line in message.body.split(b"\n"):
                if line:
                    transaction_id = _told(line)
                    if transaction_id is None:
                        letters.append(_letter(line, DeadReason.MALFORMED_EVENT, "no verdict's event"))
                    else:
                        lines[transaction_id] = line
        for transaction_id in (await self.open(connection, list(lines))).unknown:
            error = "no verdict of this transaction is stored, or its payment is not stored any more"
            letters.append(_letter(lines[transaction_id], DeadReason.UNKNOWN_VERDICT, error, transaction_id))
        if letters:
            await bury(connection, letters, self._buried)

    async def open(
        self, connection: "Connection", transaction_ids: "Sequence[str]", *, is_late: bool = False
    ) -> Opened:
        """Open an alert for each of these that is flagged and has none.

        `is_late` says that they were looked for: their delay says nothing of the way that verdicts usually take.
        """
        unknown: list[str] = []
        opened = 0
        for start in range(0, len(transaction_ids), OPENED_AT_ONCE):
            rows = await connection.fetch(_OPEN, transaction_ids[start : start + OPENED_AT_ONCE])
            now = datetime.now(UTC)
            for row in rows:
                if row["outcome"] == "opened":
                    opened += 1
                    self._metrics.opened.labels(row["decision"]).inc()
                    if not is_late:
                        self._metrics.delay_seconds.observe(max(0.0, (now - row["scored_at"]).total_seconds()))
                elif row["outcome"] == "unknown":
                    unknown.append(row["transaction_id"])
            self._poke_feed()
        return Opened(opened, unknown)


def _told(line: bytes) -> str | None:
    """Return whose verdict a line tells of; None where it is no verdict's event."""
    try:
        event: Any = json.loads(line)
        transaction_id = event["data"]["transaction_id"] if event["type"] == VERDICT_TYPE else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return transaction_id if isinstance(transaction_id, str) and is_identifier(transaction_id) else None


def _letter(line: bytes, reason: DeadReason, error: str, transaction_id: str | None = None) -> Letter:
    get_logger().warning(LogEvent.ALERT_NOT_OPENED, reason=reason.value)
    return Letter.of_line(
        queue=ALERTS_QUEUE,
        reason=reason,
        error=error,
        body=line,
        transaction_id=transaction_id,
        event_type=None if transaction_id is None else VERDICT_TYPE,
    )
