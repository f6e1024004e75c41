"""The JSON interface of alerts: what it lists, what people do, and a sentence for everything that is wrong."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fraudline.domain.api_key import Role
from servers.eventually import eventually
from system.alerts_alone import AlertsAlone, open_alerts, store_verdicts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    Database = asyncpg.Connection[asyncpg.Record]

SCRIPT = "<script>alert('x')</script>\"'&\u202e"


@pytest.fixture
async def alerts(tmp_path: Path, amqp_url: str, database_url: str) -> AsyncIterator[AlertsAlone]:
    """Alerts, with one process that is ready."""
    alone = AlertsAlone(tmp_path, amqp_url, database_url)
    alone.new_service().start()
    await alone.services[0].until_ready()
    yield alone
    alone.end()


@pytest.fixture
async def client(alerts: AlertsAlone) -> AsyncIterator[httpx2.AsyncClient]:
    """What asks as the analyst alice."""
    async with alerts.client(alerts.key) as client:
        yield client


def faults(answer: httpx2.Response) -> dict[str, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return {fault["field"]: fault["message"] for fault in answer.json()["errors"]}


async def ids(client: httpx2.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/v1/alerts", params=query)
    assert answer.status_code == 200, answer.text
    return [alert["transaction_id"] for alert in answer.json()["alerts"]]


async def test_pages_follow_each_other_without_gap_or_double_highest_score_first_newest_among_equals(
    client: httpx2.AsyncClient, database: Database
) -> None:
    for number, score in enumerate([0.9, 0.5, None, 0.5, 0.7, 0.5]):
        await open_alerts(database, [f"t-{number}"], score=score)

    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/alerts", params=query)).json()
        seen += [alert["transaction_id"] for alert in page["alerts"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        # What comes in between stands where it belongs, and moves nothing that is still to come.
        await open_alerts(database, [f"late-{len(seen)}"], score=0.95)

    # What the model could not judge stands first.
    assert seen == ["t-2", "t-0", "t-4", "t-5", "t-3", "t-1"]


async def test_filters_narrow_the_list_alone_and_together(client: httpx2.AsyncClient, database: Database) -> None:
    await open_alerts(database, ["low"], score=0.2, card_id="card-2")
    await open_alerts(database, ["high"], score=0.8, decision="decline", card_id="card-2")
    await open_alerts(database, ["unjudged"], score=None)
    (decided,) = await open_alerts(database, ["decided"], score=0.6)
    (hers,) = await open_alerts(database, ["hers"], score=0.4)
    assert (await client.post(f"/v1/alerts/{decided}/disposition", json={"disposition": "fraud"})).status_code == 200
    assert (await client.post(f"/v1/alerts/{hers}/assignment", json={"assignee": "carol"})).status_code == 200

    assert await ids(client) == ["unjudged", "high", "decided", "hers", "low"]
    assert await ids(client, status="open") == ["unjudged", "high", "hers", "low"]
    assert await ids(client, status="closed") == ["decided"]
    assert await ids(client, decision="decline") == ["high"]
    assert await ids(client, card_id="card-2") == ["high", "low"]
    assert await ids(client, assignee="carol") == ["hers"]
    assert await ids(client, min_score="0.5") == ["unjudged", "high", "decided"]
    assert await ids(client, status="open", card_id="card-2", min_score="0.5") == ["high"]
    assert await ids(client, card_id="nobody") == []


async def test_an_alert_shows_payment_verdict_history_and_the_card_s_last_payments(
    client: httpx2.AsyncClient, database: Database
) -> None:
    await store_verdicts(database, [f"before-{number}" for number in range(25)], decision="approve", card_id="card-7")
    (alert,) = await open_alerts(database, ["t-1"], card_id="card-7", amount=912, decision="decline", score=0.93)
    await database.execute("select fraudline.store_reasons($1, $2)", ["t-1"], ['[{"code": "c", "text": "why"}]'])

    shown = (await client.get(f"/v1/alerts/{alert}")).json()

    assert (shown["decision"], shown["score"], shown["amount"]) == ("decline", 0.93, "912")
    assert shown["transaction"]["merchant_id"] == "merchant-1"
    assert shown["verdict"]["model"] == "m-1"
    assert shown["reasons"] == [{"code": "c", "text": "why"}]
    assert [event["kind"] for event in shown["history"]] == ["opened", "explained"]
    assert len(shown["card_payments"]) == 20
    assert [payment["transaction_id"] for payment in shown["card_payments"] if payment["is_this"]] == ["t-1"]


async def test_a_disposition_closes_the_alert_and_the_first_word_stays(
    alerts: AlertsAlone, client: httpx2.AsyncClient, database: Database
) -> None:
    (alert,) = await open_alerts(database, ["t-1"])
    said = {"disposition": "fraud", "note": "The customer called."}
    path = f"/v1/alerts/{alert}/disposition"

    closed = (await client.post(path, json=said)).json()
    again = await client.post(path, json=said)
    other_note = await client.post(path, json={"disposition": "fraud"})
    other_key = alerts.new_key("bob")
    async with alerts.client(other_key) as bob:
        same_by_another = await eventually(
            lambda: bob.post(path, json=said), until=lambda answer: answer.status_code != 401
        )

    assert closed["status"] == "closed"
    assert closed["disposition"]["decided_by"] == "alice"
    assert closed["history"][-1]["detail"] == said
    assert again.status_code == 200, "the same said again, since the answer was lost, is no fault"
    assert again.json()["disposition"] == closed["disposition"]
    for conflict in (other_note, same_by_another):
        assert conflict.status_code == 409
        assert conflict.json()["code"] == "already_decided"
        assert "alice said fraud" in conflict.json()["detail"]
        assert "The customer called." in conflict.json()["detail"]
    assert await database.fetchval("select count(*) from fraudline.outbox") == 1
    assert await database.fetchval("select count(*) from fraudline.alert_events where kind = 'disposed'") == 1


async def test_of_many_who_decide_at_once_one_is_first(client: httpx2.AsyncClient, database: Database) -> None:
    (alert,) = await open_alerts(database, ["t-1"])

    answers = await asyncio.gather(
        *(
            client.post(f"/v1/alerts/{alert}/disposition", json={"disposition": what, "note": f"{number}"})
            for number, what in enumerate(["fraud", "legitimate"] * 8)
        )
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 15
    stored = await database.fetch("select disposition, note from fraudline.dispositions")
    (first,) = (answer.json()["disposition"] for answer in answers if answer.status_code == 200)
    assert [tuple(row) for row in stored] == [(first["disposition"], first["note"])]
    assert await database.fetchval("select count(*) from fraudline.outbox") == 1


async def test_an_assignment_is_told_once_and_a_decided_alert_is_nobody_s(
    client: httpx2.AsyncClient, database: Database
) -> None:
    (alert,) = await open_alerts(database, ["t-1"])
    path = f"/v1/alerts/{alert}/assignment"

    assert (await client.post(path, json={"assignee": "carol"})).json()["assignee"] == "carol"
    assert (await client.post(path, json={"assignee": "carol"})).status_code == 200
    assert (await client.post(path, json={"assignee": None})).json()["assignee"] is None
    assert [
        (row["actor"], json.loads(row["detail"])["assignee"])
        for row in await database.fetch(
            "select actor, detail from fraudline.alert_events where kind = 'assigned' order by number"
        )
    ] == [("alice", "carol"), ("alice", None)]
    await client.post(f"/v1/alerts/{alert}/disposition", json={"disposition": "legitimate"})
    assert (await client.post(path, json={"assignee": "carol"})).status_code == 409


async def test_text_of_any_kind_is_kept_as_text(client: httpx2.AsyncClient, database: Database) -> None:
    (alert,) = await open_alerts(database, [SCRIPT.replace("\u202e", "")], card_id="<b>card</b>", merchant_id="'\";--")

    closed = await client.post(f"/v1/alerts/{alert}/disposition", json={"disposition": "fraud", "note": SCRIPT})

    assert closed.json()["disposition"]["note"] == SCRIPT
    assert closed.json()["card_id"] == "<b>card</b>"
    assert closed.headers["content-type"] == "application/json"
    assert await ids(client, card_id="<b>card</b>") == [SCRIPT.replace("\u202e", "")]


async def test_only_analysts_and_above_are_let_in(alerts: AlertsAlone, database: Database) -> None:
    (alert,) = await open_alerts(database, ["t-1"])
    keys = {role: alerts.new_key(role.value, role) for role in Role}
    paths = ["/v1/alerts", f"/v1/alerts/{alert}", "/v1/alerts/stream?after=99"]

    for role, key in keys.items():
        async with alerts.client(key) as client:
            # Known after the next reading of the keys.
            await eventually(lambda client=client: client.get("/v1/alerts"), until=lambda a: a.status_code != 401)
            statuses = [(await client.get(path)).status_code for path in paths]
            posted = await client.post(f"/v1/alerts/{alert}/assignment", json={"assignee": role.value})
        expected = [403] * 3 if role is Role.INGEST else [200, 200, 409]
        assert (role, statuses, posted.status_code) == (role, expected, 403 if role is Role.INGEST else 200)
    async with alerts.client(None) as stranger:
        assert {(await stranger.get(path)).status_code for path in paths} == {401}
        assert (await stranger.post(f"/v1/alerts/{alert}/assignment", json={"assignee": None})).status_code == 401


async def test_while_the_database_is_locked_everybody_is_answered_within_five_seconds(
    alerts: AlertsAlone, client: httpx2.AsyncClient, database: Database
) -> None:
    (alert,) = await open_alerts(database, ["t-1"])
    signed_in = await client.get("/sign-in", params={"token": alerts.new_token()})
    cookie = {"cookie": signed_in.headers["set-cookie"].partition(";")[0], "sec-fetch-site": "same-origin"}
    async with database.transaction(), alerts.client(None) as person:
        await database.execute("lock table fraudline.alerts, fraudline.sessions in access exclusive mode")
        async with asyncio.timeout(5.0):
            answers = await asyncio.gather(
                person.get("/", headers=cookie),
                person.post("/sign-out", headers=cookie),
                client.get("/v1/alerts"),
                client.get(f"/v1/alerts/{alert}"),
                client.post(f"/v1/alerts/{alert}/disposition", json={"disposition": "fraud"}),
            )
    assert [answer.status_code for answer in answers] == [503] * 5
    assert all(answer.headers["retry-after"] for answer in answers)

    # What became of the deed is not known; said again it is done once.
    said = await eventually(
        lambda: client.post(f"/v1/alerts/{alert}/disposition", json={"disposition": "fraud"}),
        until=lambda answer: answer.status_code == 200,
    )
    assert said.json()["status"] == "closed"
    assert await database.fetchval("select count(*) from fraudline.outbox") == 1


async def test_the_interface_is_described_truthfully(client: httpx2.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    page = await client.get("/docs")

    assert document["paths"].keys() == {
        "/v1/alerts",
        "/v1/alerts/stream",
        "/v1/alerts/{id}",
        "/v1/alerts/{id}/disposition",
        "/v1/alerts/{id}/assignment",
    }
    assert "already_decided" in page.text
    assert "<script" not in page.text
