"""A scorer killed at each moment of an event's life: what it leaves behind is taken up, once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import asyncpg
import pytest

from servers.eventually import eventually
from system.ledger import Journal, assert_ledgers_agree, waiting
from system.payments import a_transaction, public_transactions
from system.posting import post_all

if TYPE_CHECKING:
    from system.services import Service, System

MOMENTS = [
    "received",
    "decoded",
    "unseen",
    "featured",
    "scored",
    "decided",
    "committed",
    "told",
    "announced",
    "acknowledged",
]
BATCH = 500

# Where a commit stands still while another transaction locks the table, and its retry after a lock timeout is far.
_WAITS_IN_COMMIT = """
select count(*) = 1 from pg_stat_activity
where datname = current_database() and query like '%commit_batch%' and state = 'active'
  and wait_event_type = 'Lock' and clock_timestamp() - query_start < interval '2 seconds'
"""


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_scorer_that_dies_at_any_moment_loses_and_doubles_nothing(system: System, moment: str) -> None:
    journal = Journal()
    dying = system.new_scorer(fail_at=moment)
    system.ingest.start()
    dying.start()
    await system.ingest.until_ready()
    await dying.until_ready()
    await post_all(system, public_transactions(300), journal)
    await eventually(lambda: not dying.is_running, within=20)
    assert dying.process is not None
    assert dying.process.returncode == -9, "it did not die where it was to"

    successor = system.new_scorer()
    successor.start()

    ledger = await assert_ledgers_agree(system, journal)
    assert ledger.verdicts == 300
    # What was announced and not acknowledged is announced again, in the same bytes.
    assert (ledger.announced_again > 0) == (moment == "announced")


@pytest.mark.timeout(180)
async def test_one_event_that_takes_the_process_down_is_set_aside_and_harms_no_other(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    system.ingest.start()
    scorer = system.new_scorer(fail_at="score_kills")
    scorer.start()
    await system.ingest.until_ready()
    payments = [a_transaction(number) for number in range(1, 301)]
    poison = a_transaction(1000, merchant_id="poison")
    await post_all(system, [*payments[:150], poison, *payments[150:]], journal)

    async def everything_else_is_scored() -> bool:
        # A supervisor would start it again; it dies until the event is convicted.
        if not scorer.is_running:
            scorer.start()
        return bool(await database.fetchval("select count(*) = 300 from fraudline.verdicts"))

    await eventually(everything_else_is_scored, within=120)

    journal.acknowledged.discard("t-1000")
    await assert_ledgers_agree(system, journal, open_letters=1)
    letter = await database.fetchrow("select reason, transaction_id from fraudline.dead_letters")
    assert letter is not None
    assert tuple(letter) == ("took_the_process_down", "t-1000")
    assert scorer.is_running


async def test_one_event_whose_scoring_fails_is_set_aside_and_harms_no_other(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    system.ingest.start()
    scorer = system.new_scorer(fail_at="score_raises")
    scorer.start()
    await system.ingest.until_ready()
    payments = [a_transaction(number) for number in range(1, 101)]
    await post_all(system, [*payments[:50], a_transaction(1000, merchant_id="poison"), *payments[50:]], journal)
    await eventually(lambda: database.fetchval("select count(*) = 100 from fraudline.verdicts"), within=30)

    journal.acknowledged.discard("t-1000")
    await assert_ledgers_agree(system, journal, open_letters=1)
    assert await database.fetchval("select reason from fraudline.dead_letters") == "scoring_failed"
    assert scorer.is_running


async def test_a_scorer_that_is_asked_to_stop_finishes_its_batch_and_leaves_the_rest_in_order(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()
    scorer = system.scorers[0]
    locking = await asyncpg.connect(system.database_url)
    async with locking.transaction():
        # Holds up what is written, not what is read: the first batch stands in its commit, the others in the queue.
        await locking.execute("lock table fraudline.transactions in share mode")
        await post_all(system, public_transactions(4 * BATCH), journal, batch=BATCH)
        await eventually(lambda: database.fetchval(_WAITS_IN_COMMIT))
        assert scorer.process is not None
        scorer.process.terminate()
        await eventually(lambda: scorer.reason("stop"))
    await locking.close()

    assert scorer.stop() == 0
    assert await database.fetchval("select count(*) from fraudline.verdicts") == BATCH
    assert await waiting(system.amqp_url, "scorer.events.0") > 0
    system.new_scorer().start()

    ledger = await assert_ledgers_agree(system, journal)
    assert ledger.verdicts == 4 * BATCH
    assert ledger.announced_again == 0, "a batch was cut short: it was announced a second time"


async def _exit_code(scorer: Service) -> int | None:
    assert scorer.process is not None
    with contextlib.suppress(AssertionError):
        await eventually(lambda: scorer.process is not None and scorer.process.poll() is not None, within=20)
    return scorer.process.poll()


@pytest.mark.parametrize(("damage", "named"), [("missing", "no folder"), ("truncated", "model.txt")])
async def test_a_scorer_with_a_bad_bundle_says_which_file_and_why_and_exits(
    system: System, damage: str, named: str
) -> None:
    bundle = system.folder / "bundle"
    if damage == "truncated":
        bundle.mkdir()
        for file in system.model.iterdir():
            (bundle / file.name).write_bytes(file.read_bytes())
        model = bundle / "model.txt"
        model.write_bytes(model.read_bytes()[:-1000])
    system.model = bundle
    scorer = system.new_scorer()

    scorer.start()

    assert await _exit_code(scorer) == 78
    said = scorer.log.read_text()
    assert "FRAUDLINE_MODEL" in said
    assert named in said
    assert "Traceback" not in said
