"""Servers that are there and do not do their work: refused while it lasts, nothing lost, mended by itself."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from fraudline.local.install import find_rabbitmq
from fraudline.local.rabbitmq_node import MAX_MEMORY_BYTES, Identity, Ports, environment
from servers.eventually import eventually
from servers.read_only import read_only
from system.ledger import Journal, assert_ledgers_agree
from system.payments import a_transaction, public_transactions
from system.posting import post_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg
    import httpx2

    from fraudline.local.postgres import Postgres
    from fraudline.local.rabbitmq import RabbitMQ
    from servers.broker_view import BrokerView
    from system.services import System

QUEUE = "scorer.events.0"
TRANSACTIONS = 600
MIDDLE = TRANSACTIONS // 2
RECOVERY_SECONDS = 30.0


async def assert_refused_in_time(client: httpx2.AsyncClient, path: str, body: object) -> None:
    began = time.monotonic()
    answer = await client.post(path, json=body)

    assert answer.status_code == 503, answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert time.monotonic() - began < 5


async def test_posts_are_refused_while_the_queue_is_gone_and_flow_again_when_the_scorer_has_declared_it(
    system: System, broker_view: BrokerView
) -> None:
    journal = Journal()
    await system.start()
    payments = public_transactions(TRANSACTIONS)
    await post_all(system, payments[:MIDDLE], journal)
    # What waited in a queue that somebody deletes would be gone with it.
    await assert_ledgers_agree(system, journal)

    label = {"transaction_id": "t-1", "label": "fraud", "source": "analyst", "reported_at": "2026-02-01T00:00:00Z"}
    scorer = system.scorers[0]
    scorer.pause()
    broker_view.delete_queue(QUEUE)
    async with system.client as client:
        await assert_refused_in_time(client, "/v1/transactions/batch", payments[MIDDLE:])
        await assert_refused_in_time(client, "/v1/labels", label)
    scorer.resume()

    await post_all(system, payments[MIDDLE:], journal)
    await scorer.until_ready()
    ledger = await assert_ledgers_agree(system, journal, within=RECOVERY_SECONDS)
    assert ledger.verdicts == TRANSACTIONS


async def test_a_database_that_only_reads_makes_the_scorer_unready_until_it_writes_again(
    system: System, postgres: Postgres, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()
    payments = public_transactions(TRANSACTIONS)
    scorer = system.scorers[0]
    await post_all(system, payments[:MIDDLE], journal)
    with read_only(postgres):
        # First under the connections that are open, then with none of them left.
        await post_all(system, payments[MIDDLE:-100], journal)
        await eventually(lambda: scorer.reason("database"))
        await database.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        await post_all(system, payments[-100:], journal)
        assert scorer.reason("database")
        assert not scorer.readiness()["ready"]
        assert journal.refused == 0, "ingest has no need of a database that can be written"

    await scorer.until_ready(RECOVERY_SECONDS)
    ledger = await assert_ledgers_agree(system, journal, within=RECOVERY_SECONDS)
    assert ledger.verdicts == TRANSACTIONS


@pytest.mark.parametrize("has_work", [True, False], ids=["at_work", "idle"])
async def test_a_frozen_database_makes_the_scorer_unready_and_ingest_goes_on(
    system: System, postgres: Postgres, *, has_work: bool
) -> None:
    journal = Journal()
    await system.start()
    payments = public_transactions(TRANSACTIONS)
    scorer = system.scorers[0]
    await post_all(system, payments[:MIDDLE], journal)
    if not has_work:
        await assert_ledgers_agree(system, journal)
    postgres.pause()
    try:
        if has_work:
            await post_all(system, payments[MIDDLE:], journal)
        await eventually(lambda: scorer.reason("database"), within=15)
        assert not scorer.readiness()["ready"]
        if not has_work:
            await post_all(system, payments[MIDDLE:], journal)
        assert journal.refused == 0
        assert system.ingest.readiness()["ready"]
    finally:
        postgres.resume()

    await scorer.until_ready(RECOVERY_SECONDS)
    ledger = await assert_ledgers_agree(system, journal, within=RECOVERY_SECONDS)
    assert ledger.verdicts == TRANSACTIONS


async def rabbitmqctl(rabbitmq: RabbitMQ, *arguments: str) -> None:
    programs = find_rabbitmq()
    assert programs is not None
    ports = Ports(**json.loads((rabbitmq.folder / "ports.json").read_text()))
    await asyncio.to_thread(
        subprocess.run,
        [programs.script.with_name("rabbitmqctl"), *arguments],
        env=environment(rabbitmq.folder, Identity.of(rabbitmq.folder), ports, management=True),
        check=True,
        capture_output=True,
        timeout=30,
    )


@asynccontextmanager
async def memory_alarm(rabbitmq: RabbitMQ) -> AsyncIterator[None]:
    try:
        await rabbitmqctl(rabbitmq, "set_vm_memory_high_watermark", "0")
        yield
    finally:
        await rabbitmqctl(rabbitmq, "set_vm_memory_high_watermark", "absolute", str(MAX_MEMORY_BYTES))


async def test_posts_are_refused_while_the_broker_has_an_alarm_and_flow_again_afterwards(
    system: System, rabbitmq: RabbitMQ, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()
    payments = [a_transaction(number) for number in range(1, TRANSACTIONS + 1)]
    scorer = system.scorers[0]
    scorer.pause()
    await post_all(system, payments[:MIDDLE], journal)

    async with memory_alarm(rabbitmq):
        # What it has already been given it scores; that its events wait for the alarm's end harms nothing.
        scorer.resume()
        await eventually(lambda: database.fetchval("select count(*) = $1 from fraudline.verdicts", MIDDLE))
        async with system.client as client:
            for _ in range(2):
                await assert_refused_in_time(client, "/v1/transactions/batch", payments[MIDDLE:])

    await post_all(system, payments[MIDDLE:], journal)
    await system.ingest.until_ready()
    ledger = await assert_ledgers_agree(system, journal, within=RECOVERY_SECONDS)
    assert ledger.verdicts == TRANSACTIONS
