"""Committed → told: those who wait hear of their verdicts straight from here, not by way of the database.

A reply is worth something for the few seconds that somebody waits: it is neither stored nor confirmed, and one that
does not get through costs the client a fallback, never the line its pace.
"""

import asyncio
from typing import TYPE_CHECKING

import msgspec
from aio_pika import DeliveryMode
from aiormq import spec

from fraudline.amqp.connection import LOST, SET_UP_SECONDS, broker_call
from fraudline.amqp.topology import CONFLICT, SCORED

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection
    from aiormq.abc import AbstractChannel as DriverChannel

    from fraudline.domain.verdict import Verdict
    from fraudline_scorer.line import Batch, Committed

SEND_SECONDS = 0.25


class Replies:
    """Sends each ingest process that waits at most one message a batch, to the queue that it named."""

    def __init__(self, channel: "AbstractChannel", driver: "DriverChannel") -> None:
        self._channel = channel  # the driver's part lives as long as this
        self._driver = driver

    @classmethod
    async def on(cls, connection: "AbstractConnection") -> "Replies":
        """Open a channel on a connection that publishes, without confirms.

        Raises:
            DependencyAway: The broker did not answer.
        """
        async with broker_call(SET_UP_SECONDS, to="open the channel for replies"):
            channel = await connection.channel(publisher_confirms=False)
            return cls(channel, await channel.get_underlay_channel())

    async def send(self, batch: "Batch", committed: "list[Committed]") -> None:
        """Tell whoever waits for transactions of a batch what was committed, or that the id has other content."""
        for queue, lines in replies_to(batch, committed).items():
            properties = spec.Basic.Properties(
                content_type="application/x-ndjson", delivery_mode=DeliveryMode.NOT_PERSISTENT
            )
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await self._driver.basic_publish(b"\n".join(lines), routing_key=queue, properties=properties)
            except LOST:
                # If the connection is gone, the session finds out by what has to arrive.
                return


def replies_to(batch: "Batch", committed: "list[Committed]") -> dict[str, list[bytes]]:
    """Return a line for each transaction that somebody waits for and that was dealt with, by the queue of who waits.

    A line is the answer to the client, but for a conflict, of which it says nothing but the id.
    """
    if not any(delivery.reply_to for delivery in batch.deliveries):
        return {}
    verdicts = {verdict.transaction_id: verdict for part in committed for verdict in part.verdicts}
    conflicts = set[bytes]().union(*(part.plan.conflicts for part in committed))
    lines: dict[str, list[bytes]] = {}
    for delivery in batch.deliveries:
        if delivery.reply_to is None:
            continue
        for received in delivery.received:
            if not received.is_transaction:
                continue
            transaction_id = received.event.data.transaction_id
            if conflicts and received.key in conflicts:
                line = _line({"transaction_id": transaction_id, "status": CONFLICT})
            elif (verdict := verdicts.get(transaction_id)) is not None:
                line = _answer(verdict)
            else:
                continue  # it became a dead letter, of which the client hears by the fallback
            lines.setdefault(delivery.reply_to, []).append(line)
    return lines


def _answer(verdict: "Verdict") -> bytes:
    return _line({"status": SCORED} | verdict.public())


def _line(document: dict[str, object]) -> bytes:
    return msgspec.json.encode(document)
