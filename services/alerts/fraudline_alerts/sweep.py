"""No flagged verdict stays without an alert, even if its message was lost: looked for in the tables themselves."""

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import asyncpg

from fraudline.errors import DependencyAway
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.run import stopped_within

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from fraudline.postgres.database import Database
    from fraudline_alerts.metrics import AlertsMetrics
    from fraudline_alerts.opening import Opening

EVERY_SECONDS = 30.0
QUIET_SECONDS = 2.0
LONGEST_WAIT_SECONDS = 60.0
# Messages take less. What is older and has no alert is not waited for any more.
GRACE = timedelta(seconds=10)
# How far each look reaches back behind the one before: clocks differ, and commits take their time.
OVERLAP = timedelta(hours=1)
LOOKED_AT_ONCE = 5_000

# Of the flagged verdicts that come next in order of time, which have no alert, and where the next ones begin.
_LOOK = """
with looked_at as (
    select scored_at, transaction_id from fraudline.verdicts
    where decision <> 'approve' and (scored_at, transaction_id) > ($1, $2) and scored_at < $3
    order by scored_at, transaction_id limit $4
)
select array(select l.transaction_id from looked_at l
             where not exists (select from fraudline.alerts a where a.transaction_id = l.transaction_id)
             order by l.scored_at, l.transaction_id) as missing,
       scored_at, transaction_id
from looked_at order by scored_at desc, transaction_id desc limit 1
"""


class Sweep:
    """Looks every half minute; the first time over all verdicts that there ever were, an earlier release's too.

    `quiet_seconds` tells how long the queue has been quiet: what still waits there is not missing, so a look waits for
    quiet, but never for long.
    """

    def __init__(
        self,
        database: "Database",
        opening: "Opening",
        metrics: "AlertsMetrics",
        *,
        quiet_seconds: "Callable[[], float]",
    ) -> None:
        self._database = database
        self._opening = opening
        self._metrics = metrics
        self._quiet_seconds = quiet_seconds
        self._since = datetime.min.replace(tzinfo=UTC)

    async def run(self, stop: "asyncio.Event") -> None:
        """Look until `stop` is set."""
        while not stop.is_set():
            give_up_at = time.monotonic() + LONGEST_WAIT_SECONDS
            while self._quiet_seconds() < QUIET_SECONDS and time.monotonic() < give_up_at:
                if await stopped_within(stop, QUIET_SECONDS / 4):
                    return
            try:
                await self.look(stop)
            except (DependencyAway, asyncpg.PostgresError, TimeoutError) as error:
                get_logger().warning(LogEvent.SWEEP_FAILED, **describe(error))
            await stopped_within(stop, EVERY_SECONDS)

    async def look(self, stop: "asyncio.Event") -> None:
        """Open what is missing, all of it, in steps that are short however much there is."""
        until = datetime.now(UTC) - GRACE
        scored_at, transaction_id = self._since, ""
        while not stop.is_set():
            async with self._database.acquire() as connection:
                row = await connection.fetchrow(_LOOK, scored_at, transaction_id, until, LOOKED_AT_ONCE)
                if row is None:
                    self._since = max(self._since, until - OVERLAP)
                    return
                found = await self._opening.open(connection, row["missing"], is_late=True)
            scored_at, transaction_id = row["scored_at"], row["transaction_id"]
            if found.opened:
                self._metrics.recovered.inc(found.opened)
                get_logger().warning(LogEvent.ALERTS_RECOVERED, alerts=found.opened)
