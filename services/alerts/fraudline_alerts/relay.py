"""What people decided becomes labels in the log: decided → published → marked.

A disposition commits together with its row in the outbox. A crash before the broker's confirm leaves the row waiting;
one between confirm and mark too: the same label is published again, in the same bytes, and the scorer, which knows it
by transaction, source and moment, stores it once.
"""

import asyncio
from typing import TYPE_CHECKING

import asyncpg
from aio_pika import DeliveryMode, Message

from fraudline.amqp.connection import LOST, SET_UP_SECONDS, broker_call, closed_event, connected
from fraudline.amqp.topology import LABELS, declare_all
from fraudline.domain.event import ALERTS_SOURCE, encode_label
from fraudline.domain.label import Label, LabelSource, LabelValue
from fraudline.errors import DependencyAway
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.pauses import Pauses
from fraudline.service.run import until_stopped

if TYPE_CHECKING:
    from aio_pika.abc import AbstractExchange

    from fraudline.postgres.database import Database
    from fraudline_alerts.metrics import AlertsMetrics

# Another process's dispositions are found by looking, this one's at once.
LOOK_SECONDS = 0.25
PUBLISHED_AT_ONCE = 200
# Below the time after which the database ends an idle transaction, in which the rows are held.
CONFIRM_SECONDS = 4.0

# The oldest labels that wait; what another relay has in hand is left to it.
_WAITING = """
select id, transaction_id, label, reported_at, posted_by from fraudline.outbox
where published_at is null order by id limit $1 for update skip locked
"""
_MARK = "update fraudline.outbox set published_at = now() where id = any($1::bigint[])"


class Relay:
    """Publishes what waits in the outbox; every process of alerts has one, and none needs another."""

    def __init__(self, amqp_url: str, database: "Database", metrics: "AlertsMetrics") -> None:
        self._amqp_url = amqp_url
        self._database = database
        self._metrics = metrics
        self._has_work = asyncio.Event()
        self._reason: str | None = "not connected yet"
        metrics.broker_connected.set_function(lambda: float(self._reason is None))

    def unready_reason(self) -> str | None:
        """Return why nothing can be published now."""
        return self._reason

    def poke(self) -> None:
        """Say that something was put into the outbox."""
        self._has_work.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Publish until `stop` is set."""
        pauses = Pauses(stop)
        while not stop.is_set():
            try:
                await until_stopped(self._session(pauses), stop)
            except (*LOST, DependencyAway, asyncpg.PostgresError) as error:
                self._reason = str(error) or type(error).__name__
                get_logger().warning(LogEvent.RELAY_LOST, **describe(error))
            await pauses.rest()

    async def _session(self, pauses: Pauses) -> None:
        async with connected(self._amqp_url, name="fraudline alerts: labels") as connection:
            async with broker_call(SET_UP_SECONDS, to="open the channel for labels"):
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                await declare_all(channel)
                labels = await channel.get_exchange(LABELS)
            closed = closed_event(connection, channel)
            while not closed.is_set():
                self._has_work.clear()
                published = await self._publish_some(labels)
                # Only now: in an alarm the broker lets us in and confirms nothing.
                self._reason = None
                pauses.reset()
                if published < PUBLISHED_AT_ONCE:
                    await self._until_work()
        self._reason = "the connection was lost"

    async def _publish_some(self, labels: "AbstractExchange") -> int:
        async with self._database.acquire() as connection, connection.transaction():
            rows = await connection.fetch(_WAITING, PUBLISHED_AT_ONCE)
            if rows:
                message = Message(
                    b"\n".join(_line(row) for row in rows),
                    content_type="application/x-ndjson",
                    delivery_mode=DeliveryMode.PERSISTENT,
                )
                async with broker_call(CONFIRM_SECONDS, to="confirm labels"):
                    await labels.publish(message, routing_key="", mandatory=True)
                await connection.execute(_MARK, [row["id"] for row in rows])
        self._metrics.labels_published.inc(len(rows))
        return len(rows)

    async def _until_work(self) -> None:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                await self._has_work.wait()
        except TimeoutError:
            return


def _line(row: "asyncpg.Record") -> bytes:
    label = Label(
        transaction_id=row["transaction_id"],
        label=LabelValue(row["label"]),
        source=LabelSource.ANALYST,
        reported_at=row["reported_at"],
    )
    return encode_label(label, accepted_at=row["reported_at"], posted_by=row["posted_by"], source=ALERTS_SOURCE)
