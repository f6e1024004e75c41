"""What an analyst says reaches the model, once: through kills at every moment, and outages between."""

from __future__ import annotations

import asyncio
import struct
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fraudline.domain.api_key import Role
from fraudline.domain.moment import microseconds
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.registry import FEATURES
from fraudline.models.bundle import Bundle
from fraudline.models.scoring import featured
from fraudline.postgres.api_keys import create_key
from fraudline.postgres.log import LoggedEvent
from fraudline.state.event_columns import events_of
from servers.eventually import eventually
from servers.quorum import kill
from system.ledger import Journal, assert_ledgers_agree
from system.payments import a_transaction, public_transactions
from system.posting import post_all

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from fraudline.local.rabbitmq import RabbitMQ
    from system.services import Service, System

    Database = asyncpg.Connection[asyncpg.Record]

# An amount in a currency without a rate is always looked at by a person.
FLAGGED: dict[str, Any] = {"currency": "XAF", "amount": "1000"}


@asynccontextmanager
async def a_client(alerts: Service, key: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Give a client of a process that knows its key."""
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(base_url=alerts.url, headers=headers, timeout=10) as client:
        await eventually(
            lambda: client.get("/v1/alerts"),
            until=lambda answer: answer.status_code == 200,
            within=20,
            despite=(httpx2.TransportError,),
        )
        yield client


async def only_alert(client: httpx2.AsyncClient) -> int:
    listed = await eventually(
        lambda: client.get("/v1/alerts"), until=lambda answer: len(answer.json()["alerts"]) == 1, within=20
    )
    found: int = listed.json()["alerts"][0]["id"]
    return found


async def feature_of(database: Database, transaction_id: str, name: str) -> float:
    """Return what the model was told of a flagged payment."""

    async def vector() -> bytes | None:
        found: bytes | None = await database.fetchval(
            "select features from fraudline.verdicts where transaction_id = $1", transaction_id
        )
        return found

    kept = await eventually(vector, within=20)
    assert kept is not None
    values = struct.unpack(f"<{len(FEATURES)}d", kept)
    return values[[feature.name for feature in FEATURES].index(name)]


def computed_scores(model: Path, first: dict[str, Any], label_at: datetime, later: list[dict[str, Any]]) -> list[float]:
    """Return what a backtest computes for payments after one whose label comes right behind it."""
    told = [
        LoggedEvent(
            is_transaction=True,
            microseconds=microseconds(datetime.fromisoformat(payment["occurred_at"])),
            weight=0,
            base_amount=None,
            card_id=payment["card_id"],
            merchant_id=payment["merchant_id"],
            device_id=payment.get("device_id"),
            merchant_country=None,
            customer_id=None,
        )
        for payment in (first, *later)
    ]
    label = told[0]._replace(
        is_transaction=False,
        microseconds=microseconds(label_at),
        weight=1,
        transaction_microseconds=told[0].microseconds,
    )
    events = events_of([told[0], label, *told[1:]])
    scores: list[float] = Bundle.load(model).predict(featured(Kernel(), events)).tolist()
    return scores


async def test_a_fraud_that_an_analyst_found_is_in_the_next_features_of_all_its_entities_and_in_the_next_score(
    system: System, database: Database
) -> None:
    key = await create_key(database, name="alice", role=Role.ANALYST)
    journal = Journal()
    await system.start(alerts=1)
    first = a_transaction(1, card_id="c", merchant_id="m", device_id="d", **FLAGGED)
    await post_all(system, [first], journal)

    async with a_client(system.alerts[0], key) as client:
        alert = await only_alert(client)
        said = await client.post(f"/v1/alerts/{alert}/disposition", json={"disposition": "fraud", "note": "stolen"})
        assert said.status_code == 200
        await eventually(lambda: database.fetchval("select count(*) = 1 from fraudline.label_applications"))
    later = [
        a_transaction(2, card_id="c", merchant_id="other", **FLAGGED),
        a_transaction(3, card_id="other", merchant_id="m", **FLAGGED),
        a_transaction(4, card_id="other", merchant_id="other", device_id="d", **FLAGGED),
    ]
    await post_all(system, later, journal)

    assert await feature_of(database, "t-2", "card_frauds_30d") == pytest.approx(1, abs=0.01)
    assert await feature_of(database, "t-3", "merchant_frauds_7d") == pytest.approx(1, abs=0.01)
    assert await feature_of(database, "t-4", "card_frauds_30d") == 0
    assert await feature_of(database, "t-4", "device_frauds_30d") == pytest.approx(1, abs=0.01)
    label = await database.fetchrow("select label, source, posted_by, reported_at from fraudline.labels")
    assert label is not None
    assert tuple(label)[:3] == ("fraud", "analyst", "alice")
    stored = await database.fetch("select score from fraudline.verdicts order by position")
    assert [row["score"] for row in stored] == computed_scores(system.model, first, label["reported_at"], later)
    await assert_ledgers_agree(system, journal)


@pytest.mark.parametrize("moment", ["asked", "disposed", "published", "marked"])
async def test_a_kill_at_any_moment_of_a_disposition_loses_and_doubles_nothing(
    system: System, database: Database, moment: str
) -> None:
    key = await create_key(database, name="alice", role=Role.ANALYST)
    journal = Journal()
    dying = system.new_alerts(fail_at=moment)
    await system.start()
    dying.start()
    await dying.until_ready()
    await post_all(system, [a_transaction(1, **FLAGGED)], journal)
    said = {"disposition": "fraud", "note": "stolen"}
    answer: httpx2.Response | None = None
    async with a_client(dying, key) as client:
        alert = await only_alert(client)
        try:
            answer = await client.post(f"/v1/alerts/{alert}/disposition", json=said)
        except httpx2.TransportError:
            answer = None
    await eventually(lambda: not dying.is_running, within=20)
    assert (answer is None) == (moment in {"asked", "disposed"}) or moment in {"published", "marked"}

    successor = system.new_alerts()
    successor.start()
    async with a_client(successor, key) as client:
        # Who was told nothing says it again; who was told waits.
        if answer is None:
            answer = await client.post(f"/v1/alerts/{alert}/disposition", json=said)
        assert answer.status_code == 200
        shown = (await client.get(f"/v1/alerts/{alert}")).json()
        await eventually(
            lambda: database.fetchval("select count(*) = 1 from fraudline.outbox where published_at is not null")
        )

    assert [event["kind"] for event in shown["history"]] == ["opened", "disposed"]
    await eventually(lambda: database.fetchval("select count(*) = 1 from fraudline.label_applications"))
    assert await database.fetchval("select count(*) from fraudline.labels") == 1
    await assert_ledgers_agree(system, journal)
    if moment == "published":
        await eventually(lambda: system.scorers[0].metric("fraudline_duplicates_total") == 1)


@pytest.mark.parametrize("moment", ["delivered", "opened", "acknowledged"])
async def test_a_kill_at_any_moment_of_an_alert_misses_and_doubles_none(system: System, moment: str) -> None:
    journal = Journal()
    dying = system.new_alerts(fail_at=moment)
    await system.start()
    dying.start()
    await dying.until_ready()
    await post_all(system, [a_transaction(number, **FLAGGED) for number in range(1, 50)], journal, batch=10)
    await eventually(lambda: not dying.is_running, within=20)

    system.new_alerts().start()

    ledger = await assert_ledgers_agree(system, journal)
    assert ledger.alerts == 49


@pytest.mark.timeout(240)
async def test_labels_wait_in_the_outbox_while_the_broker_is_away(
    system: System, database: Database, rabbitmq: RabbitMQ
) -> None:
    key = await create_key(database, name="alice", role=Role.ANALYST)
    journal = Journal()
    await system.start(alerts=2)
    await post_all(system, [a_transaction(number, **FLAGGED) for number in range(1, 31)], journal)
    first, second = system.alerts
    async with a_client(first, key) as client, a_client(second, key) as other:
        listed = await eventually(
            lambda: client.get("/v1/alerts"), until=lambda answer: len(answer.json()["alerts"]) == 30, within=20
        )
        ids = [alert["id"] for alert in listed.json()["alerts"]]
        await kill(rabbitmq, system.queue_names())

        # People go on deciding, at either process.
        for number, alert in enumerate(ids):
            to = client if number % 2 else other
            said = await to.post(f"/v1/alerts/{alert}/disposition", json={"disposition": "fraud"})
            assert said.status_code == 200
        await eventually(lambda: first.metric("fraudline_outbox_waiting") == 30)
        await eventually(lambda: first.reason("broker"), within=20)
        await asyncio.to_thread(rabbitmq.start)

    await eventually(lambda: database.fetchval("select count(*) = 30 from fraudline.label_applications"), within=60)
    assert await database.fetchval("select count(*) from fraudline.labels") == 30
    await assert_ledgers_agree(system, journal)


@pytest.mark.timeout(240)
async def test_flagged_verdicts_equal_alerts_after_the_public_two_days_with_kills(system: System) -> None:
    journal = Journal()
    await system.start(scorers=2, explainers=1, alerts=2)
    payments = public_transactions(100_000)

    async def kill_owner() -> None:
        owner = await eventually(system.owner, within=20)
        owner.kill()

    async def kill_and_start(service: Service) -> None:
        service.kill()
        service.start()

    await post_all(
        system,
        payments,
        journal,
        at={
            3_000: lambda: kill_and_start(system.alerts[0]),
            6_000: kill_owner,
            9_000: lambda: kill_and_start(system.explainers[0]),
            12_000: lambda: kill_and_start(system.alerts[1]),
            15_000: lambda: kill_and_start(system.alerts[0]),
        },
        batch=500,
    )

    ledger = await assert_ledgers_agree(system, journal, within=120)
    assert ledger.alerts >= 20
