"""A flagged verdict becomes one alert: told once, twice, wrongly, or not at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import asyncpg
import pytest

from servers.eventually import eventually
from system.alerts_alone import AlertsAlone, announce, store_verdicts, stored_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fraudline.local.postgres import Postgres
    from servers.broker_view import BrokerView

    Database = asyncpg.Connection[asyncpg.Record]

QUEUE = "alerts.verdicts"


@pytest.fixture
def alerts(tmp_path: Path, amqp_url: str, database_url: str) -> Iterator[AlertsAlone]:
    """Alerts, with one process that is not started yet."""
    alone = AlertsAlone(tmp_path, amqp_url, database_url)
    alone.new_service()
    yield alone
    alone.end()


async def start(alerts: AlertsAlone) -> None:
    for service in alerts.services:
        service.start()
    for service in alerts.services:
        await service.until_ready()


async def opened(database: Database) -> list[str]:
    rows = await database.fetch("select transaction_id from fraudline.alerts order by id")
    return [row["transaction_id"] for row in rows]


async def test_each_flagged_verdict_is_opened_once_however_often_it_is_told(
    alerts: AlertsAlone, database: Database, broker_view: BrokerView
) -> None:
    await store_verdicts(database, ["t-1", "t-2"], decision="decline", card_id="card-9", amount=912)
    await store_verdicts(database, ["t-3"])
    body = await stored_events(database, ["t-1", "t-2", "t-3"])
    alerts.new_service()
    await start(alerts)

    await announce(alerts.amqp_url, *[body] * 5)

    assert len(await eventually(lambda: opened(database))) == 3
    await eventually(lambda: broker_view.messages().get(QUEUE), until=lambda waiting: waiting == 0)
    assert sorted(await opened(database)) == ["t-1", "t-2", "t-3"]
    events = await database.fetch("select number, kind from fraudline.alert_events order by number")
    assert [tuple(event) for event in events] == [(1, "opened"), (2, "opened"), (3, "opened")]
    alert = await database.fetchrow("select * from fraudline.alerts where transaction_id = 't-1'")
    assert alert is not None
    assert (alert["status"], alert["decision"], alert["card_id"], alert["amount"]) == ("open", "decline", "card-9", 912)


async def test_what_tells_of_no_stored_verdict_is_a_dead_letter_and_harms_no_neighbour(
    alerts: AlertsAlone, database: Database
) -> None:
    await store_verdicts(database, ["t-1", "t-2"])
    good = await stored_events(database, ["t-1"])
    lost = good.replace(b"t-1", b"t-9")
    odd = b'{"type": "fraudline.verdict.v1", "data": {"transaction_id": ["t-2"]}}'
    await start(alerts)

    await announce(alerts.amqp_url, b"\n".join([b"{broken", lost, odd, b"\xff\xfe", b"[" * 5000, good]))

    await eventually(lambda: opened(database), until=lambda ids: ids == ["t-1"])
    letters = await eventually(
        lambda: database.fetch("select reason, transaction_id, queue from fraudline.dead_letters order by reason"),
        until=lambda rows: len(rows) == 5,
    )
    assert [row["reason"] for row in letters] == ["malformed_event"] * 4 + ["unknown_verdict"]
    assert {row["queue"] for row in letters} == {QUEUE}
    assert letters[-1]["transaction_id"] == "t-9"
    assert alerts.services[0].metric("fraudline_dead_letters_total") == 5


async def test_an_approval_opens_no_alert(alerts: AlertsAlone, database: Database) -> None:
    await store_verdicts(database, ["t-1"], decision="approve")
    await store_verdicts(database, ["t-2"])
    await start(alerts)

    for transaction_id in ("t-1", "t-2"):
        await announce(alerts.amqp_url, await stored_events(database, [transaction_id]))

    assert await eventually(lambda: opened(database)) == ["t-2"]
    assert await database.fetchval("select count(*) from fraudline.dead_letters") == 0


async def test_the_sweep_finds_flagged_verdicts_whose_message_never_came(
    alerts: AlertsAlone, database: Database
) -> None:
    old = [f"old-{number}" for number in range(1_100)]
    await store_verdicts(database, old, ago=timedelta(days=40))
    await store_verdicts(database, ["approved"], decision="approve", ago=timedelta(days=1))
    await store_verdicts(database, ["just-now"])

    await start(alerts)

    found = await eventually(lambda: opened(database), until=lambda ids: len(ids) >= len(old))
    assert sorted(found) == sorted(old), "what has just been scored is the queue's to tell"
    await eventually(lambda: alerts.services[0].metric("fraudline_alerts_recovered_total") == len(old))
    assert await database.fetchval("select last_number from fraudline.alert_feed") == len(old)


async def test_a_verdict_whose_payment_is_gone_is_looked_at_once_and_harms_no_other(
    alerts: AlertsAlone, database: Database
) -> None:
    gone = [f"gone-{number}" for number in range(600)]
    await store_verdicts(database, gone, ago=timedelta(days=400))
    await database.execute("delete from fraudline.transactions")
    await store_verdicts(database, ["whole"], ago=timedelta(days=1))
    body = await stored_events(database, ["gone-7"])

    await start(alerts)
    await announce(alerts.amqp_url, body)

    await eventually(lambda: opened(database), until=lambda ids: ids == ["whole"])
    await eventually(lambda: database.fetchval("select reason = 'unknown_verdict' from fraudline.dead_letters"))
    assert alerts.services[0].metric("fraudline_alerts_recovered_total") == 1
    assert alerts.services[0].metric("fraudline_alert_delay_seconds_count") == 0
    assert len(alerts.services[0].logged("alerts_recovered")) == 1


async def test_a_database_that_takes_no_writes_is_given_no_deliveries(
    alerts: AlertsAlone, database: Database, database_url: str, broker_view: BrokerView
) -> None:
    name = database_url.rsplit("/", 1)[1]
    await store_verdicts(database, ["t-1"])
    body = await stored_events(database, ["t-1"])
    await database.execute(f"alter database {name} set default_transaction_read_only = on")
    for service in alerts.services:
        service.start()
    await eventually(lambda: alerts.services[0].reason("broker"), within=20, despite=(AssertionError,))

    await announce(alerts.amqp_url, body)
    assert broker_view.queues()[QUEUE].get("consumers", 0) == 0
    await database.execute(f"alter database {name} set default_transaction_read_only = off")

    await eventually(lambda: opened(database), until=lambda ids: ids == ["t-1"], within=20)


async def test_verdicts_wait_in_the_queue_while_the_database_is_away(
    alerts: AlertsAlone, database_url: str, postgres: Postgres
) -> None:
    await start(alerts)
    connection = await asyncpg.connect(database_url)
    await store_verdicts(connection, ["t-1"])
    body = await stored_events(connection, ["t-1"])
    await asyncio.to_thread(postgres.kill)

    await announce(alerts.amqp_url, body)
    await eventually(lambda: alerts.services[0].reason("database"), within=20)
    assert alerts.services[0].is_running
    await asyncio.to_thread(postgres.start)

    connection = await asyncpg.connect(database_url)
    try:
        await eventually(lambda: connection.fetchval("select count(*) = 1 from fraudline.alerts"), within=30)
        await alerts.services[0].until_ready()
    finally:
        await connection.close()


async def test_a_deleted_queue_comes_back_and_is_consumed_again(
    alerts: AlertsAlone, database: Database, broker_view: BrokerView
) -> None:
    await start(alerts)
    broker_view.delete_queue(QUEUE)
    await eventually(lambda: QUEUE in broker_view.queues(), within=20)
    await store_verdicts(database, ["t-1"])

    await announce(alerts.amqp_url, await stored_events(database, ["t-1"]))

    await eventually(lambda: opened(database), until=lambda ids: ids == ["t-1"], within=20)
