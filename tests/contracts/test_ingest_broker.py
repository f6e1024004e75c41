"""What ingest does with the broker: confirmed or refused, never a 202 for what is not stored."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx2
import pytest

from fraudline.domain.event import LabelReported, TransactionAccepted, decode
from servers.eventually import eventually
from system.ingest_alone import IngestAlone, a_label, a_transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fraudline.local.container import RabbitMQContainer
    from fraudline.local.postgres import Postgres
    from fraudline.local.rabbitmq import RabbitMQ
    from servers.broker_view import BrokerView

QUEUE = "scorer.events.0"


@pytest.fixture
async def ingest(tmp_path: Path, amqp_url: str, database_url: str) -> AsyncIterator[IngestAlone]:
    ingest = IngestAlone(tmp_path, amqp_url, database_url)
    yield ingest
    ingest.service.end()


@pytest.fixture
async def client(ingest: IngestAlone) -> AsyncIterator[httpx2.Client]:
    key = ingest.new_key()
    ingest.service.start()
    await ingest.service.until_ready()
    with ingest.client(key) as client:
        yield client


def assert_refused_in_time(client: httpx2.Client, path: str = "/v1/transactions") -> None:
    began = time.monotonic()
    answer = client.post(path, json=a_label() if path == "/v1/labels" else a_transaction())

    assert answer.status_code == 503, answer.text
    assert time.monotonic() - began < 5
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json()["code"] == "unavailable"


async def test_what_was_answered_with_202_stands_in_the_queue_in_numbered_messages(
    ingest: IngestAlone, client: httpx2.Client
) -> None:
    posted = client.post("/v1/transactions", json=a_transaction(transaction_id="a/b ü?", metadata={"k": "v\n"}))
    assert posted.status_code == 202
    assert posted.json() == {"transaction_id": "a/b ü?", "status": "accepted"}
    assert posted.headers["location"] == "/v1/transactions/a%2Fb%20%C3%BC%3F"
    batch = [a_transaction(transaction_id=f"b-{number}") for number in range(600)]
    assert client.post("/v1/transactions/batch", json=batch).json() == {"accepted": 600, "rejected": []}
    labelled = client.post("/v1/labels", json=a_label())
    assert (labelled.status_code, labelled.json()) == (202, {"transaction_id": "t-1", "status": "accepted"})

    messages = await ingest.queued()

    numbers = {
        stream: [
            message.headers["fraudline-number"] for message in messages if message.headers["fraudline-stream"] == stream
        ]
        for stream in ("0", "labels")
    }
    assert numbers == {"0": [1, 2, 3], "labels": [1]}
    assert len({message.headers["fraudline-producer"] for message in messages}) == 1
    assert len({message.message_id for message in messages}) == len(messages)
    assert {message.content_type for message in messages} == {"application/x-ndjson"}
    assert {message.delivery_mode for message in messages} == {2}
    events = [decode(line) for message in messages for line in message.body.splitlines()]
    assert {event.postedby for event in events} == {"shop"}
    transactions = [event.data.transaction_id for event in events if isinstance(event, TransactionAccepted)]
    assert transactions == ["a/b ü?", *(f"b-{number}" for number in range(600))]
    assert [event.data.transaction_id for event in events if isinstance(event, LabelReported)] == ["t-1"]


async def test_concurrent_posts_share_messages(ingest: IngestAlone, client: httpx2.Client) -> None:
    async with httpx2.AsyncClient(base_url=client.base_url, headers=client.headers, timeout=10) as many:
        answers = await asyncio.gather(
            *(many.post("/v1/transactions", json=a_transaction(transaction_id=f"t-{n}")) for n in range(200))
        )

    assert {answer.status_code for answer in answers} == {202}
    messages = await ingest.queued()
    events = [decode(line) for message in messages for line in message.body.splitlines()]
    assert {event.data.transaction_id for event in events} == {f"t-{n}" for n in range(200)}
    assert len(messages) < 200
    assert ingest.service.metric("fraudline_publish_batch_events_sum") == 200
    assert ingest.service.metric("fraudline_events_in_flight") == 0


async def test_a_binding_that_is_gone_means_503_and_never_202(
    ingest: IngestAlone, client: httpx2.Client, broker_view: BrokerView
) -> None:
    broker_view.delete_binding("fraudline.transactions", QUEUE, "0")
    broker_view.delete_binding("fraudline.labels", QUEUE, QUEUE)

    assert_refused_in_time(client)

    assert await ingest.queued() == []
    assert ingest.service.metric("fraudline_publish_failures_total") == 1


@pytest.mark.parametrize("path", ["/v1/transactions", "/v1/labels"])
async def test_a_binding_that_was_deleted_is_declared_again_after_the_first_503(
    ingest: IngestAlone, client: httpx2.Client, broker_view: BrokerView, path: str
) -> None:
    document = a_label() if path == "/v1/labels" else a_transaction()
    # The second time it takes as long as declarations are apart.
    for number in (1, 2):
        broker_view.delete_binding("fraudline.transactions", QUEUE, "0")
        broker_view.delete_binding("fraudline.labels", QUEUE, QUEUE)

        assert_refused_in_time(client, path)
        await eventually(lambda: client.post(path, json=document).status_code == 202, within=10)

        assert len(await ingest.queued()) == 1
        assert {("fraudline.transactions", "0"), ("fraudline.labels", QUEUE)} <= set(broker_view.bindings(QUEUE))
        assert ingest.log_text().count('"topology_declared"') == number
    assert ingest.service.metric("fraudline_publish_failures_total") >= 2


async def test_a_queue_that_is_gone_means_503_until_it_is_declared_again(
    ingest: IngestAlone, client: httpx2.Client, broker_view: BrokerView
) -> None:
    broker_view.delete_queue(QUEUE)

    assert_refused_in_time(client)
    await eventually(lambda: client.post("/v1/transactions", json=a_transaction()).status_code == 202, within=10)
    assert len(await ingest.queued()) == 1


async def test_a_queue_that_is_full_means_503_and_never_202(
    ingest: IngestAlone, client: httpx2.Client, broker_view: BrokerView, management: httpx2.Client
) -> None:
    policy = {"pattern": ".*", "definition": {"max-length": 1}, "apply-to": "queues"}
    management.put(f"policies/{broker_view.virtual_host}/full", json=policy).raise_for_status()
    statuses: list[int] = []

    def refuses() -> bool:
        statuses.append(client.post("/v1/transactions", json=a_transaction()).status_code)
        return statuses[-1] == 503

    # The broker takes a moment to heed a policy, and lets a message or two over the line.
    await eventually(refuses, within=20)
    assert_refused_in_time(client)

    assert set(statuses) == {202, 503}
    assert ingest.service.metric("fraudline_publish_failures_total") >= 2
    assert '"reason": "refused"' in ingest.log_text()
    assert len(await ingest.queued()) == statuses.count(202)
    await eventually(lambda: client.post("/v1/transactions", json=a_transaction()).status_code == 202, within=10)


async def test_after_its_connection_was_closed_ingest_comes_back_by_itself(
    ingest: IngestAlone, client: httpx2.Client, broker_view: BrokerView
) -> None:
    await eventually(broker_view.close_connections, within=15)

    await eventually(lambda: client.post("/v1/transactions", json=a_transaction()).status_code == 202, within=15)
    await ingest.service.until_ready()


async def test_a_broker_that_hangs_means_503_within_five_seconds_for_everybody(
    ingest: IngestAlone, client: httpx2.Client, rabbitmq: RabbitMQ | RabbitMQContainer
) -> None:
    rabbitmq.pause()
    try:
        began = time.monotonic()
        async with httpx2.AsyncClient(base_url=client.base_url, headers=client.headers, timeout=10) as many:
            answers = await asyncio.gather(*(many.post("/v1/transactions", json=a_transaction()) for _ in range(50)))
        assert time.monotonic() - began < 5
        assert {answer.status_code for answer in answers} == {503}
        assert all("retry-after" in answer.headers for answer in answers)

        assert_refused_in_time(client)
        assert_refused_in_time(client, "/v1/labels")
        checks = ingest.service.readiness()["checks"]
        assert isinstance(checks, dict)
        assert checks["broker"]["reason"]
    finally:
        rabbitmq.resume()

    await ingest.service.until_ready()
    assert client.post("/v1/transactions", json=a_transaction()).status_code == 202


async def test_while_the_database_is_away_ingest_goes_on_taking_transactions(
    ingest: IngestAlone, client: httpx2.Client, postgres: Postgres
) -> None:
    postgres.pause()
    try:
        for number in range(3):
            answer = client.post("/v1/transactions", json=a_transaction(transaction_id=f"t-{number}"))
            assert answer.status_code == 202

        began = time.monotonic()
        answer = client.get("/v1/transactions/t-1")
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        assert time.monotonic() - began < 5
        assert ingest.service.readiness()["ready"] is True
    finally:
        postgres.resume()

    await eventually(lambda: client.get("/v1/transactions/t-1").status_code == 404, within=20)


async def test_a_scorer_that_is_away_is_no_overload_and_ingest_goes_on_taking_transactions(
    ingest: IngestAlone, client: httpx2.Client
) -> None:
    # More than the window holds, and nobody scores: the second batch is let in when a second has passed in silence.
    for start in range(0, 4_000, 1_000):
        batch = [a_transaction(transaction_id=f"t-{number}") for number in range(start, start + 1_000)]
        answer = client.post("/v1/transactions/batch", json=batch)
        assert answer.status_code == 202, answer.text

    assert client.post("/v1/transactions", json=a_transaction()).status_code == 202
    assert ingest.service.metric("fraudline_log_window_events") == float("inf")
    assert ingest.service.metric("fraudline_log_outstanding_events") == 4_001
    assert sum(len(message.body.splitlines()) for message in await ingest.queued()) == 4_001


async def test_a_stop_answers_what_is_in_hand_and_leaves_with_0(ingest: IngestAlone, client: httpx2.Client) -> None:
    async with httpx2.AsyncClient(base_url=client.base_url, headers=client.headers, timeout=10) as many:
        posts = [
            asyncio.create_task(many.post("/v1/transactions", json=a_transaction(transaction_id=f"t-{n}")))
            for n in range(100)
        ]
        done, _ = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        assert done
        exit_code = await asyncio.to_thread(ingest.service.stop)
        answers = await asyncio.gather(*posts, return_exceptions=True)

    assert exit_code == 0
    accepted = sum(isinstance(answer, httpx2.Response) and answer.status_code == 202 for answer in answers)
    assert accepted >= 1
    events = [decode(line) for message in await ingest.queued() for line in message.body.splitlines()]
    assert len({event.data.transaction_id for event in events}) >= accepted


async def test_ingest_without_its_servers_is_alive_and_says_what_it_waits_for(
    tmp_path: Path,
) -> None:
    ingest = IngestAlone(tmp_path, "amqp://nobody:secret@127.0.0.1:1/", "postgresql://nobody:secret@127.0.0.1:1/none")
    ingest.service.start()
    try:
        state = await eventually(ingest.service.readiness, until=lambda state: "checks" in state, within=20)
        assert state["ready"] is False
        checks = state["checks"]
        assert isinstance(checks, dict)
        assert set(checks) == {"http", "broker", "keys"}
        assert httpx2.get(f"http://127.0.0.1:{ingest.service.admin_port}/livez").status_code == 200
        assert ingest.service.stop() == 0
        assert "secret" not in ingest.log_text()
    finally:
        ingest.service.end()


async def test_a_port_that_is_taken_is_told_in_one_line_with_code_78(
    ingest: IngestAlone, client: httpx2.Client
) -> None:
    second = IngestAlone(ingest.service.log.parent, ingest.amqp_url, ingest.database_url)
    second.service.environment["FRAUDLINE_INGEST_PORT"] = str(ingest.port)
    second.service.log = second.service.log.with_name("second.log")
    second.service.start()
    try:
        await eventually(lambda: not second.service.is_running, within=20)
        assert second.service.process is not None
        assert second.service.process.returncode == 78
        (line,) = second.log_text().splitlines()
        assert "FRAUDLINE_INGEST_PORT: cannot listen" in line
        assert client.get("/docs").status_code == 200
    finally:
        second.service.end()
