"""Taking messages from a queue, as a session that ends by itself when the broker stops delivering."""

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from fraudline.amqp.connection import CLOSE_SECONDS, LOST, SET_UP_SECONDS, broker_call, closed_event

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from aio_pika.abc import AbstractConnection
    from aiormq.abc import DeliveredMessage
    from aiormq.channel import Channel as DriverChannel


class Message:
    """A message as the broker delivered it: what it holds, who wants an answer, and the way to acknowledge it.

    It is made of what the driver below aio-pika hands out, whose own message and task cost as much again.
    """

    __slots__ = ("_delivered", "body", "headers", "reply_to")

    def __init__(self, delivered: "DeliveredMessage") -> None:
        properties = delivered.header.properties
        self._delivered = delivered
        self.body = delivered.body
        self.headers: Mapping[str, Any] = properties.headers or {}
        self.reply_to: str | None = properties.reply_to

    async def ack(self, *, multiple: bool = False) -> None:
        """Acknowledge it, and with `multiple` all that its channel delivered before it.

        Raises what the driver raises where the channel is closed (`connection.LOST`).
        """
        # A delivery has a tag; the driver's type is one for answers without, too.
        await self._delivered.channel.basic_ack(cast("int", self._delivered.delivery_tag), multiple)


class Inbox:
    """What the broker has delivered and nobody has taken yet; at most as many messages as the prefetch allows.

    `ended` is set when no more can come: the channel or connection is gone, or the broker cancelled the consumer.
    """

    def __init__(self, ended: asyncio.Event) -> None:
        self.ended = ended
        self._messages: asyncio.Queue[Message] = asyncio.Queue()
        self._head: Message | None = None

    async def deliver(self, delivered: "DeliveredMessage") -> None:
        """Take a message from the driver."""
        self._messages.put_nowait(Message(delivered))

    async def wait(self, seconds: float) -> bool:
        """Wait at most `seconds`; return whether a message is there."""
        if self._head is None:
            try:
                async with asyncio.timeout(seconds):
                    self._head = await self._messages.get()
            except TimeoutError:
                return False
        return True

    def take(self) -> Message | None:
        """Take the next message; None where none is there."""
        message, self._head = self._head, None
        if message is None and not self._messages.empty():
            message = self._messages.get_nowait()
        return message

    def take_all(self) -> list[Message]:
        """Take everything that has been delivered."""
        taken = []
        while (message := self.take()) is not None:
            taken.append(message)
        return taken


@asynccontextmanager
async def consuming(connection: "AbstractConnection", queue_name: str, *, prefetch: int) -> "AsyncIterator[Inbox]":
    """Consume a queue on a channel of its own for the length of a block.

    The channel is closed at the end, never the consumer cancelled: what was not acknowledged then returns to the head
    of the queue in its order.
    """
    async with broker_call(SET_UP_SECONDS, to=f"consume {queue_name}"):
        channel = await connection.channel(publisher_confirms=False)
        ended = closed_event(connection, channel)
        await channel.set_qos(prefetch_count=prefetch)
        inbox = Inbox(ended)
        driver = cast("DriverChannel", await channel.get_underlay_channel())
        driver.on_consumer_cancel_callbacks.add(lambda _: ended.set())
        await driver.basic_consume(queue_name, inbox.deliver)
    try:
        yield inbox
    finally:
        # A broker that is gone has closed the channel by itself.
        with contextlib.suppress(*LOST):
            async with asyncio.timeout(CLOSE_SECONDS):
                await channel.close()
