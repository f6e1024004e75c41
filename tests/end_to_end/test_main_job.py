"""The main job on real input: real days of payments in, one verdict each in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from servers.eventually import eventually
from system.ledger import Journal, assert_ledgers_agree
from system.payments import TWO_DAYS, a_transaction, public_transactions
from system.posting import post_all

if TYPE_CHECKING:
    import asyncpg

    from system.services import System

TRANSACTIONS = 2_000


async def test_every_accepted_transaction_gets_one_verdict(system: System) -> None:
    journal = Journal()
    await system.start()

    await post_all(system, public_transactions(TRANSACTIONS), journal)

    ledger = await assert_ledgers_agree(system, journal)
    assert ledger.verdicts == TRANSACTIONS
    assert ledger.recovered == 0


async def test_the_same_file_again_changes_nothing(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()
    payments = public_transactions(TRANSACTIONS)
    await post_all(system, payments, journal)
    await assert_ledgers_agree(system, journal)
    before = await database.fetch("select * from fraudline.verdicts order by transaction_id")

    await post_all(system, payments, journal)
    await eventually(lambda: system.scorers[0].metric("fraudline_duplicates_total") == TRANSACTIONS, within=30)

    assert await database.fetch("select * from fraudline.verdicts order by transaction_id") == before


async def test_the_same_id_with_other_content_keeps_the_first_verdict_and_is_a_dead_letter(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()
    await post_all(system, [a_transaction(1, amount="10.00")], journal)
    await assert_ledgers_agree(system, journal)

    # Again, twice within one batch, beside a first one of its own kind.
    others = [a_transaction(1, amount="11.00"), a_transaction(2, amount="5.00"), a_transaction(2, amount="6.00")]
    await post_all(system, others, journal)

    await assert_ledgers_agree(system, journal, open_letters=2)
    amounts = await database.fetch("select amount from fraudline.transactions order by transaction_id")
    assert [str(row["amount"]) for row in amounts] == ["10.00", "5.00"]
    reasons = await database.fetch("select distinct reason from fraudline.dead_letters")
    assert [row["reason"] for row in reasons] == ["transaction_id_conflict"]
    async with system.client as client:
        shown = (await client.get("/v1/transactions/t-1")).json()
    assert shown["conflicts"] == 1
    assert shown["amount"] == "10.00"


async def test_a_label_changes_the_counters_once_and_a_correction_takes_it_back(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()

    def a_label(number: int, label: str, source: str, day: int) -> dict[str, str]:
        return {
            "transaction_id": f"t-{number}",
            "label": label,
            "source": source,
            "reported_at": f"2026-02-{day:02}T00:00:00Z",
        }

    async with system.client as client:
        # Before its transaction: it waits.
        assert (await client.post("/v1/labels", json=a_label(1, "fraud", "analyst", 1))).status_code == 202
        await eventually(lambda: database.fetchval("select count(*) = 1 from fraudline.labels"))
        await post_all(system, [a_transaction(1)], journal)
        # The same again, then a chargeback that agrees, then one that takes it all back; the analyst is outranked.
        for label in (
            a_label(1, "fraud", "analyst", 1),
            a_label(1, "fraud", "chargeback", 2),
            a_label(1, "legitimate", "chargeback", 3),
            a_label(1, "fraud", "analyst", 4),
        ):
            assert (await client.post("/v1/labels", json=label)).status_code == 202
        await eventually(lambda: database.fetchval("select count(*) = 4 from fraudline.labels"))

    applications = await database.fetch(
        "select weight, counted_at::text from fraudline.label_applications order by position"
    )
    assert [tuple(row) for row in applications] == [(1, "2026-02-01 00:00:00+00"), (-1, "2026-02-01 00:00:00+00")]
    await assert_ledgers_agree(system, journal)


async def test_a_transaction_in_an_unknown_currency_is_looked_at_by_a_person(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()

    await post_all(system, [a_transaction(1, currency="XAF", amount="1000")], journal)

    await assert_ledgers_agree(system, journal)
    row = await database.fetchrow("select decision, reasons::text from fraudline.verdicts")
    assert row is not None
    assert row["decision"] == "review"
    assert "unknown_rate" in row["reasons"]


@pytest.mark.timeout(240)
@pytest.mark.skipif(not TWO_DAYS.exists(), reason=f"the public two days are not at {TWO_DAYS}")
async def test_the_public_two_days_give_at_least_twenty_flagged_payments(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()
    payments = public_transactions(100_000)

    await post_all(system, payments, journal, batch=500)

    ledger = await assert_ledgers_agree(system, journal, within=120)
    assert ledger.verdicts == len(payments) == 19_134
    flagged = await database.fetchval("select count(*) from fraudline.verdicts where decision <> 'approve'")
    assert flagged >= 20
