"""Connections to the broker: bounded in every wait, never mended behind our back.

A lost connection, a closed channel or a consumer that the broker cancelled ends a *session*: its user takes back what
it held, and starts anew. The robust classes would mend some of that by themselves and miss the rest.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection
from aio_pika.exceptions import AMQPException, PublishError
from yarl import URL

from fraudline.errors import DependencyAway, Unroutable

BROKER = "RabbitMQ"
CONNECT_SECONDS = 5.0
SET_UP_SECONDS = 10.0
CLOSE_SECONDS = 2.0
HEARTBEAT_SECONDS = 10

# What the client raises when the broker or the way to it is gone. RuntimeError: a transport that is closed under it.
LOST = (AMQPException, ConnectionError, OSError, TimeoutError, RuntimeError)


async def connect(url: str, *, name: str) -> AbstractConnection:
    """Open a connection that the broker shows under `name`.

    Raises:
        DependencyAway: The broker did not answer in time, or refused.
    """
    address = URL(url)
    if "heartbeat" not in address.query:
        address = address.update_query(heartbeat=HEARTBEAT_SECONDS)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            return await aio_pika.connect(address, client_properties={"connection_name": name})
    except LOST as error:
        raise DependencyAway(BROKER, f"{type(error).__name__} while connecting") from error


@asynccontextmanager
async def broker_call(seconds: float, *, to: str) -> AsyncIterator[None]:
    """Bound what is asked of the broker in a block, and translate every way in which it can fail.

    Args:
        seconds: The deadline, outside the library: its own does not cover every wait.
        to: What is asked, for the reason that is told.

    Raises:
        Unroutable: The broker returned a message.
        DependencyAway: It did not answer in time, refused, or the connection was lost.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except PublishError as error:
        raise Unroutable(BROKER, f"no queue is bound for what was sent: {to}") from error
    except LOST as error:
        raise DependencyAway(BROKER, f"{type(error).__name__}: {to}") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody cancelled us: the library cancels what waits for an answer on a connection that it gives up.
        raise DependencyAway(BROKER, f"the connection was given up: {to}") from error


@asynccontextmanager
async def connected(url: str, *, name: str) -> AsyncIterator[AbstractConnection]:
    """Open a connection for the length of a block; closing it is bounded, so that a dead broker cannot hold us."""
    connection = await connect(url, name=name)
    try:
        yield connection
    finally:
        await close(connection)


async def close(connection: AbstractConnection) -> None:
    """Close a connection, or leave it behind after two seconds."""
    with contextlib.suppress(*LOST):  # it is closed or lost, and both is what was wanted
        async with asyncio.timeout(CLOSE_SECONDS):
            await connection.close()


def closed_event(*sources: AbstractConnection | AbstractChannel) -> asyncio.Event:
    """Return an event that is set as soon as one of the connections or channels is closed, for whatever reason."""
    closed = asyncio.Event()

    def note(*_: object) -> None:
        closed.set()

    for source in sources:
        source.close_callbacks.add(note)
        if source.is_closed:
            closed.set()
    return closed
