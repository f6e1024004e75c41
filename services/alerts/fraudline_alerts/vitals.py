"""What is read off the tables for the metrics: how much is open and waits, and for how long."""

import time
from typing import TYPE_CHECKING

import asyncpg

from fraudline.errors import DependencyAway
from fraudline.service.run import stopped_within

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from fraudline.postgres.database import Database
    from fraudline_alerts.metrics import AlertsMetrics

EVERY_SECONDS = 2.0

_VITALS = """
select (select count(*) from fraudline.alerts where status = 'open') as open,
       (select extract(epoch from min(opened_at)) from fraudline.alerts where status = 'open')::float8 as opened_at,
       (select count(*) from fraudline.outbox where published_at is null) as waiting,
       (select extract(epoch from min(reported_at)) from fraudline.outbox where published_at is null)::float8
           as reported_at
"""


class Vitals:
    """Looks every two seconds. While the database is away the counts stay, and the ages grow."""

    def __init__(self, database: "Database", metrics: "AlertsMetrics") -> None:
        self._database = database
        self._metrics = metrics
        self._reason: str | None = "not asked yet"

    def unready_reason(self) -> str | None:
        """Return what keeps the database from answering."""
        return self._reason

    async def run(self, stop: "asyncio.Event") -> None:
        """Look until `stop` is set."""
        while not stop.is_set():
            try:
                async with self._database.acquire() as connection:
                    row = await connection.fetchrow(_VITALS)
            except (DependencyAway, asyncpg.PostgresError, TimeoutError) as error:
                self._reason = str(error) or type(error).__name__
            else:
                self._reason = None
                self._show(row)
            await stopped_within(stop, EVERY_SECONDS)

    def _show(self, row: "asyncpg.Record | None") -> None:
        if row is None:
            return
        self._metrics.open.set(row["open"])
        self._metrics.oldest_open_age_seconds.set_function(_age_of(row["opened_at"]))
        self._metrics.outbox_waiting.set(row["waiting"])
        self._metrics.outbox_age_seconds.set_function(_age_of(row["reported_at"]))


def _age_of(since: float | None) -> "Callable[[], float]":
    return lambda: 0.0 if since is None else max(0.0, time.time() - since)
