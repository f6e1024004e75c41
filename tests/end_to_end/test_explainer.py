"""The explainer as a process: killed, frozen, without a database; the line never notices, and nothing stays unsaid."""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import psutil
import pytest

from model_builders import reseal
from servers.eventually import eventually
from servers.read_only import read_only
from system.ledger import Journal, assert_ledgers_agree
from system.payments import a_transaction, public_transactions
from system.posting import post_all

if TYPE_CHECKING:
    import asyncpg

    from fraudline.local.postgres import Postgres
    from system.services import Service, System

    Database = asyncpg.Connection[asyncpg.Record]

FLAGGED = 300
A_BIT = 150
RECOVERY_SECONDS = 30.0


def flagged(first: int, count: int) -> list[dict[str, Any]]:
    """Return payments that a person has to look at: no rate is known for their currency."""
    return [
        a_transaction(number, currency="XAF", amount=str(100 + number % 900)) for number in range(first, first + count)
    ]


@pytest.fixture
def explainer(system: System) -> Service:
    """An explainer of the system's own that is not started yet."""
    return system.new_explainer()


def niceness_of_session(pid: int) -> int | None:
    """Return how little the kernel gives to a process's session; None where it does not tell sessions apart."""
    session = Path(f"/proc/{pid}/autogroup")
    return int(session.read_text().split()[-1]) if session.exists() else None


async def pending(database: Database) -> int:
    count: int = await database.fetchval(
        "select count(*) from fraudline.verdicts where reasons_status = 'pending' and decision <> 'approve'"
    )
    return count


async def until_explained(database: Database, within: float = RECOVERY_SECONDS) -> None:
    await eventually(lambda: pending(database), until=lambda count: count == 0, within=within)


async def open_alerts(database: Database) -> int:
    """Open an alert for each flagged verdict, as the alerts service does; return how many there are."""
    ids = await database.fetch("select transaction_id from fraudline.verdicts where decision <> 'approve'")
    await database.fetch("select * from fraudline.open_alerts($1)", [row["transaction_id"] for row in ids])
    count: int = await database.fetchval("select count(*) from fraudline.alerts")
    return count


async def test_flagged_payments_get_their_reasons_within_a_second_and_their_events_stay_as_they_are(
    system: System, explainer: Service, database: Database
) -> None:
    journal = Journal()
    explainer.start()
    await system.start()
    await explainer.until_ready()
    payments = flagged(1, 100)

    for start in range(0, len(payments), 10):
        await post_all(system, payments[start : start + 10], journal)
        await until_explained(database)
    await post_all(system, public_transactions(1_000), journal)

    await until_explained(database)
    # Every event was told before its verdict was explained or after it: the bytes are the same.
    await assert_ledgers_agree(system, journal)
    async with system.client as client:
        verdict = (await client.get(f"/v1/transactions/{payments[-1]['transaction_id']}")).json()["verdict"]
    assert verdict["reasons_status"] == "ready"
    by_policy, *by_model = verdict["reasons"]
    assert (by_policy["code"], by_policy["contribution"]) == ("unknown_rate", None)
    assert all(reason["contribution"] > 0 and reason["text"].endswith(".") for reason in by_model)
    metrics = httpx2.get(f"http://127.0.0.1:{explainer.admin_port}/metrics").text
    delays = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if "explanation_delay_seconds" in line)
    # The slowest are as slow as the machine is busy with other things: an explainer gives way.
    within_a_second = float(delays['fraudline_explanation_delay_seconds_bucket{le="1.0"}'])
    assert within_a_second > float(delays["fraudline_explanation_delay_seconds_count"]) / 2
    assert explainer.metric("fraudline_explained_total") == await open_alerts(database)


@pytest.mark.timeout(180)
async def test_a_killed_explainer_goes_on_where_it_was_and_explains_nothing_twice(
    system: System, explainer: Service, database: Database
) -> None:
    journal = Journal()
    await system.start()
    await post_all(system, flagged(1, 2 * FLAGGED), journal)
    await assert_ledgers_agree(system, journal)
    alerts = await open_alerts(database)
    assert alerts == await pending(database) >= 2 * FLAGGED

    kills, left = 0, alerts
    while left:
        explainer.start()
        enough = max(left - A_BIT, 0)
        await eventually(lambda: pending(database), until=lambda count: count <= enough, within=RECOVERY_SECONDS)  # noqa: B023 - called in this turn alone
        explainer.kill()
        left = await pending(database)
        kills += left > 0

    assert kills > 1, "it was not killed in the middle: it proved nothing"
    explained = await database.fetch(
        "select alert_id, count(*) as times from fraudline.alert_events where kind = 'explained' group by 1"
    )
    assert len(explained) == alerts
    assert {row["times"] for row in explained} == {1}
    await assert_ledgers_agree(system, journal)


async def test_the_line_goes_on_while_the_explainer_is_frozen(
    system: System, explainer: Service, database: Database
) -> None:
    journal = Journal()
    explainer.start()
    await system.start()
    await explainer.until_ready()
    await post_all(system, flagged(1, FLAGGED), journal)
    await eventually(lambda: pending(database), until=lambda count: count > 0)
    explainer.pause()

    await post_all(system, flagged(FLAGGED + 1, FLAGGED), journal)
    ledger = await assert_ledgers_agree(system, journal)
    assert ledger.verdicts == 2 * FLAGGED
    alerts = await open_alerts(database)
    assert alerts == 2 * FLAGGED
    assert explainer.is_frozen
    assert await pending(database) >= FLAGGED

    explainer.resume()
    await until_explained(database)
    await assert_ledgers_agree(system, journal)


async def test_an_explainer_without_a_database_waits_for_it_and_says_so(
    system: System, explainer: Service, postgres: Postgres, database: Database
) -> None:
    journal = Journal()
    await system.start()
    await post_all(system, flagged(1, 50), journal)
    await assert_ledgers_agree(system, journal)
    postgres.pause()
    try:
        explainer.start()
        await eventually(lambda: explainer.reason("database") == "TimeoutError", within=20)
    finally:
        postgres.resume()
    await explainer.until_ready()
    await until_explained(database)

    await asyncio.to_thread(postgres.kill)
    await eventually(lambda: explainer.reason("database"))
    await asyncio.to_thread(postgres.start)

    await explainer.until_ready()
    assert explainer.is_running
    assert [line["event"] for line in explainer.logged("database_there")] == ["database_there"] * 2
    assert not explainer.logged("job_died")


async def test_a_database_that_only_reads_makes_an_idle_explainer_unready(
    explainer: Service, postgres: Postgres
) -> None:
    explainer.start()
    await explainer.until_ready()
    with read_only(postgres):
        await eventually(lambda: explainer.reason("database"))

    await explainer.until_ready()


async def test_an_explainer_stops_in_order_while_it_works(
    system: System, explainer: Service, database: Database
) -> None:
    journal = Journal()
    await system.start()
    await post_all(system, flagged(1, FLAGGED), journal)
    await assert_ledgers_agree(system, journal)
    explainer.start()
    await eventually(lambda: pending(database), until=lambda count: count < FLAGGED, within=RECOVERY_SECONDS)

    assert await asyncio.to_thread(explainer.stop) == 0

    (stopped,) = explainer.logged("service_stopped")
    assert stopped["service"] == "explainer"
    assert not explainer.logged("job_overdue")


async def test_an_explainer_gives_way_to_the_line(explainer: Service) -> None:
    explainer.start()
    await explainer.until_ready()

    assert psutil.Process(explainer.pid).nice() == 10
    assert niceness_of_session(explainer.pid) in {10, None}


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("FRAUDLINE_MODEL", "/nowhere", "/nowhere: is no folder"),
        ("FRAUDLINE_BASE_CURRENCY", "USD", "trained on amounts in EUR"),
        ("FRAUDLINE_EXPLAINER_ADMIN_PORT", "99999999", "is more than"),
    ],
)
async def test_an_explainer_that_cannot_be_built_says_why_and_leaves_with_78(
    explainer: Service, variable: str, value: str, told: str
) -> None:
    explainer.environment[variable] = value

    explainer.start()

    await eventually(lambda: not explainer.is_running)
    assert explainer.process is not None
    assert explainer.process.returncode == 78
    last = explainer.log.read_text().splitlines()[-1]
    assert last.startswith(f"fraudline explainer: {variable}: ")
    assert told in last


async def test_verdicts_of_the_model_before_are_told_apart_once_nobody_else_explains_them(
    system: System, explainer: Service, database: Database, tmp_path: Path
) -> None:
    journal = Journal()
    await system.start()
    await post_all(system, flagged(1, 20), journal)
    await assert_ledgers_agree(system, journal)
    newer = shutil.copytree(system.model, tmp_path / "newer")
    reseal(newer, name="newer")
    explainer.environment["FRAUDLINE_MODEL"] = str(newer)
    explainer.start()
    await explainer.until_ready()
    assert await pending(database) == 20

    # A minute later, as far as the table says.
    await database.execute("update fraudline.verdicts set scored_at = scored_at - interval '61 seconds'")

    await until_explained(database)
    for row in await database.fetch("select reasons from fraudline.verdicts"):
        assert [reason["code"] for reason in json.loads(row["reasons"])] == ["unknown_rate", "not_explained"]
