"""Committed → told: those who wait hear of their verdicts straight from here, not by way of the database.

So does an ingest process that asks how far the log is committed, by the number of its own message.

A reply is worth something for the few seconds that somebody waits: it is neither stored nor confirmed, and one that
does not get through costs the client a fallback, never the line its pace.
"""

from typing import TYPE_CHECKING

import msgspec
from aio_pika import DeliveryMode
from aiormq import spec

from fraudline.amqp.connection import SET_UP_SECONDS, broker_call
from fraudline.amqp.topology import COMMITTED, CONFLICT, SCORED
from fraudline.errors import DependencyAway
from fraudline_scorer.deliveries import producer_number

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection
    from aiormq.abc import AbstractChannel as DriverChannel

    from fraudline_scorer.batch import Batch
    from fraudline_scorer.deliveries import Delivery
    from fraudline_scorer.line import Committed

SEND_SECONDS = 0.25


class Replies:
    """Sends each ingest process that waits or asks at most one message a batch, to the queue that it named."""

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
        """Tell whoever waits for transactions of a batch what was committed, or that the id has other content.

        Whoever asks how far the log is committed is told that too.
        """
        for queue, lines in replies_to(batch, committed).items():
            properties = spec.Basic.Properties(
                content_type="application/x-ndjson", delivery_mode=DeliveryMode.NOT_PERSISTENT
            )
            try:
                async with broker_call(SEND_SECONDS, to="send replies"):
                    await self._driver.basic_publish(b"\n".join(lines), routing_key=queue, properties=properties)
            except DependencyAway:
                # If the connection is gone, the session finds out by what has to arrive.
                return


def replies_to(batch: "Batch", committed: "list[Committed]") -> dict[str, list[bytes]]:
    """Return the lines of each queue that is named in a batch.

    There is one for each line of a message that somebody waits for and that was dealt with, under the line's key: the
    answer to the client, or that there is a conflict. An id would not do: another client may use it too. And there is
    one for each stream of which somebody asks how far it is: the highest number that is committed now.
    """
    lines: dict[str, list[bytes]] = {}
    asking = [delivery for delivery in batch.deliveries if delivery.reply_to is not None]
    if not asking:
        return lines
    waited_for = [delivery for delivery in asking if delivery.asks_for_verdicts]
    if waited_for:
        _tell_verdicts(lines, waited_for, committed)
    _tell_progress(lines, asking)
    return lines


def _tell_verdicts(lines: dict[str, list[bytes]], deliveries: "list[Delivery]", committed: "list[Committed]") -> None:
    verdicts = {verdict.transaction_id: verdict for part in committed for verdict in part.verdicts}
    conflicts = set[bytes]().union(*(part.plan.conflicts for part in committed))
    for delivery in deliveries:
        for received in delivery.received:
            if not received.is_transaction:
                continue
            key, verdict = received.key, verdicts.get(received.event.data.transaction_id)
            if key in conflicts:
                line = _line({"status": CONFLICT, "key": key.hex()})
            elif verdict is not None and verdict.posted_by == received.event.postedby:
                answer = {"status": SCORED} | verdict.public()
                line = _line({"status": SCORED, "key": key.hex(), "answer": answer})
            else:
                continue  # it became a dead letter, of which the client hears by the fallback
            lines.setdefault(str(delivery.reply_to), []).append(line)


def _tell_progress(lines: dict[str, list[bytes]], deliveries: "list[Delivery]") -> None:
    numbers: dict[tuple[str, str], int] = {}
    for delivery in deliveries:
        if delivery.asks_for_progress and (numbered := producer_number(delivery.message)) is not None:
            _, stream, number = numbered
            asked = (str(delivery.reply_to), stream)
            numbers[asked] = max(number, numbers.get(asked, number))
    for (queue, stream), number in numbers.items():
        line = _line({"status": COMMITTED, "stream": stream, "number": number})
        lines.setdefault(queue, []).append(line)


def _line(document: dict[str, object]) -> bytes:
    return msgspec.json.encode(document)
