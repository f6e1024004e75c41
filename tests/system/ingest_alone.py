"""Ingest as a process by itself, over a broker and a database: nobody scores what it takes in."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import aio_pika
import asyncpg
import httpx2

from fraudline.domain.api_key import Role
from fraudline.local.ports import free_port
from fraudline.postgres.api_keys import create_key
from system.services import Service

if TYPE_CHECKING:
    from pathlib import Path

CLIENT_SECONDS = 10.0


class IngestAlone:
    """One ingest process, the keys to it, and what it has put into its partition's queue."""

    def __init__(self, folder: Path, amqp_url: str, database_url: str) -> None:
        self.amqp_url = amqp_url
        self.database_url = database_url
        self.port = free_port()
        admin_port = free_port(taken={self.port})
        self.service = Service(
            "fraudline_ingest",
            {
                "FRAUDLINE_AMQP_URL": amqp_url,
                "FRAUDLINE_DATABASE_URL": database_url,
                "FRAUDLINE_INGEST_PORT": str(self.port),
                "FRAUDLINE_INGEST_ADMIN_PORT": str(admin_port),
            },
            admin_port,
            folder / "ingest.log",
        )

    def new_key(self, name: str = "shop", role: Role = Role.INGEST) -> str:
        """Make a key; the process knows it after its next reading, two seconds later at the most."""

        async def make() -> str:
            connection = await asyncpg.connect(self.database_url)
            try:
                return await create_key(connection, name=name, role=role)
            finally:
                await connection.close()

        # In a thread of its own: the event loop of this one belongs to the tests.
        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(asyncio.run, make()).result()

    def client(self, key: str | None) -> httpx2.Client:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=CLIENT_SECONDS)

    def log_text(self) -> str:
        return self.service.log.read_text()

    async def queued(self) -> list[aio_pika.abc.AbstractIncomingMessage]:
        """Take all messages out of the partition's queue."""
        async with await aio_pika.connect(self.amqp_url) as connection:
            channel = await connection.channel()
            queue = await channel.declare_queue("scorer.events.0", passive=True)
            arrived: asyncio.Queue[aio_pika.abc.AbstractIncomingMessage] = asyncio.Queue()
            await queue.consume(arrived.put, no_ack=True)
            async with asyncio.timeout(CLIENT_SECONDS):
                return [await arrived.get() for _ in range(queue.declaration_result.message_count or 0)]


def a_transaction(**changes: Any) -> dict[str, Any]:
    """Return a transaction that is valid but for the changes; a field that is None is left out."""
    fields = {
        "transaction_id": "t-1",
        "occurred_at": "2026-01-02T03:04:05Z",
        "amount": "912.40",
        "currency": "EUR",
        "card_id": "card-1",
        "merchant_id": "merchant-1",
    }
    return {name: value for name, value in (fields | changes).items() if value is not None}


def a_label(**changes: Any) -> dict[str, Any]:
    fields = {"transaction_id": "t-1", "label": "fraud", "source": "chargeback", "reported_at": "2026-02-01T00:00:00Z"}
    return {name: value for name, value in (fields | changes).items() if value is not None}
