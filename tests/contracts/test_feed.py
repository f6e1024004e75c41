"""The live feed: without gap or double, on whichever process, whoever writes meanwhile and whatever goes away."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import asyncpg
import httpx2
import pytest

from servers.eventually import eventually
from system.alerts_alone import AlertsAlone, open_alerts
from system.feed_reader import FeedReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from fraudline.local.postgres import Postgres

    Connection = asyncpg.Connection[asyncpg.Record]

WRITERS = 6
ROUNDS = 12


@pytest.fixture
async def alerts(tmp_path: Path, amqp_url: str, database_url: str) -> AsyncIterator[AlertsAlone]:
    """Two processes of alerts over the same tables."""
    alone = AlertsAlone(tmp_path, amqp_url, database_url)
    for service in (alone.new_service(), alone.new_service()):
        service.start()
    for service in alone.services:
        await service.until_ready()
    yield alone
    alone.end()


async def write_much(database_url: str, writer: int) -> None:
    """Open and decide alerts, in transactions of which some are rolled back and all take their time to commit."""
    chance = random.Random(writer)  # noqa: S311 - a test's dice
    connection = await asyncpg.connect(database_url)
    try:
        for number in range(ROUNDS):
            transaction = connection.transaction()
            await transaction.start()
            found = await open_alerts(connection, [f"t-{writer}-{number}-{each}" for each in range(3)])
            await connection.execute("select pg_sleep($1)", chance.random() / 100)
            if chance.random() < 0.3:
                await transaction.rollback()
                continue
            await connection.fetch("select fraudline.dispose_alert($1, 'fraud', null, 'alice')", found[0])
            await transaction.commit()
    finally:
        await connection.close()


async def test_readers_that_move_between_processes_see_every_number_once_in_order_while_many_commit_out_of_order(
    alerts: AlertsAlone, database_url: str, database: Connection
) -> None:
    readers = [FeedReader(alerts.key) for _ in range(4)]
    urls = [service.url for service in alerts.services]

    async def follow(number: int, reader: FeedReader, writing: asyncio.Future[Any]) -> None:
        chance = random.Random(number)  # noqa: S311 - a test's dice
        turn = 0
        while True:
            end = await database_end(database_url)
            if writing.done() and reader.numbers and reader.numbers[-1] >= end:
                return
            turn += 1
            # Part of the way at one process, the rest at the other.
            target = min(end, (reader.numbers or [0])[-1] + chance.randint(1, 40))
            if target:
                async with asyncio.timeout(20):
                    await reader.read_until(urls[turn % 2], target)

    writing = asyncio.gather(*(write_much(database_url, writer) for writer in range(WRITERS)))
    await asyncio.gather(writing, *(follow(number, reader, writing) for number, reader in enumerate(readers)))

    stored = await database.fetch("select number, alert_id, kind from fraudline.alert_events order by number")
    assert [row["number"] for row in stored] == list(range(1, len(stored) + 1)), "the table has a gap"
    assert len(stored) > WRITERS * ROUNDS
    for reader in readers:
        assert [(event["number"], event["alert_id"], event["kind"]) for event in reader.events] == [
            tuple(row) for row in stored
        ]


async def database_end(database_url: str) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        end: int = await connection.fetchval("select last_number from fraudline.alert_feed")
        return end
    finally:
        await connection.close()


async def test_the_list_says_where_the_feed_goes_on_from_it(alerts: AlertsAlone, database: Connection) -> None:
    await open_alerts(database, ["t-1"])
    async with alerts.client(alerts.key) as client:
        listed = (await client.get("/v1/alerts")).json()
    await open_alerts(database, ["t-2"])

    reader = FeedReader(alerts.key, last_event_id=str(listed["last_event_id"]))
    await reader.read_until(alerts.services[1].url, 2)

    assert [event["detail"]["transaction_id"] for event in reader.events] == ["t-2"]


async def test_a_reader_without_a_number_reads_from_now_on(alerts: AlertsAlone, database: Connection) -> None:
    await open_alerts(database, ["t-1"])
    await eventually(lambda: alerts.services[0].metric("fraudline_feed_position") == 1)
    headers = {"Authorization": f"Bearer {alerts.key}"}
    async with (
        httpx2.AsyncClient(headers=headers) as client,
        client.stream("GET", f"{alerts.services[0].url}/v1/alerts/stream") as answer,
    ):
        lines = answer.aiter_lines()
        assert (await anext(lines)) == "event: heartbeat"
        await open_alerts(database, ["t-2"])
        async with asyncio.timeout(5):
            first = [line async for line in _until_data(lines)]
    assert '"transaction_id":"t-2"' in first[-1]


async def _until_data(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if line.startswith("data:") and "number" in line:
            return


@pytest.mark.parametrize(
    ("query", "last_event_id", "status", "says"),
    [
        ("", "1000", 409, "Last-Event-ID lies ahead of the feed"),
        ("?after=1000", None, 409, "after lies ahead of the feed"),
        ("", "x", 422, "is no number of an event"),
        ("", "-1", 422, "is no number of an event"),
        ("?after=1.5", None, 422, "is no number of an event"),
        ("?since=1", None, 422, "is not known here"),
    ],
)
async def test_a_number_that_cannot_be_is_refused_with_the_way_out(
    alerts: AlertsAlone, query: str, last_event_id: str | None, status: int, says: str
) -> None:
    headers = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
    async with alerts.client(alerts.key) as client:
        answer = await client.get(f"/v1/alerts/stream{query}", headers=headers)

    assert answer.status_code == status
    assert says in answer.text


async def test_a_stop_ends_every_stream_at_once_and_the_reader_goes_on_elsewhere(
    alerts: AlertsAlone, database: Connection
) -> None:
    first, second = alerts.services
    reader = FeedReader(alerts.key)
    await open_alerts(database, ["t-1"])
    reading = asyncio.create_task(_read_to_the_end(reader, first.url))
    await eventually(lambda: reader.numbers == [1])

    assert await asyncio.to_thread(first.stop, 6.0) == 0
    await reading
    await open_alerts(database, ["t-2"])
    await reader.read_until(second.url, 2)

    assert reader.numbers == [1, 2]


async def _read_to_the_end(reader: FeedReader, url: str) -> None:
    async for _ in reader.read(url):
        pass


async def test_a_database_that_was_away_is_read_on_without_gap(
    alerts: AlertsAlone, database_url: str, postgres: Postgres
) -> None:
    connection = await asyncpg.connect(database_url)
    await open_alerts(connection, ["t-1"])
    reader = FeedReader(alerts.key)
    reading = asyncio.create_task(_read_to_the_end(reader, alerts.services[0].url))
    await eventually(lambda: reader.numbers == [1])

    await asyncio.to_thread(postgres.kill)
    await eventually(lambda: alerts.services[0].reason("feed"), within=20)
    await asyncio.to_thread(postgres.start)
    connection = await asyncpg.connect(database_url)
    await open_alerts(connection, ["t-2", "t-3"])

    await eventually(lambda: reader.numbers == [1, 2, 3], within=20)
    reading.cancel()
    await connection.close()
