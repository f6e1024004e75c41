"""A client that waits for the verdict: it gets it, or a fallback in time, and what it was told is written beside it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import httpx2

from fraudline.domain.api_key import Role
from fraudline.postgres.api_keys import create_key
from servers.eventually import eventually
from system.ledger import Journal, assert_ledgers_agree
from system.payments import a_transaction

if TYPE_CHECKING:
    import asyncpg

    from system.services import System

FLAGGED = {"amount": "1000", "currency": "XAF"}
WAIT = {"Prefer": "wait=3"}
SHORT = 0.3
# What lies between the deadline here and the answer at a client on a machine that runs the whole suite.
ON_THE_WAY = 1.0


async def post(client: httpx2.AsyncClient, headers: dict[str, str], **fields: Any) -> httpx2.Response:
    return await client.post("/v1/transactions", json=a_transaction(**fields), headers=headers)


async def test_a_client_that_waits_gets_the_committed_verdict_and_again_the_same(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()
    async with system.client as client:
        answer = await post(client, WAIT, number=1)
        stored = (await client.get("/v1/transactions/t-1")).json()
        again = await post(client, {"Prefer": 'respond-async, Wait="0.5"; x=1'}, number=1)
        everybody = await asyncio.gather(*(post(client, WAIT, number=number) for number in range(2, 40)))

    assert answer.status_code == 200, answer.text
    assert answer.headers["preference-applied"] == "wait=3"
    assert answer.headers["location"] == "/v1/transactions/t-1"
    assert answer.json() == {"status": "scored"} | stored["verdict"]
    assert stored["answered_decision"] is None
    assert (again.status_code, again.json()) == (200, answer.json())
    assert again.headers["preference-applied"] == "wait=0.5"
    assert [each.json()["transaction_id"] for each in everybody] == [f"t-{number}" for number in range(2, 40)]
    assert {each.status_code for each in everybody} == {200}
    assert system.ingest.metric("fraudline_waits_total") == 40
    # Who was first among those who posted at once is for the log to say.
    logged = await database.fetch("select transaction_id from fraudline.transactions order by position")
    journal.note_posted(row["transaction_id"] for row in logged)
    journal.acknowledged.update(f"t-{number}" for number in range(1, 40))
    await assert_ledgers_agree(system, journal)


async def test_an_id_with_other_content_answers_409_to_one_who_waits(system: System) -> None:
    await system.start()
    async with system.client as client:
        first = await post(client, WAIT, number=1)
        other = await post(client, WAIT, number=1, amount="1.00")

    assert first.status_code == 200
    assert other.status_code == 409, other.text
    assert other.json()["code"] == "transaction_id_conflict"
    assert first.json()["model"] not in other.text


async def test_two_clients_who_wait_for_the_same_id_at_once_are_told_apart(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    await system.start()
    key = await create_key(database, name="another shop", role=Role.INGEST)
    others = WAIT | {"Authorization": f"Bearer {key}"}
    async with system.client as client:
        await eventually(lambda: _is_known(client, others), within=5)
        system.scorers[0].pause()
        first = asyncio.create_task(post(client, WAIT, number=1))
        second = asyncio.create_task(post(client, others, number=1, amount="1.00"))
        await eventually(lambda: system.ingest.metric("fraudline_waits_in_flight") == 2, within=5)
        system.scorers[0].resume()
        answers = {"shop": await first, "another shop": await second}

    # Who was first is for the log to say.
    winner = await database.fetchval("select posted_by from fraudline.verdicts")
    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 409) | {winner: 200}
    model = answers.pop(winner).json()["model"]
    assert all(model not in answer.text for answer in answers.values())


async def _is_known(client: httpx2.AsyncClient, headers: dict[str, str]) -> bool:
    return (await client.get("/v1/transactions/t-0", headers=headers)).status_code == 404


async def test_a_verdict_that_is_late_is_answered_by_the_fallback_in_time_and_tells_so_ever_after(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    system.ingest.environment["FRAUDLINE_INGEST_FALLBACK_DECISION"] = "approve"
    await system.start(alerts=1)
    scorer = system.scorers[0]
    key = await create_key(database, name="alice", role=Role.ANALYST)
    async with system.client as client:
        await post(client, WAIT, number=1)
        scorer.pause()
        began = time.monotonic()
        answer = await post(client, {"Prefer": f"wait={SHORT}"}, number=2, **FLAGGED)
        took = time.monotonic() - began
        # Of this one nobody will see that its id was taken, and what was answered to it is not the first one's.
        conflicting = await post(client, {"Prefer": f"wait={SHORT}"}, number=1, amount="1.00")
        scorer.resume()

        async def stored() -> dict[str, Any] | None:
            found: dict[str, Any] = (await client.get("/v1/transactions/t-2")).json()
            return found if found.get("answered_decision") else None

        later = await eventually(stored, within=20)

    assert answer.status_code == 202, answer.text
    assert answer.json() == {
        "transaction_id": "t-2",
        "status": "pending",
        "fallback": {"decision": "approve", "reason": "deadline"},
    }
    assert SHORT <= took < SHORT + ON_THE_WAY
    assert conflicting.status_code == 202, conflicting.text
    assert later is not None
    assert (later["answered_decision"], later["verdict"]["decision"]) == ("approve", "review")
    assert scorer.metric("fraudline_fallbacks_total") == 1
    assert await database.fetchval("select count(*) from fraudline.verdicts where answered_decision is not null") == 1
    # What was approved meanwhile is in front of a person all the same, who sees that it was.
    async with httpx2.AsyncClient(base_url=system.alerts[0].url, headers={"Authorization": f"Bearer {key}"}) as analyst:

        async def alert() -> dict[str, Any] | None:
            found = (await analyst.get("/v1/alerts")).json().get("alerts")
            return (await analyst.get(f"/v1/alerts/{found[0]['id']}")).json() if found else None

        seen = await eventually(alert, within=20)
    assert seen is not None
    assert seen["transaction"]["answered_decision"] == "approve"


async def test_a_client_that_leaves_is_forgotten_and_its_transaction_is_not(system: System) -> None:
    await system.start()
    scorer = system.scorers[0]
    scorer.pause()
    body = json.dumps(a_transaction(number=1)).encode()
    _, writer = await asyncio.open_connection("127.0.0.1", system.ingest_port)
    writer.write(
        b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nPrefer: wait=3\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b" % (system.api_key.encode(), len(body), body)
    )
    await eventually(lambda: system.ingest.metric("fraudline_waits_in_flight") == 1 or None)

    writer.transport.abort()

    await eventually(lambda: system.ingest.metric("fraudline_waits_in_flight") == 0 or None, within=2)
    scorer.resume()
    async with system.client as client:
        await eventually(lambda: _is_stored(client), within=20)


async def _is_stored(client: httpx2.AsyncClient) -> bool | None:
    return (await client.get("/v1/transactions/t-1")).status_code == 200 or None
