"""The connection that ingest publishes through: rebuilt by a loop of our own whenever anything about it is in doubt.

While there is none, publishing fails at once; while there is one, every publish has a deadline that stands outside the
library, whose own does not cover all of its waits. A publish whose confirm does not come ends the connection: what it
carried is neither stored nor lost, the caller is told to send again, and nothing late can burst out of a buffer.

A message that the broker returns met a binding that somebody took away: its caller is told to send again too, and what
ingest needs of the broker is declared anew, so that a slip heals by itself.
"""

import asyncio
import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, cast

from aio_pika import DeliveryMode
from aio_pika.exceptions import AMQPException, DeliveryError, PublishError
from aiormq import spec

from fraudline.amqp.connection import BROKER, LOST, close, closed_event, connect
from fraudline.amqp.reconnecting import stay_connected
from fraudline.amqp.topology import (
    NUMBER_HEADER,
    PRODUCER_HEADER,
    REPLY_HEADER,
    STREAM_HEADER,
    declare_partition,
)
from fraudline.domain.partition import PARTITIONS
from fraudline.errors import DependencyAway, Unroutable
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.run import until_stopped

if TYPE_CHECKING:
    from aio_pika.abc import AbstractChannel, AbstractConnection
    from aiormq.abc import FieldValue
    from aiormq.channel import Channel as DriverChannel

    from fraudline_ingest.metrics import IngestMetrics

CONFIRM_SECONDS = 3.0
SET_UP_SECONDS = 10.0
DECLARE_EVERY_SECONDS = 3.0
CONTENT_TYPE = "application/x-ndjson"


class PublishFailure(StrEnum):
    """Why a message was not confirmed."""

    AWAY = "away"
    RETURNED = "returned"
    REFUSED = "refused"
    TIMEOUT = "timeout"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Stream:
    """Where the messages of one numbered sequence go."""

    name: str
    exchange: str
    routing_key: str


@dataclass(frozen=True, slots=True)
class _Session:
    """One connection with its channel, until either is closed; `has_returned` says that a message came back.

    Messages are handed to the driver below aio-pika, whose own message and exchange cost as much again.
    """

    channel: "AbstractChannel"  # the driver's part lives as long as this
    driver: "DriverChannel"
    closed: asyncio.Event
    has_returned: asyncio.Event


class Publisher:
    """Publishes messages with confirms, as a producer whose id is random per boot: its numbers begin anew with it."""

    def __init__(self, url: str, metrics: "IngestMetrics") -> None:
        self._url = url
        self._metrics = metrics
        self.producer = secrets.token_hex(8)
        self._session: _Session | None = None
        self._reason = "not connected yet"
        metrics.broker_connected.set_function(lambda: float(self._session is not None))

    def unready_reason(self) -> str | None:
        """Return why nothing can be published now."""
        return None if self._session is not None else self._reason

    async def run(self, stop: asyncio.Event) -> None:
        """Keep a connection until `stop` is set."""
        await until_stopped(stay_connected(self._hold_session, self._note_lost), stop)

    def _note_lost(self, error: Exception | None) -> None:
        self._reason = "the connection was lost" if error is None else str(error)
        get_logger().warning(LogEvent.BROKER_LOST, **({} if error is None else describe(error)))

    async def _hold_session(self) -> None:
        connection = await connect(self._url, name=f"fraudline ingest {self.producer} publishing")
        try:
            async with asyncio.timeout(SET_UP_SECONDS):
                channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
                await _declare(channel)
            driver = cast("DriverChannel", await channel.get_underlay_channel())
            session = _Session(channel, driver, closed_event(connection, channel), asyncio.Event())
            self._session = session
            get_logger().info(LogEvent.BROKER_CONNECTED, producer=self.producer)
            await until_stopped(_declare_after_returns(connection, session), session.closed)
        finally:
            self._session = None
            await close(connection)

    def _drop(self, session: _Session) -> None:
        """End a session that cannot be trusted any more; the loop builds the next one."""
        session.closed.set()
        if self._session is session:
            self._session = None

    async def publish(
        self, stream: Stream, body: bytes, *, number: int, reply_to: str | None = None, reply_for: str | None = None
    ) -> None:
        """Hand a message to the broker and return once it has confirmed it.

        Args:
            stream: Where it goes.
            body: Its lines.
            number: Its number in the stream.
            reply_to: The queue in which replies to it are awaited.
            reply_for: What for, see `topology`; None: for verdicts.

        Raises:
            DependencyAway: It has not, in time or at all.
            Unroutable: It has returned the message, since no queue is bound for it.
        """
        session = self._session
        if session is None:
            raise self._failed(stream, PublishFailure.AWAY, self._reason)
        if session.closed.is_set():
            # The driver would take it and wait; the loop that builds the next session has its turn yet.
            raise self._failed(stream, PublishFailure.LOST, "the channel was closed")
        headers: dict[str, FieldValue] = {
            PRODUCER_HEADER: self.producer,
            STREAM_HEADER: stream.name,
            NUMBER_HEADER: number,
        }
        if reply_for is not None:
            headers[REPLY_HEADER] = reply_for
        # The driver gives each attempt a message_id of its own, by which returned messages are matched.
        properties = spec.Basic.Properties(
            content_type=CONTENT_TYPE, delivery_mode=DeliveryMode.PERSISTENT, reply_to=reply_to, headers=headers
        )
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                # Not until the socket has taken it: what waits there is one message a stream, since its confirm is
                # waited for.
                await session.driver.basic_publish(
                    body,
                    exchange=stream.exchange,
                    routing_key=stream.routing_key,
                    properties=properties,
                    mandatory=True,
                    wait=False,
                )
        except PublishError as error:
            self._failed(stream, PublishFailure.RETURNED, "")
            session.has_returned.set()
            raise Unroutable(BROKER, f"no queue is bound to {stream.exchange}", retry_after_seconds=5) from error
        except DeliveryError as error:
            raise self._failed(stream, PublishFailure.REFUSED, "the queue is full") from error
        except TimeoutError as error:
            self._drop(session)
            raise self._failed(stream, PublishFailure.TIMEOUT, "no confirm came in time") from error
        except LOST as error:
            self._drop(session)
            raise self._failed(stream, PublishFailure.LOST, type(error).__name__) from error
        except asyncio.CancelledError as error:
            self._drop(session)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The library cancelled the confirm that we waited for: the channel is gone.
            raise self._failed(stream, PublishFailure.LOST, "the channel was closed") from error

    def _failed(self, stream: Stream, failure: PublishFailure, reason: str) -> DependencyAway:
        self._metrics.publish_failures.labels(stream=stream.name, reason=failure.value).inc()
        if failure is not PublishFailure.AWAY:
            get_logger().warning(LogEvent.PUBLISH_FAILED, stream=stream.name, reason=failure.value)
        return DependencyAway(BROKER, reason)


async def _declare(channel: "AbstractChannel") -> None:
    for partition in range(PARTITIONS):
        await declare_partition(channel, partition)


async def _declare_after_returns(connection: "AbstractConnection", session: _Session) -> None:
    """Declare what is missing whenever a message has come back, at most once every few seconds.

    On a channel of its own, since a declaration that the broker refuses closes its channel. A broker that does not
    answer it at all ends the session.
    """
    while True:
        await session.has_returned.wait()
        session.has_returned.clear()
        try:
            async with asyncio.timeout(SET_UP_SECONDS):
                channel = await connection.channel(publisher_confirms=False)
                await _declare(channel)
                await channel.close()
        except AMQPException as error:
            get_logger().warning(LogEvent.TOPOLOGY_NOT_DECLARED, **describe(error))
        else:
            get_logger().warning(LogEvent.TOPOLOGY_DECLARED)
        await asyncio.sleep(DECLARE_EVERY_SECONDS)
