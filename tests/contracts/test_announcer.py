"""What was announced has arrived, or the announcement fails: never anything in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from yarl import URL

from fraudline.amqp.connection import connected
from fraudline.amqp.letters import DeadReason, Letter
from fraudline.amqp.topology import ALERTS_QUEUE, VERDICTS, declare_all
from fraudline.domain.policy import Decision
from fraudline.domain.verdict import Verdict
from fraudline.errors import DependencyAway, Unroutable
from fraudline_scorer.announcer import Announcer
from servers.broker_view import BrokerView

QUEUE = "scorer.events.0"


def a_verdict(transaction_id: str, decision: Decision = Decision.REVIEW) -> Verdict:
    moment = datetime(2026, 11, 23, tzinfo=UTC)
    return Verdict(
        transaction_id=transaction_id,
        fingerprint=b"\0" * 32,
        posted_by="shop",
        partition=0,
        position=1,
        accepted_at=moment,
        decision=decision,
        score=0.5,
        reasons=(),
        reasons_status="pending",
        model="m",
        policy="p",
        scored_at=moment,
    )


def a_letter() -> Letter:
    return Letter.of_line(queue=QUEUE, reason=DeadReason.MALFORMED_EVENT, error="broken", body=b"{")


async def declare(amqp_url: str) -> None:
    async with connected(amqp_url, name="test") as connection, connection.channel() as channel:
        await declare_all(channel)


@asynccontextmanager
async def a_wire(amqp_url: str) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A way to the broker that lets nothing back once the event is set."""
    url = URL(amqp_url)
    is_deaf = asyncio.Event()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, back: bool) -> None:
        while data := await reader.read(65536):
            if not (back and is_deaf.is_set()):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(url.host, url.port)
        await asyncio.gather(
            pipe(reader, far_writer, back=False), pipe(far_reader, writer, back=True), return_exceptions=True
        )

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield str(url.with_host("127.0.0.1").with_port(port).update_query(heartbeat=1)), is_deaf
    finally:
        server.close()


async def test_a_connection_that_went_deaf_is_no_confirm(amqp_url: str) -> None:
    await declare(amqp_url)
    async with a_wire(amqp_url) as (url, is_deaf), connected(url, name="deaf") as connection:
        announcer = await Announcer.on(connection)
        is_deaf.set()

        with pytest.raises(DependencyAway):
            await announcer.announce([a_verdict("t-1")], [])


async def test_a_letter_that_nobody_keeps_is_a_failure_whatever_else_arrived(
    amqp_url: str, broker_view: BrokerView
) -> None:
    await declare(amqp_url)
    async with connected(amqp_url, name="test") as connection:
        announcer = await Announcer.on(connection)
        await announcer.announce([a_verdict("t-1")], [a_letter()])
        broker_view.delete_binding("fraudline.dead", f"{QUEUE}.dead", QUEUE)

        with pytest.raises(Unroutable):
            await announcer.announce([a_verdict("t-2")], [a_letter()])


async def test_a_flagged_verdict_that_reaches_no_analyst_is_a_failure_an_approval_is_none(
    amqp_url: str, broker_view: BrokerView
) -> None:
    await declare(amqp_url)
    broker_view.delete_binding(VERDICTS, ALERTS_QUEUE, "verdict.decline")
    async with connected(amqp_url, name="test") as connection:
        announcer = await Announcer.on(connection)
        await announcer.announce([a_verdict("t-1", Decision.APPROVE), a_verdict("t-2", Decision.REVIEW)], [])

        with pytest.raises(Unroutable):
            await announcer.announce([a_verdict("t-3", Decision.DECLINE)], [])
