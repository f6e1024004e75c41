"""Alerts as a process by itself, over a broker and a database: verdicts are put where the scorer would put them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aio_pika
import asyncpg
import httpx2

from fraudline.amqp.topology import VERDICTS, declare_all, verdict_key
from fraudline.domain.api_key import Role
from fraudline.domain.policy import Decision
from fraudline.local.ports import free_port
from fraudline.postgres.api_keys import create_key
from fraudline.postgres.lookup import verdict_of
from fraudline.postgres.sign_in import create_link
from system.services import Service

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable
    from pathlib import Path

CLIENT_SECONDS = 10.0

_VERDICTS = """
insert into fraudline.verdicts
    (transaction_id, fingerprint, posted_by, partition, position, accepted_at, decision, score, reasons,
     reasons_status, model, policy, scored_at)
select id, decode(repeat('00', 32), 'hex'), 'shop', 0, row_number() over (), $4, $2, $3, '[]', 'pending', 'm-1', 'p-1',
       $4
from unnest($1::text[]) as id
"""
_TRANSACTIONS = """
insert into fraudline.transactions
    (transaction_id, accepted_at, posted_by, partition, position, occurred_at, amount, currency, card_id, merchant_id)
select transaction_id, accepted_at, posted_by, 0, (select coalesce(max(position), 0) from fraudline.transactions)
       + row_number() over (), accepted_at, $2, 'EUR', $3, $4
from fraudline.verdicts where transaction_id = any($1::text[])
"""


class AlertsAlone:
    """One process of alerts, or several over the same servers, the keys to them, and what they work on."""

    def __init__(self, folder: Path, amqp_url: str, database_url: str) -> None:
        self.amqp_url = amqp_url
        self.database_url = database_url
        self._folder = folder
        self._ports: set[int] = set()
        self.services: list[Service] = []
        self.key = self.new_key()

    def new_service(self, module: str = "fraudline_alerts", **environment: str) -> Service:
        """Return a process that is not started yet."""
        port = free_port(taken=self._ports)
        admin_port = free_port(taken=self._ports | {port})
        self._ports |= {port, admin_port}
        service = Service(
            module,
            {
                "FRAUDLINE_AMQP_URL": self.amqp_url,
                "FRAUDLINE_DATABASE_URL": self.database_url,
                "FRAUDLINE_ALERTS_PORT": str(port),
                "FRAUDLINE_ALERTS_ADMIN_PORT": str(admin_port),
                "FRAUDLINE_STATUS_URLS": f"http://127.0.0.1:{admin_port}",
            }
            | environment,
            admin_port,
            self._folder / f"alerts-{len(self.services)}.log",
            port=port,
        )
        self.services.append(service)
        return service

    def new_key(self, name: str = "alice", role: Role = Role.ANALYST) -> str:
        """Make a key; the process knows it after its next reading, two seconds later at the most."""
        return self._of_database(lambda connection: create_key(connection, name=name, role=role))

    def new_token(self, name: str = "bob") -> str:
        """Make a one-time link and return its token."""
        return self._of_database(lambda connection: create_link(connection, name=name, role=Role.ANALYST))

    def _of_database(self, work: Callable[[Any], Awaitable[str]]) -> str:
        async def run() -> str:
            connection = await asyncpg.connect(self.database_url)
            try:
                return await work(connection)
            finally:
                await connection.close()

        # In a thread of its own: the event loop of this one belongs to the tests.
        with ThreadPoolExecutor(max_workers=1) as pool:
            return pool.submit(asyncio.run, run()).result()

    def client(self, key: str | None, service: Service | None = None) -> httpx2.AsyncClient:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        url = (service or self.services[0]).url
        return httpx2.AsyncClient(base_url=url, headers=headers, timeout=CLIENT_SECONDS)

    def end(self) -> None:
        for service in self.services:
            service.end()


async def store_verdicts(
    connection: Any,
    transaction_ids: Iterable[str],
    *,
    decision: str = "review",
    score: float | None = 0.5,
    amount: int = 100,
    card_id: str = "card-1",
    merchant_id: str = "merchant-1",
    ago: timedelta = timedelta(0),
) -> None:
    """Store verdicts with their transactions, as a scorer's commit would."""
    ids = list(transaction_ids)
    async with connection.transaction():
        await connection.execute(_VERDICTS, ids, decision, score, datetime.now(UTC) - ago)
        await connection.execute(_TRANSACTIONS, ids, amount, card_id, merchant_id)


async def open_alerts(connection: Any, transaction_ids: Iterable[str], **fields: Any) -> list[int]:
    """Store flagged verdicts and open their alerts, as alerts itself does; return the alerts' ids."""
    ids = list(transaction_ids)
    await store_verdicts(connection, ids, **fields)
    await connection.fetch("select * from fraudline.open_alerts($1)", ids)
    rows = await connection.fetch("select id from fraudline.alerts where transaction_id = any($1) order by id", ids)
    return [row["id"] for row in rows]


async def announce(amqp_url: str, *bodies: bytes, decision: Decision = Decision.REVIEW) -> None:
    """Publish messages as the scorer announces verdicts."""
    async with await aio_pika.connect(amqp_url) as amqp:
        channel = await amqp.channel(on_return_raises=True)
        await declare_all(channel)
        exchange = await channel.get_exchange(VERDICTS)
        for body in bodies:
            await exchange.publish(aio_pika.Message(body), routing_key=verdict_key(decision), mandatory=True)


async def stored_events(connection: Any, transaction_ids: Iterable[str]) -> bytes:
    """Return the body that announces verdicts which are stored."""
    ids = list(transaction_ids)
    rows = await connection.fetch("select * from fraudline.verdicts where transaction_id = any($1)", ids)
    return b"\n".join(verdict_of(row).event() for row in rows)
