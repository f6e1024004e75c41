"""Sending dead letters to the log that they were taken from, once more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from aio_pika import DeliveryMode, Message

from fraudline.amqp.connection import broker_call, connected
from fraudline.amqp.topology import TRANSACTIONS, events_queue
from fraudline.errors import FraudlineError

if TYPE_CHECKING:
    from aio_pika.abc import AbstractExchange

PUBLISH_SECONDS = 5.0
_QUEUE_PREFIX = events_queue(0).removesuffix("0")


class LetterSender:
    """Publishes bodies of letters, each known to have arrived before the next."""

    def __init__(self, transactions: "AbstractExchange") -> None:
        self._transactions = transactions

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator[Self]:
        """Connect for the length of a block.

        Raises:
            DependencyAway: The broker does not answer.
        """
        async with connected(url, name="fraudline dead") as connection:
            async with broker_call(PUBLISH_SECONDS, to=f"ask for {TRANSACTIONS}"):
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                transactions = await channel.get_exchange(TRANSACTIONS)
            yield cls(transactions)

    async def send(self, queue: str, body: bytes) -> None:
        """Publish a letter's body to the log that it came from, as new messages without a producer's number.

        Raises:
            FraudlineError: The letter did not come from a log.
            DependencyAway: The broker did not confirm; the letter may be sent again.
        """
        partition = queue.removeprefix(_QUEUE_PREFIX)
        if not partition.isdigit() or events_queue(int(partition)) != queue:
            raise FraudlineError(f"{queue} is no queue that events can be sent to.")
        message = Message(body, content_type="application/x-ndjson", delivery_mode=DeliveryMode.PERSISTENT)
        async with broker_call(PUBLISH_SECONDS, to=f"send a letter to {queue}"):
            await self._transactions.publish(message, routing_key=partition, mandatory=True)
