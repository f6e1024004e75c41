"""The judge: what clients were answered, held against what the broker and the database have.

The words are those of RabbitMQ's own tests: *acknowledged* was answered 202, *lost* is acknowledged and has no verdict,
*recovered* was not acknowledged and has one (allowed), a *duplicate* effect is never allowed.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import aio_pika
import asyncpg

from fraudline.postgres.lookup import verdict_of
from fraudline.state.audit import audit
from servers.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from aio_pika.abc import AbstractIncomingMessage

    from system.services import System

from contextlib import asynccontextmanager

OBSERVER = "test.observer"

_WAITING_QUEUES = ("scorer.events.0", "scorer.events.0.dead")
_ALERT_QUEUES = ("alerts.verdicts", "alerts.verdicts.dead")


@dataclass
class Journal:
    """What one client posted, one batch at a time, and what it was answered."""

    order: list[str] = field(default_factory=list)
    posted: set[str] = field(default_factory=set)
    acknowledged: set[str] = field(default_factory=set)
    refused: int = 0
    announced: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def note_posted(self, transaction_ids: Iterable[str]) -> None:
        """Note what is posted now; what was posted before keeps its place."""
        for transaction_id in transaction_ids:
            if transaction_id not in self.posted:
                self.posted.add(transaction_id)
                self.order.append(transaction_id)


@dataclass
class Ledger:
    """What was found when everything agreed."""

    acknowledged: int
    verdicts: int
    recovered: int
    announced_again: int
    alerts: int = 0


async def observe(amqp_url: str) -> None:
    """Bind a durable queue to all verdicts, before the first is published."""
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.declare_exchange("fraudline.verdicts", aio_pika.ExchangeType.TOPIC, durable=True)
        queue = await channel.declare_queue(OBSERVER, durable=True, arguments={"x-queue-type": "quorum"})
        await queue.bind(exchange, routing_key="verdict.*")


@asynccontextmanager
async def _channel(amqp_url: str) -> AsyncIterator[aio_pika.abc.AbstractChannel]:
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        yield await connection.channel()


async def waiting(amqp_url: str, queue: str) -> int:
    """Return how many messages a queue holds that nobody has been given."""
    async with _channel(amqp_url) as channel:
        return (await channel.declare_queue(queue, passive=True)).declaration_result.message_count or 0


async def drain(amqp_url: str, announced: dict[str, list[bytes]]) -> None:
    """Drain the observer's queue; note every event that told of each transaction."""
    async with _channel(amqp_url) as channel:
        await channel.set_qos(prefetch_count=200)
        queue = await channel.declare_queue(OBSERVER, passive=True)
        left = queue.declaration_result.message_count or 0
        done = asyncio.Event()

        async def take(message: AbstractIncomingMessage) -> None:
            nonlocal left
            for line in message.body.split(b"\n"):
                event = json.loads(line)
                announced[event["data"]["transaction_id"]].append(line)
            await message.ack()
            left -= 1
            if left == 0:
                done.set()

        if left:
            await queue.consume(take)
            async with asyncio.timeout(30):
                await done.wait()


async def assert_ledgers_agree(
    system: System, journal: Journal, *, within: float = 60.0, open_letters: int = 0
) -> Ledger:
    """Wait until all that was acknowledged is scored, then hold every ledger against the others."""
    connection = await asyncpg.connect(system.database_url)
    try:

        async def unscored() -> int:
            scored = await connection.fetchval(
                "select count(*) from fraudline.verdicts where transaction_id = any($1)", list(journal.acknowledged)
            )
            return len(journal.acknowledged) - int(scored)

        async def is_scored() -> bool:
            return await unscored() == 0

        # lost: acknowledged, and no verdict.
        await eventually(is_scored, within=within)

        queues = _WAITING_QUEUES + (_ALERT_QUEUES if system.alerts else ())
        for queue in queues:

            async def is_empty(queue: str = queue) -> bool:
                return await waiting(system.amqp_url, queue) == 0

            await eventually(is_empty, within=within)

        # Committed is not announced yet: the verdicts' events come a moment later.
        async def is_announced() -> bool:
            await drain(system.amqp_url, journal.announced)
            stored = await connection.fetchval("select count(*) from fraudline.verdicts")
            return len(journal.announced) >= int(stored)

        await eventually(is_announced, within=within)
        # Delivered and not acknowledged counts as waiting too.
        await eventually(lambda: {system.broker.messages()[queue] for queue in queues} == {0}, within=within)
        return await _agree(connection, system, journal, open_letters)
    finally:
        await connection.close()


async def _agree(
    connection: asyncpg.Connection[asyncpg.Record], system: System, journal: Journal, open_letters: int
) -> Ledger:
    rows = await connection.fetch("select * from fraudline.verdicts")
    verdicts = {row["transaction_id"]: verdict_of(row) for row in rows}
    assert verdicts.keys() <= journal.posted, "a verdict for what nobody posted"

    # duplicate: the primary key forbids two verdicts; a transaction could still be stored twice under two times.
    stored = await connection.fetch("select transaction_id, count(*) as times from fraudline.transactions group by 1")
    assert {row["transaction_id"] for row in stored} == verdicts.keys()
    assert all(row["times"] == 1 for row in stored), "a transaction was stored twice"

    # Every position once, from 1 to the end, over transactions and labels together.
    last = await connection.fetchval("select last_position from fraudline.partitions where partition = 0")
    positions = await connection.fetch(
        "select position from fraudline.transactions union all select position from fraudline.label_applications"
    )
    assert sorted(row["position"] for row in positions) == list(range(1, last + 1)), "the log has a gap or a double"

    # A batch is posted when the one before was acknowledged, however often: the log has the order of the first posts.
    logged = await connection.fetch("select transaction_id from fraudline.transactions order by position")
    posted = [transaction_id for transaction_id in journal.order if transaction_id in verdicts]
    wrong = [
        (number, found["transaction_id"], expected)
        for number, (found, expected) in enumerate(zip(logged, posted, strict=True), 1)
        if found["transaction_id"] != expected
    ]
    assert not wrong, f"{len(wrong)} stand elsewhere in the log than posted, first (number, found, posted): {wrong[0]}"

    # Each verdict was announced at least once, always in the same bytes, and they say what is stored.
    events = journal.announced
    assert events.keys() == verdicts.keys(), "a verdict was not announced, or one that is not stored was"
    for transaction_id, lines in events.items():
        assert set(lines) == {verdicts[transaction_id].event()}, f"{transaction_id} was announced in other words"

    async def letters() -> list[str]:
        rows = await connection.fetch("select reason from fraudline.dead_letters where state = 'open'")
        return [row["reason"] for row in rows]

    await eventually(letters, until=lambda reasons: len(reasons) == open_letters)

    repeated = await audit(system.database_url, system.model)
    assert repeated.differing == 0, repeated.differences[:3]
    assert repeated.checked == len(verdicts)
    alerts = await _alerts_agree(connection, within=20.0) if system.alerts else 0
    return Ledger(
        acknowledged=len(journal.acknowledged),
        verdicts=len(verdicts),
        recovered=len(verdicts.keys() - journal.acknowledged),
        announced_again=sum(len(lines) - 1 for lines in events.values()),
        alerts=alerts,
    )


async def _alerts_agree(connection: asyncpg.Connection[asyncpg.Record], *, within: float) -> int:
    """Hold alerts, feed, dispositions and labels against each other; return how many alerts there are."""

    async def missing() -> int:
        return int(
            await connection.fetchval(
                "select count(*) from fraudline.verdicts v where decision <> 'approve'"
                " and not exists (select from fraudline.alerts a where a.transaction_id = v.transaction_id)"
            )
        )

    await eventually(missing, until=lambda count: count == 0, within=within)
    alerts = await connection.fetch("select * from fraudline.alerts")
    flagged = await connection.fetch("select transaction_id from fraudline.verdicts where decision <> 'approve'")
    assert sorted(row["transaction_id"] for row in alerts) == sorted(row["transaction_id"] for row in flagged)

    # The feed: every number once, every alert opened once, every decided one disposed once.
    events = await connection.fetch("select number, alert_id, kind from fraudline.alert_events order by number")
    last = await connection.fetchval("select last_number from fraudline.alert_feed")
    assert [row["number"] for row in events] == list(range(1, last + 1)), "the feed has a gap or a double"
    told = {kind: sorted(row["alert_id"] for row in events if row["kind"] == kind) for kind in ("opened", "disposed")}
    assert told["opened"] == sorted(row["id"] for row in alerts)
    explained = [row["alert_id"] for row in events if row["kind"] == "explained"]
    assert len(explained) == len(set(explained)), "the reasons of an alert were told twice"
    assert told["disposed"] == sorted(row["id"] for row in alerts if row["status"] == "closed")

    # Every disposition is a label in the log's tables, once.
    said = await connection.fetch(
        "select a.transaction_id, d.disposition, d.decided_by from fraudline.dispositions d"
        " join fraudline.alerts a on a.id = d.alert_id order by 1"
    )

    async def labels() -> list[tuple[str, ...]]:
        rows = await connection.fetch(
            "select transaction_id, label, posted_by from fraudline.labels where source = 'analyst' order by 1"
        )
        return [tuple(row) for row in rows]

    await eventually(labels, until=lambda found: found == [tuple(row) for row in said], within=within)
    await eventually(
        lambda: connection.fetchval("select count(*) = 0 from fraudline.outbox where published_at is null"),
        within=within,
    )
    return len(alerts)
