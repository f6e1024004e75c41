"""A queue that is emptied into the database: delivered → stored → acknowledged, whatever goes away in between.

A crash before the commit brings the delivery again; one between commit and acknowledgement too: what is stored has to
be stored once however often it comes.
"""

import asyncio
import time
from typing import TYPE_CHECKING

import asyncpg

from fraudline.amqp.connection import LOST, SET_UP_SECONDS, broker_call, connected
from fraudline.amqp.consumer import consuming
from fraudline.amqp.topology import declare_all
from fraudline.errors import DependencyAway
from fraudline.postgres.log import probe_write
from fraudline.service.log import LogEvent, get_logger
from fraudline.service.pauses import Pauses

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fraudline.amqp.consumer import Inbox, Message
    from fraudline.postgres.database import Connection, Database

    Messages = list[Message]
    Store = Callable[[Connection, Messages], Awaitable[None]]

# A message is at most 1 MiB, so this bounds what is held in memory too.
PREFETCH = 32
LISTEN_SECONDS = 0.5
# Longer absences of the database are sat out without holding deliveries: the broker's consumer timeout counts.
HOLD_SECONDS = 60.0
STORE_SECONDS = 15.0


class Drain:
    """A consumer of one queue; whatever ends its session, it begins another one after a pause.

    Args:
        amqp_url: The broker; the connection is the drain's own.
        database: Where the messages go.
        queue: What is emptied.
        store: Stores messages, each once however often it is called: what it raises of PostgreSQL is waited out, and it
            is called again with the same.
        hold_seconds: How long deliveries are held while the database is away.
    """

    def __init__(
        self,
        amqp_url: str,
        database: "Database",
        queue: str,
        store: "Store",
        *,
        hold_seconds: float = HOLD_SECONDS,
    ) -> None:
        self._amqp_url = amqp_url
        self._database = database
        self._queue = queue
        self._store = store
        self._hold_seconds = hold_seconds
        self._reason: str | None = "not connected yet"
        self._taken_at = time.monotonic()

    def unready_reason(self) -> str | None:
        """Return why nothing is taken from the queue now."""
        return self._reason

    @property
    def quiet_seconds(self) -> float:
        """How long nothing has been taken from the queue."""
        return time.monotonic() - self._taken_at

    async def run(self, stop: asyncio.Event) -> None:
        """Store what comes until `stop` is set."""
        pauses = Pauses(stop)
        while not stop.is_set():
            try:
                await self._wait_for_database(stop)
                await self._serve(stop, pauses)
            except (*LOST, DependencyAway) as error:
                get_logger().warning(LogEvent.DRAIN_LOST, queue=self._queue, error_type=type(error).__name__)
            self._reason = "the connection was lost"
            await pauses.rest()

    async def _serve(self, stop: asyncio.Event, pauses: Pauses) -> None:
        """Consume until the session ends; the queue is declared first, so that there is one to consume."""
        async with connected(self._amqp_url, name=f"fraudline drain of {self._queue}") as connection:
            async with broker_call(SET_UP_SECONDS, to=f"declare {self._queue}"):
                channel = await connection.channel()
                await declare_all(channel)
                await channel.close()
            async with consuming(connection, self._queue, prefetch=PREFETCH) as inbox:
                pauses.reset()
                self._reason = None
                while not stop.is_set() and not inbox.ended.is_set():
                    if await inbox.wait(LISTEN_SECONDS) and not await self._take(inbox.take_all(), inbox, stop):
                        return

    async def _take(self, messages: "Messages", inbox: "Inbox", stop: asyncio.Event) -> bool:
        """Store what was delivered, then acknowledge it; return False where it had to be given back."""
        self._taken_at = time.monotonic()
        pauses = Pauses(stop)
        give_up_at = time.monotonic() + self._hold_seconds
        while not await self._is_stored(messages):
            if inbox.ended.is_set() or stop.is_set() or time.monotonic() > give_up_at:
                return False
            await pauses.rest()
        self._reason = None
        if inbox.ended.is_set():
            return False
        # Acknowledge last: until the commit is durable the delivery is our only copy.
        await messages[-1].ack(multiple=True)
        return True

    async def _is_stored(self, messages: "Messages") -> bool:
        try:
            async with asyncio.timeout(STORE_SECONDS), self._database.acquire() as connection:
                await self._store(connection, messages)
        except (DependencyAway, asyncpg.PostgresError, TimeoutError) as error:
            # A right that is missing is mended by people: wait for them too.
            self._reason = f"the database does not take what was delivered ({type(error).__name__})"
            get_logger().warning(LogEvent.DRAIN_WAITING, queue=self._queue, error_type=type(error).__name__)
            return False
        return True

    async def _wait_for_database(self, stop: asyncio.Event) -> None:
        """Return when the database takes writes; what waits in the queue is not even delivered until then."""
        pauses = Pauses(stop)
        while not stop.is_set():
            try:
                async with asyncio.timeout(STORE_SECONDS), self._database.acquire() as connection:
                    await probe_write(connection)
            except (DependencyAway, asyncpg.PostgresError, TimeoutError) as error:
                self._reason = f"the database takes no writes ({type(error).__name__})"
                await pauses.rest()
            else:
                return
