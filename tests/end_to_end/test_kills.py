"""Each service killed once in the middle, each server restarted once: nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from servers.eventually import eventually
from servers.quorum import kill
from system.ledger import Journal, assert_ledgers_agree
from system.payments import public_transactions
from system.posting import post_all

if TYPE_CHECKING:
    import asyncpg

    from fraudline.local.postgres import Postgres
    from fraudline.local.rabbitmq import RabbitMQ
    from system.services import System

TRANSACTIONS = 4_000
MIDDLE = TRANSACTIONS // 2
TAKEOVER_SECONDS = 5.0


@pytest.mark.timeout(180)
async def test_a_killed_ingest_loses_and_doubles_nothing(system: System) -> None:
    journal = Journal()
    await system.start()

    async def kill_and_start() -> None:
        system.ingest.kill()
        system.ingest.start()
        await system.ingest.until_ready()

    await post_all(system, public_transactions(TRANSACTIONS), journal, at={MIDDLE: kill_and_start})

    await assert_ledgers_agree(system, journal)


@pytest.mark.timeout(180)
async def test_a_standby_takes_over_from_a_killed_scorer_within_five_seconds(system: System) -> None:
    journal = Journal()
    await system.start(scorers=2)
    killed_at = 0.0

    async def kill_owner() -> None:
        nonlocal killed_at
        owner = await eventually(system.owner)
        owner.kill()
        killed_at = time.monotonic()

    posting = asyncio.create_task(post_all(system, public_transactions(TRANSACTIONS), journal, at={MIDDLE: kill_owner}))
    await eventually(lambda: killed_at > 0, within=60)
    await eventually(system.owner, within=TAKEOVER_SECONDS)
    taken_over_after = time.monotonic() - killed_at
    await posting

    assert taken_over_after < TAKEOVER_SECONDS
    await assert_ledgers_agree(system, journal)


@pytest.mark.timeout(180)
async def test_a_killed_scorer_without_standby_goes_on_where_the_log_ends(system: System) -> None:
    journal = Journal()
    await system.start()

    async def kill_and_start() -> None:
        system.scorers[0].kill()
        system.scorers[0].start()

    await post_all(system, public_transactions(TRANSACTIONS), journal, at={MIDDLE: kill_and_start})

    await assert_ledgers_agree(system, journal)


@pytest.mark.timeout(180)
async def test_a_frozen_owner_is_fenced_when_it_wakes(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    frozen = system.new_scorer(fail_at="commit_freezes", heartbeat_seconds=2)
    other = system.new_scorer(fail_at="commit_freezes")
    system.ingest.start()
    frozen.start()
    await system.ingest.until_ready()
    await frozen.until_ready()
    other.start()
    payments = public_transactions(300)
    payments[150]["merchant_id"] = "poison"
    await other.until_ready()

    await post_all(system, payments[:200], journal)
    await eventually(lambda: frozen.is_frozen)
    logged = await database.fetchval("select count(*) from fraudline.transactions")
    # The broker gives the queue to the standby when the first one's heartbeats stay out. The standby has taken over
    # and not committed when it stops: the epoch alone keeps out the commit that the first one wakes up with.
    await eventually(lambda: other.is_frozen, within=30)
    frozen.resume()
    await eventually(lambda: frozen.logged("partition_lost"))
    assert await database.fetchval("select count(*) from fraudline.transactions") == logged
    other.resume()

    # The fenced one took back what it had computed: as owner again it computes what one without this past would.
    await eventually(lambda: database.fetchval("select count(*) = 200 from fraudline.transactions"))
    await frozen.until_ready()
    other.kill()
    await post_all(system, payments[200:], journal)
    await assert_ledgers_agree(system, journal)
    assert system.owner() is frozen


@pytest.mark.timeout(240)
async def test_a_restarted_broker_loses_and_doubles_nothing(system: System, rabbitmq: RabbitMQ) -> None:
    journal = Journal()
    await system.start(scorers=2)

    async def kill_and_start() -> None:
        await kill(rabbitmq, system.queue_names())
        await asyncio.to_thread(rabbitmq.start)

    await post_all(system, public_transactions(TRANSACTIONS), journal, at={MIDDLE: kill_and_start})

    await assert_ledgers_agree(system, journal)
    assert journal.refused > 0, "the restart was not noticed: it proved nothing"


@pytest.mark.timeout(240)
async def test_a_restarted_database_loses_and_doubles_nothing(system: System, postgres: Postgres) -> None:
    journal = Journal()
    await system.start(scorers=2)
    scorers = system.scorers

    async def kill_and_start() -> None:
        await asyncio.to_thread(postgres.kill)
        # Ingest goes on taking transactions; the scorers say that they cannot work.
        await eventually(lambda: not any(scorer.readiness().get("ready") for scorer in scorers), within=30)
        assert system.ingest.readiness().get("ready")
        await asyncio.to_thread(postgres.start)

    await post_all(system, public_transactions(TRANSACTIONS), journal, at={MIDDLE: kill_and_start})

    await assert_ledgers_agree(system, journal)
    for scorer in scorers:
        await scorer.until_ready()
