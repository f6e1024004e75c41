"""Dead letters become rows: the dead queue is transport, the table is where they are kept.

A letter's life: delivered → parsed → stored → acknowledged. A crash before the commit brings the delivery again; one
between commit and acknowledgement too, and it counts as one more attempt of the same row.
"""

import asyncio
import contextlib
import time
from collections import Counter as Tally
from typing import TYPE_CHECKING

import asyncpg
from prometheus_client import CollectorRegistry, Counter

from fraudline.amqp.connection import LOST, SET_UP_SECONDS, broker_call, connected
from fraudline.amqp.consumer import consuming
from fraudline.amqp.letters import Letter
from fraudline.amqp.topology import dead_queue, declare_partition, events_queue
from fraudline.errors import DependencyAway
from fraudline.postgres.dead_letters import now, store_letters
from fraudline.service.log import LogEvent, get_logger
from fraudline.service.run import stopped_within

if TYPE_CHECKING:
    from aio_pika.abc import AbstractIncomingMessage

    from fraudline.amqp.consumer import Inbox
    from fraudline.postgres.database import Database

# A letter is at most 1 MiB, so this bounds what is held in memory too.
PREFETCH = 32
LISTEN_SECONDS = 0.5
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 5.0
# Longer absences of the database are sat out without holding deliveries: the broker's consumer timeout counts.
HOLD_SECONDS = 60.0
STORE_SECONDS = 15.0


def dead_letters_counter(registry: CollectorRegistry) -> Counter:
    """Return the counter that `Graveyard` wants."""
    return Counter(
        "fraudline_dead_letters_total", "Letters that became or touched a row.", ["reason"], registry=registry
    )


class Graveyard:
    """The one consumer of a partition's dead queue; whatever ends its session, it begins another one after a pause.

    Args:
        amqp_url: The broker; the connection is the graveyard's own.
        database: Where the letters are kept.
        partition: Whose dead queue it is.
        buried: Counts letters by reason.
        hold_seconds: How long deliveries are held while the database is away.
    """

    def __init__(
        self,
        amqp_url: str,
        database: "Database",
        partition: int,
        *,
        buried: Counter,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        self._amqp_url = amqp_url
        self._database = database
        self._partition = partition
        self._queue = events_queue(partition)
        self._buried = buried
        self._hold_seconds = hold_seconds

    async def run(self, stop: asyncio.Event) -> None:
        """Bury what comes until `stop` is set."""
        pauses = _Pauses(stop)
        while not stop.is_set():
            try:
                await self._wait_for_database(stop)
                await self._serve(stop, pauses)
            except (*LOST, DependencyAway) as error:
                get_logger().warning(LogEvent.GRAVEYARD_LOST, error_type=type(error).__name__)
            await pauses.rest()

    async def _serve(self, stop: asyncio.Event, pauses: "_Pauses") -> None:
        """Consume until the session ends; the queue is declared first, so that there is one to consume."""
        async with connected(self._amqp_url, name=f"fraudline graveyard {self._partition}") as connection:
            async with broker_call(SET_UP_SECONDS, to="declare the dead queue"):
                channel = await connection.channel()
                await declare_partition(channel, self._partition)
                await channel.close()
            async with consuming(connection, dead_queue(self._queue), prefetch=PREFETCH) as inbox:
                pauses.reset()
                while not stop.is_set() and not inbox.ended.is_set():
                    if await inbox.wait(LISTEN_SECONDS) and not await self._bury(_take_all(inbox), inbox, stop):
                        return

    async def _bury(self, deliveries: "list[AbstractIncomingMessage]", inbox: "Inbox", stop: asyncio.Event) -> bool:
        """Store what was delivered, then acknowledge it; return False where it had to be given back."""
        letters = [Letter.parse(message.headers, message.body, queue=self._queue) for message in deliveries]
        pauses = _Pauses(stop)
        give_up_at = time.monotonic() + self._hold_seconds
        while not await self._stored(letters):
            if inbox.ended.is_set() or stop.is_set() or time.monotonic() > give_up_at:
                return False
            await pauses.rest()
        for reason, count in Tally(letter.reason for letter in letters).items():
            self._buried.labels(reason.value).inc(count)
        get_logger().info(LogEvent.LETTERS_BURIED, letters=len(letters))
        if inbox.ended.is_set():
            return False
        # Acknowledge last: until the commit is durable the delivery is our only copy.
        await deliveries[-1].ack(multiple=True)
        return True

    async def _stored(self, letters: "list[Letter]") -> bool:
        try:
            async with asyncio.timeout(STORE_SECONDS), self._database.acquire() as connection:
                await store_letters(connection, letters)
        except (DependencyAway, asyncpg.PostgresError, TimeoutError) as error:
            # A right that is missing is mended by people: wait for them too.
            get_logger().warning(LogEvent.GRAVEYARD_WAITING, error_type=type(error).__name__)
            return False
        return True

    async def _wait_for_database(self, stop: asyncio.Event) -> None:
        """Return when the database answers; what waits in the queue is not even delivered until then."""
        pauses = _Pauses(stop)
        while not stop.is_set():
            with contextlib.suppress(DependencyAway, asyncpg.PostgresError, TimeoutError):
                async with asyncio.timeout(STORE_SECONDS), self._database.acquire() as connection:
                    await now(connection)
                return
            await pauses.rest()


class _Pauses:
    """Growing pauses, which a stop ends at once."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._seconds = FIRST_PAUSE_SECONDS

    async def rest(self) -> None:
        """Wait, next time for longer."""
        await stopped_within(self._stop, self._seconds)
        self._seconds = min(2 * self._seconds, LONGEST_PAUSE_SECONDS)

    def reset(self) -> None:
        """Begin with short ones again."""
        self._seconds = FIRST_PAUSE_SECONDS


def _take_all(inbox: "Inbox") -> "list[AbstractIncomingMessage]":
    """Take everything that has been delivered."""
    taken = []
    while (message := inbox.take()) is not None:
        taken.append(message)
    return taken
