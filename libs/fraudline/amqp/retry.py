"""Sending dead letters to the queue that they were taken from, once more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Self

from aio_pika import DeliveryMode, Message

from fraudline.amqp.connection import broker_call, connected
from fraudline.amqp.topology import ALERTS_QUEUE, events_queue
from fraudline.domain.partition import PARTITIONS
from fraudline.errors import FraudlineError

if TYPE_CHECKING:
    from aio_pika.abc import AbstractExchange

PUBLISH_SECONDS = 5.0
_QUEUES = {*(events_queue(partition) for partition in range(PARTITIONS)), ALERTS_QUEUE}


class LetterSender:
    """Publishes bodies of letters, each known to have arrived before the next."""

    def __init__(self, exchange: "AbstractExchange") -> None:
        self._exchange = exchange

    @classmethod
    @asynccontextmanager
    async def connected(cls, url: str) -> AsyncIterator[Self]:
        """Connect for the length of a block.

        Raises:
            DependencyAway: The broker does not answer.
        """
        async with connected(url, name="fraudline dead") as connection:
            async with broker_call(PUBLISH_SECONDS, to="open a channel"):
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            # The one that leads to every queue by its name: no other consumer is told again.
            yield cls(channel.default_exchange)

    async def send(self, queue: str, body: bytes) -> None:
        """Publish a letter's body to the queue that it came from, as a new message without a producer's number.

        Raises:
            FraudlineError: The letter did not come from a queue of ours.
            DependencyAway: The broker did not confirm; the letter may be sent again.
        """
        if queue not in _QUEUES:
            raise FraudlineError(f"{queue} is no queue that events can be sent to.")
        message = Message(body, content_type="application/x-ndjson", delivery_mode=DeliveryMode.PERSISTENT)
        async with broker_call(PUBLISH_SECONDS, to=f"send a letter to {queue}"):
            await self._exchange.publish(message, routing_key=queue, mandatory=True)
