"""Where ingest hears of verdicts that somebody waits for, and of how far the log is committed.

It is a queue of this process alone, gone with its connection. While there is none nobody hears anything: those who wait
get their fallback, and nobody is refused for what may stand in the log.
"""

import asyncio
from typing import TYPE_CHECKING

import msgspec

from fraudline.amqp.connection import SET_UP_SECONDS, broker_call, closed_event, connected
from fraudline.amqp.reconnecting import stay_connected
from fraudline.amqp.topology import COMMITTED, CONFLICT, SCORED, declare_replies, reply_queue
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.run import until_stopped

if TYPE_CHECKING:
    from aiormq.abc import DeliveredMessage

    from fraudline_ingest.admission import Admission
    from fraudline_ingest.waiters import Waiters


class _Reply(msgspec.Struct, gc=False):
    """What a reply tells: of the line with a key, or of a stream; an answer is passed on as it is written."""

    status: str
    key: str = ""
    answer: msgspec.Raw = msgspec.Raw()
    stream: str = ""
    number: int = 0


_DECODER = msgspec.json.Decoder(_Reply)


class Replies:
    """Consumes the replies to one producer and passes them to those who wait, and to who lets in.

    `queue` is where they are to be sent; None while nothing can be heard.
    """

    def __init__(self, url: str, producer: str, waiters: "Waiters", admission: "Admission") -> None:
        self._url = url
        self._producer = producer
        self._waiters = waiters
        self._admission = admission
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
                driver = await channel.get_underlay_channel()
                driver.on_consumer_cancel_callbacks.add(lambda _: ended.set())
                await driver.basic_consume(queue.name, self._take, no_ack=True)
            self.queue = name
            try:
                await ended.wait()
            finally:
                self.queue = None

    async def _take(self, message: "DeliveredMessage") -> None:
        for line in message.body.split(b"\n"):
            try:
                self._note(line)
            except (msgspec.DecodeError, ValueError):
                get_logger().warning(LogEvent.REPLY_NOT_READ)

    def _note(self, line: bytes) -> None:
        reply = _DECODER.decode(line)
        if reply.status == SCORED:
            self._waiters.tell_verdict(bytes.fromhex(reply.key), bytes(reply.answer))
        elif reply.status == CONFLICT:
            self._waiters.tell_conflict(bytes.fromhex(reply.key))
        elif reply.status == COMMITTED:
            self._admission.note_committed(reply.stream, reply.number)


def _note_lost(error: Exception | None) -> None:
    get_logger().warning(LogEvent.REPLIES_LOST, **({} if error is None else describe(error)))
