"""Who may ask what, and what became of a transaction."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING

import asyncpg
import httpx2
import pytest

from fraudline.domain.api_key import Role, new_key
from fraudline.postgres.api_keys import list_keys, revoke_key
from servers.eventually import eventually
from system.ingest_alone import IngestAlone, a_label, a_transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

_STORE = """
with verdict as (
    insert into fraudline.verdicts (transaction_id, fingerprint, posted_by, partition, position, accepted_at, decision,
        score, reasons, reasons_status, model, policy, scored_at)
    values ($1, decode(repeat('00', 32), 'hex'), $2, 0, 1, '2026-01-02 03:04:06+00', 'review', 0.25,
        '[{"code": "unknown_rate", "text": "No rate.", "contribution": null}]', 'ready', 'starter-1', 'thresholds-1',
        '2026-01-02 03:04:06.0125+00'))
insert into fraudline.transactions (transaction_id, accepted_at, posted_by, partition, position, occurred_at, amount,
    currency, card_id, merchant_id, channel, ip, latitude, metadata)
values ($1, '2026-01-02 03:04:06+00', $2, 0, 1, '2026-01-02 03:04:05+00', 912.40, 'EUR', 'card-1', 'merchant-1', 'pos',
    '2001:db8::1', 48.5, '{"k": "v"}')
"""
_CONFLICT = """
insert into fraudline.dead_letters (id, queue, reason, error, transaction_id, body, is_masked)
values ($1, 'scorer.events.0', $2, 'x', $3, '', false)
"""
_LABEL = """
insert into fraudline.labels values ($1, 'chargeback', '2026-02-01 00:00:00+00', 'fraud', 'shop', now())
"""


@pytest.fixture
async def ingest(tmp_path: Path, amqp_url: str, database_url: str) -> AsyncIterator[IngestAlone]:
    ingest = IngestAlone(tmp_path, amqp_url, database_url)
    yield ingest
    ingest.service.end()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def test_only_live_keys_with_the_right_role_may_post(
    ingest: IngestAlone, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    keys = {role: ingest.new_key(role.value, role) for role in Role}
    ingest.service.start()
    await ingest.service.until_ready()

    def status(key: str | None, path: str = "/v1/transactions") -> int:
        with ingest.client(key) as client:
            answer = client.post(path, json=a_label() if path == "/v1/labels" else a_transaction())
            assert answer.status_code == 202 or answer.headers["content-type"] == "application/problem+json"
            return answer.status_code

    assert status(None) == 401
    assert status("flk_something") == 401
    assert status(new_key()) == 401
    assert {role: status(key) for role, key in keys.items()} == {
        Role.INGEST: 202,
        Role.ANALYST: 403,
        Role.LEAD: 403,
        Role.ADMIN: 202,
    }
    assert status(keys[Role.ANALYST], "/v1/labels") == 403

    (revoked,) = await revoke_key(database, "ingest")
    assert revoked.revoked_at is not None
    await eventually(lambda: status(keys[Role.INGEST]) == 401, within=5)
    assert [key.name for key in await list_keys(database) if key.revoked_at is None] == ["analyst", "lead", "admin"]
    assert keys[Role.INGEST] not in ingest.log_text()


async def test_a_revoked_key_dies_in_time_however_slow_the_look_ups_are(
    ingest: IngestAlone, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    revoked, other = ingest.new_key("leaver"), ingest.new_key("other")
    ingest.service.start()
    await ingest.service.until_ready()
    url = f"http://127.0.0.1:{ingest.port}"
    enough = asyncio.Event()

    async def look_up_again_and_again(client: httpx2.AsyncClient) -> None:
        while not enough.is_set():
            assert (await client.get("/v1/transactions/t-1")).status_code == 503

    async with database.transaction(), httpx2.AsyncClient(base_url=url, timeout=20) as client:
        await database.execute("lock table fraudline.verdicts in access exclusive mode")
        client.headers["Authorization"] = f"Bearer {other}"
        look_ups = [asyncio.create_task(look_up_again_and_again(client)) for _ in range(50)]
        await eventually(lambda: ingest.service.metric("fraudline_reads_in_flight") == 50)
        connection = await asyncpg.connect(ingest.database_url)
        await revoke_key(connection, "leaver")
        await connection.close()

        async def status() -> int:
            headers = {"Authorization": f"Bearer {revoked}"}
            return (await client.post("/v1/transactions", json=a_transaction(), headers=headers)).status_code

        await eventually(status, until=lambda status: status == 401, within=5)
        enough.set()
        await asyncio.gather(*look_ups)


async def test_a_role_that_a_later_release_knows_locks_out_its_own_key_alone(
    ingest: IngestAlone, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    known, unknown = ingest.new_key("shop"), ingest.new_key("auditor")
    await database.execute("alter table fraudline.api_keys drop constraint api_keys_role_check")
    await database.execute("update fraudline.api_keys set role = 'auditor' where name = 'auditor'")
    ingest.service.start()
    await ingest.service.until_ready()

    with ingest.client(known) as client:
        assert client.post("/v1/transactions", json=a_transaction()).status_code == 202
    with ingest.client(unknown) as client:
        assert client.post("/v1/transactions", json=a_transaction()).status_code == 401
    assert [key.role for key in await list_keys(database)] == ["ingest", "auditor"]
    assert [key.name for key in await revoke_key(database, "auditor")] == ["auditor"]


async def test_a_scored_transaction_is_told_with_its_verdict_labels_and_conflicts(
    ingest: IngestAlone, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    own, other, analyst = (
        ingest.new_key("shop"),
        ingest.new_key("other"),
        ingest.new_key("anna", Role.ANALYST),
    )
    await database.execute(_STORE, "a/b c", "shop")
    for letter, reason in (("1", "transaction_id_conflict"), ("2", "transaction_id_conflict"), ("3", "invalid_event")):
        await database.execute(_CONFLICT, letter, reason, "a/b c")
    await database.execute(_LABEL, "a/b c")
    ingest.service.start()
    await ingest.service.until_ready()

    def answer(key: str) -> httpx2.Response:
        with ingest.client(key) as client:
            return client.get("/v1/transactions/a%2Fb%20c")

    assert answer(own).json() == {
        "transaction_id": "a/b c",
        "occurred_at": "2026-01-02T03:04:05.000000Z",
        "amount": "912.40",
        "currency": "EUR",
        "card_id": "card-1",
        "merchant_id": "merchant-1",
        "channel": "pos",
        "ip": "2001:db8::1",
        "latitude": 48.5,
        "metadata": {"k": "v"},
        "accepted_at": "2026-01-02T03:04:06.000000Z",
        "verdict": {
            "transaction_id": "a/b c",
            "decision": "review",
            "score": 0.25,
            "reasons": [{"code": "unknown_rate", "text": "No rate.", "contribution": None}],
            "reasons_status": "ready",
            "model": "starter-1",
            "policy": "thresholds-1",
            "scored_at": "2026-01-02T03:04:06.012500Z",
            "latency_ms": 12.5,
        },
        "answered_decision": None,
        "conflicts": 2,
        "labels": [{"label": "fraud", "source": "chargeback", "reported_at": "2026-02-01T00:00:00.000000Z"}],
    }
    assert answer(analyst).status_code == 200
    hidden = answer(other)
    assert hidden.status_code == 404
    assert hidden.json()["code"] == "not_found_or_not_yet_scored"
    assert hidden.headers["retry-after"] == "1"


async def test_the_interface_is_described_truthfully_and_without_anybody_s_script(
    ingest: IngestAlone,
) -> None:
    key = ingest.new_key()
    ingest.service.start()
    await ingest.service.until_ready()
    with ingest.client(None) as stranger:
        document = stranger.get("/openapi.json").json()
        page = stranger.get("/docs")

    assert "<script" not in page.text
    assert not re.search(r'(src|href)="(https?:)?//', page.text)
    assert set(document["paths"]) == {
        "/v1/transactions",
        "/v1/transactions/batch",
        "/v1/transactions/{transaction_id}",
        "/v1/labels",
    }
    for path, operations in document["paths"].items():
        assert path in page.text
        for operation in operations.values():
            assert {"401", "403", "503"} <= set(operation["responses"])
            examples = operation.get("requestBody", {}).get("content", {})
            example = examples.get("application/json", {}).get("example")
            if example is not None:
                with ingest.client(key) as client:
                    assert client.post(path, json=example).status_code in {202, 422}, path
    text = json.dumps(document)
    names = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert names <= set(document["components"]["schemas"])
    transaction = document["components"]["schemas"]["Transaction"]
    assert transaction["additionalProperties"] is False
    assert set(transaction["required"]) == set(a_transaction())


async def test_the_admin_port_shows_what_the_design_promises(ingest: IngestAlone) -> None:
    key = ingest.new_key()
    ingest.service.start()
    await ingest.service.until_ready()
    with ingest.client(key) as client:
        assert client.post("/v1/transactions", json=a_transaction()).status_code == 202
        assert client.post("/v1/transactions", json={}).status_code == 422
        assert client.get("/nowhere").status_code == 404

    text = httpx2.get(f"http://127.0.0.1:{ingest.service.admin_port}/metrics").text
    samples = {
        'fraudline_http_requests_total{method="POST",route="/v1/transactions",status="202"} 1.0',
        'fraudline_http_requests_total{method="POST",route="/v1/transactions",status="422"} 1.0',
        'fraudline_http_requests_total{method="GET",route="none",status="404"} 1.0',
        'fraudline_events_accepted_total{kind="transaction"} 1.0',
        'fraudline_events_refused_total{reason="not_valid"} 1.0',
        "fraudline_events_in_flight 0.0",
        "fraudline_broker_connected 1.0",
    }
    assert samples <= set(text.splitlines())
    assert "_created" not in text
    for name in (
        "fraudline_http_request_duration_seconds_bucket",
        "fraudline_publish_batch_events_bucket",
        "fraudline_publish_confirm_seconds_bucket",
        "fraudline_keys_age_seconds",
        "fraudline_build_info",
        "process_resident_memory_bytes",
    ):
        assert f"\n{name}" in text, name
