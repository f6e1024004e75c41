"""Everything that can be wrong with what alerts is asked: a sentence that names it, and nothing done."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx2
import pytest

from fraudline_alerts.listing import Cursor
from servers.eventually import eventually_sync
from system.alerts_alone import AlertsAlone, open_alerts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.fixtures import Urls


def of_database(url: str, sql: str) -> Any:
    async def ask() -> Any:
        connection = await asyncpg.connect(url)
        try:
            if sql:
                return await connection.fetchval(sql)
            return (await open_alerts(connection, ["t-1"]))[0]
        finally:
            await connection.close()

    # In a thread of its own: the event loop of this one belongs to the tests.
    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(asyncio.run, ask()).result()


@pytest.fixture(scope="module")
def alerts(module_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AlertsAlone]:
    """One process of alerts for all tests here, with one open alert: none of them may change it."""
    alone = AlertsAlone(tmp_path_factory.mktemp("alerts"), *module_urls)
    alone.new_service().start()
    yield alone
    exit_code = alone.services[0].stop()
    log = alone.services[0].log.read_text()
    assert exit_code == 0
    assert '"level": "error"' not in log, log
    assert "4111" not in log


@pytest.fixture(scope="module")
def alert(alerts: AlertsAlone) -> int:
    """The id of the alert that is there."""
    found: int = of_database(alerts.database_url, "")
    return found


@pytest.fixture(scope="module")
def client(alerts: AlertsAlone, alert: int) -> Iterator[httpx2.Client]:
    with httpx2.Client(
        base_url=alerts.services[0].url, headers={"Authorization": f"Bearer {alerts.key}"}, timeout=10
    ) as client:

        def is_there() -> bool:
            return client.get(f"/v1/alerts/{alert}").status_code == 200

        eventually_sync(is_there, within=20, despite=(httpx2.TransportError,))
        yield client


@pytest.fixture(autouse=True)
def nothing_is_done(alerts: AlertsAlone) -> Iterator[None]:
    """Whatever was asked, nothing has happened to the alert."""
    yield
    assert of_database(alerts.database_url, "select last_number from fraudline.alert_feed") <= 1


def faults(answer: httpx2.Response) -> dict[str, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return {fault["field"]: fault["message"] for fault in answer.json()["errors"]}


@pytest.mark.parametrize("number", ["99", "0", "-1", "x", "9" * 30, "1%20", "%F0%9F%92%A9"])
def test_an_unknown_alert_is_said_to_be_none_whatever_is_asked_of_it(client: httpx2.Client, number: str) -> None:
    answers = [
        client.get(f"/v1/alerts/{number}"),
        client.post(f"/v1/alerts/{number}/disposition", json={"disposition": "fraud"}),
        client.post(f"/v1/alerts/{number}/assignment", json={"assignee": None}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert {answer.json()["code"] for answer in answers} == {"not_found"}


@pytest.mark.parametrize(
    ("query", "field", "says"),
    [
        ("stauts=open", "stauts", "no filter that is known here"),
        ("status=done", "status", "not one of open, closed"),
        ("status=open&status=closed", "status", "given 2 times"),
        ("decision=approve", "decision", "not one of review, decline"),
        ("min_score=nan", "min_score", "no probability"),
        ("min_score=2", "min_score", "no probability"),
        ("limit=0", "limit", "no number from 1 to 200"),
        ("limit=201", "limit", "no number from 1 to 200"),
        ("limit=1e2", "limit", "no number from 1 to 200"),
        ("card_id=", "card_id", "no id"),
        ("assignee=a%00b", "assignee", "no id"),
        ("min_score=0_1", "min_score", "no probability"),
        ("min_score=%200.5", "min_score", "no probability"),
        ("cursor=abc", "cursor", "no cursor"),
        ("cursor=" + "A" * 5000, "cursor", "no cursor"),
        (f"cursor={Cursor(float('nan'), 1).encode()}", "cursor", "no cursor"),
    ],
)
def test_a_question_that_is_not_understood_is_named_by_its_field(
    client: httpx2.Client, query: str, field: str, says: str
) -> None:
    answer = client.get(f"/v1/alerts?{query}")

    assert answer.status_code in {422, 414}
    if answer.status_code == 422:
        assert says in faults(answer)[field]


def test_all_faults_of_a_question_are_told_at_once(client: httpx2.Client) -> None:
    answer = client.get("/v1/alerts?status=done&limit=0&x=1&cursor=y")

    assert faults(answer).keys() == {"status", "limit", "x", "cursor"}


@pytest.mark.parametrize(
    ("deed", "body", "field", "says"),
    [
        ("disposition", "{}", "disposition", "is missing"),
        ("disposition", '{"disposition": "maybe"}', "disposition", "is not one of"),
        ("disposition", '{"disposition": "fraud", "why": 1}', "why", "no field that is known here"),
        ("disposition", '{"disposition": "fraud", "disposition": "legitimate"}', "disposition", "given 2 times"),
        ("disposition", json.dumps({"disposition": "fraud", "note": "x" * 2001}), "note", "longer than 2000"),
        ("disposition", '{"disposition": "fraud", "note": "a\\u0000b"}', "note", "U+0000"),
        ("disposition", '{"disposition": "fraud", "note": "card 4111 1111 1111 1111"}', "note", "holds a card number"),
        ("disposition", '{"disposition": "fraud", "note": 7}', "note", "not a string"),
        ("disposition", "[]", "", "is not a JSON object"),
        ("assignment", "{}", "assignee", "is missing"),
        ("assignment", '{"assignee": ""}', "assignee", "is empty"),
        ("assignment", json.dumps({"assignee": "x" * 65}), "assignee", "longer than 64"),
        ("assignment", '{"assignee": "4111111111111111"}', "assignee", "holds a card number"),
    ],
)
def test_a_deed_that_is_not_valid_is_named_by_its_field_and_does_nothing(
    client: httpx2.Client, alert: int, deed: str, body: str, field: str, says: str
) -> None:
    answer = client.post(f"/v1/alerts/{alert}/{deed}", content=body)

    assert answer.status_code == 422
    assert says in faults(answer)[field]
    assert "4111" not in answer.text


@pytest.mark.parametrize(("body", "status"), [("{", 400), ("", 400), ("x" * 40_000, 413)])
def test_a_body_that_cannot_be_read_is_refused(client: httpx2.Client, alert: int, body: str, status: int) -> None:
    assert (client.post(f"/v1/alerts/{alert}/disposition", content=body)).status_code == status
