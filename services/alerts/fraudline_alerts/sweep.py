"""No flagged verdict stays without an alert, even if its message was lost: looked for in the tables themselves."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg

from fraudline.errors import DependencyAway
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.run import stopped_within

if TYPE_CHECKING:
    import asyncio

    from fraudline.postgres.database import Database
    from fraudline_alerts.metrics import AlertsMetrics
    from fraudline_alerts.opening import Opening

EVERY_SECONDS = 30.0
# Messages take less. What is older and has no alert is not waited for any more.
GRACE = timedelta(seconds=10)
# How far each look reaches back behind the one before: clocks differ, and commits take their time.
OVERLAP = timedelta(hours=1)
FOUND_AT_ONCE = 500

# Flagged verdicts of a stretch of time that have no alert, the oldest first.
_MISSING = """
select v.transaction_id from fraudline.verdicts v
where v.decision <> 'approve' and v.scored_at >= $1 and v.scored_at < $2
  and not exists (select from fraudline.alerts a where a.transaction_id = v.transaction_id)
order by v.scored_at limit $3
"""


class Sweep:
    """Looks every half minute; the first time over all verdicts that there ever were, an earlier release's too."""

    def __init__(self, database: "Database", opening: "Opening", metrics: "AlertsMetrics") -> None:
        self._database = database
        self._opening = opening
        self._metrics = metrics
        self._since = datetime.min.replace(tzinfo=UTC)

    async def run(self, stop: "asyncio.Event") -> None:
        """Look until `stop` is set."""
        while not stop.is_set():
            try:
                await self.look(stop)
            except (DependencyAway, asyncpg.PostgresError, TimeoutError) as error:
                get_logger().warning(LogEvent.SWEEP_FAILED, **describe(error))
            await stopped_within(stop, EVERY_SECONDS)

    async def look(self, stop: "asyncio.Event") -> None:
        """Open what is missing, all of it."""
        now = datetime.now(UTC)
        found = FOUND_AT_ONCE
        while found == FOUND_AT_ONCE and not stop.is_set():
            async with self._database.acquire() as connection:
                rows = await connection.fetch(_MISSING, self._since, now - GRACE, FOUND_AT_ONCE)
                found = len(rows)
                if found:
                    await self._opening.open(connection, [row["transaction_id"] for row in rows])
            if found:
                self._metrics.recovered.inc(found)
                get_logger().warning(LogEvent.ALERTS_RECOVERED, alerts=found)
        if not stop.is_set():
            self._since = now - OVERLAP
