"""The API: one message a transaction, published with a confirm; `uvicorn baseline.api:app`."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import cycle
from typing import Annotated, Any
from uuid import uuid4

import aio_pika
from baseline.messages import Accepted, Transaction
from baseline.settings import Settings
from fastapi import Depends, FastAPI, Header, HTTPException, Response
from fastapi.responses import JSONResponse

SETTINGS = Settings.read()
_WAIT = re.compile(r"wait=(\d+(?:\.\d+)?)")


class Wire:
    """The broker's connection, its channels, and who waits for a verdict."""

    def __init__(self) -> None:
        self.reply_queue = ""
        self.waiting: dict[str, asyncio.Future[bytes]] = {}
        self._connection: Any = None
        self._exchanges: Any = None

    async def open(self) -> None:
        """Connect, declare, and listen for replies."""
        self._connection = await aio_pika.connect_robust(SETTINGS.amqp_url)
        channels = [await self._connection.channel(publisher_confirms=True) for _ in range(SETTINGS.channels)]
        await channels[0].declare_queue(SETTINGS.queue, durable=True, arguments={"x-queue-type": SETTINGS.queue_type})
        self._exchanges = cycle([channel.default_exchange for channel in channels])
        replies = await self._connection.channel(publisher_confirms=False)
        queue = await replies.declare_queue(exclusive=True)
        self.reply_queue = queue.name
        await queue.consume(self._take, no_ack=True)

    async def close(self) -> None:
        """Disconnect."""
        await self._connection.close()

    async def publish(self, body: bytes, *, correlation_id: str | None = None) -> None:
        """Return once the broker has confirmed the message."""
        message = aio_pika.Message(
            body,
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            correlation_id=correlation_id,
            reply_to=self.reply_queue if correlation_id else None,
        )
        await next(self._exchanges).publish(message, SETTINGS.queue)

    async def _take(self, message: Any) -> None:
        waiter = self.waiting.get(message.correlation_id)
        if waiter is not None and not waiter.done():
            waiter.set_result(message.body)


WIRE = Wire()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Hold the broker's connection for as long as the application runs."""
    await WIRE.open()
    yield
    await WIRE.close()


async def authenticate(authorization: Annotated[str, Header()] = "") -> None:
    """Let nobody in without the key."""
    if authorization != f"Bearer {SETTINGS.api_key}":
        raise HTTPException(401)


app = FastAPI(lifespan=lifespan)


@app.post("/v1/transactions", status_code=202, dependencies=[Depends(authenticate)])
async def post_transaction(transaction: Transaction, prefer: Annotated[str, Header()] = "") -> Response:
    """Take one transaction in; with `Prefer: wait=SECONDS` answer with its verdict."""
    # Built from what was validated already, which is not done twice.
    accepted = Accepted.model_construct(**transaction.__dict__, accepted_at=datetime.now(UTC))
    body = accepted.model_dump_json(exclude_none=True).encode()
    wait = _WAIT.search(prefer)
    if wait is None:
        await WIRE.publish(body)
        return JSONResponse({"transaction_id": transaction.transaction_id, "status": "accepted"}, 202)
    correlation_id = uuid4().hex
    waiter = WIRE.waiting[correlation_id] = asyncio.get_running_loop().create_future()
    try:
        async with asyncio.timeout(float(wait[1])):
            await WIRE.publish(body, correlation_id=correlation_id)
            return Response(await waiter, media_type="application/json")
    except TimeoutError:
        return JSONResponse({"transaction_id": transaction.transaction_id, "status": "pending"}, 202)
    finally:
        del WIRE.waiting[correlation_id]
