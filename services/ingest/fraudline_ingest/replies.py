"""Where ingest hears of the verdicts that somebody waits for: a queue of this process alone, gone with its connection.

While there is no connection nobody hears anything, and those who wait get their fallback.
"""

import asyncio
from typing import TYPE_CHECKING

from pydantic_core import from_json

from fraudline.amqp.connection import SET_UP_SECONDS, broker_call, closed_event, connected
from fraudline.amqp.reconnecting import stay_connected
from fraudline.amqp.topology import CONFLICT, SCORED, declare_replies, reply_queue
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.run import until_stopped

if TYPE_CHECKING:
    from aio_pika.abc import AbstractIncomingMessage

    from fraudline_ingest.waiters import Waiters


class Replies:
    """Consumes the replies to one producer and passes them to those who wait.

    `queue` is where they are to be sent; None while nothing can be heard.
    """

    def __init__(self, url: str, producer: str, waiters: "Waiters") -> None:
        self._url = url
        self._producer = producer
        self._waiters = waiters
        self._connections = 0
        self.queue: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Keep a connection until `stop` is set."""
        await until_stopped(stay_connected(self._listen, _note_lost), stop)

    async def _listen(self) -> None:
        # A name of its own for each connection: the broker may hold on to the last one's queue until it misses it.
        self._connections += 1
        name = reply_queue(self._producer, self._connections)
        async with connected(self._url, name=f"fraudline ingest {self._producer} replies") as connection:
            async with broker_call(SET_UP_SECONDS, to="consume the replies"):
                channel = await connection.channel(publisher_confirms=False)
                ended = closed_event(connection, channel)
                queue = await declare_replies(channel, name)
                (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(lambda _: ended.set())
                await queue.consume(self._take, no_ack=True)
            self.queue = name
            try:
                await ended.wait()
            finally:
                self.queue = None

    async def _take(self, message: "AbstractIncomingMessage") -> None:
        for line in message.body.split(b"\n"):
            try:
                reply = from_json(line)
                transaction_id, status = reply["transaction_id"], reply["status"]
            except (ValueError, TypeError, KeyError):
                get_logger().warning(LogEvent.REPLY_NOT_READ)
                continue
            if status == SCORED:
                self._waiters.tell_verdict(transaction_id, line)
            elif status == CONFLICT:
                self._waiters.tell_conflict(transaction_id)


def _note_lost(error: Exception | None) -> None:
    get_logger().warning(LogEvent.REPLIES_LOST, **({} if error is None else describe(error)))
