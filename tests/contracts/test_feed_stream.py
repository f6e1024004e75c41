"""One reader's stream of the feed, in this process: let go with a reason when slow, without a right, or misled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from prometheus_client import CollectorRegistry, Gauge

from fraudline.postgres.database import Database
from fraudline.service.problem_kind import ProblemKind
from fraudline.web.bound import Bound
from fraudline.web.problems import Problem
from fraudline_alerts.feed import Feed
from fraudline_alerts.metrics import AlertsMetrics
from fraudline_alerts.stream import Stream
from servers.eventually import eventually
from system.alerts_alone import open_alerts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    Connection = asyncpg.Connection[asyncpg.Record]


class Wire:
    """The way to a reader: what it took in, and a valve that can be closed."""

    def __init__(self) -> None:
        self.text = ""
        self.has_ended = False
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def send(self, message: Any) -> None:
        await self.is_open.wait()
        if message["type"] == "http.response.body":
            self.text += message["body"].decode()
            self.has_ended = not message["more_body"]

    async def receive(self) -> Any:
        await asyncio.Event().wait()


@pytest.fixture
async def feed_of(database_url: str) -> AsyncIterator[Any]:
    """Makes a feed in this process that keeps so many events at hand, with its metrics."""
    database = await Database.connect(database_url, name="test")
    stop, running = asyncio.Event(), []

    async def make(kept_events: int) -> tuple[Feed, AlertsMetrics]:
        metrics = AlertsMetrics(CollectorRegistry())
        feed = Feed(database, metrics, old_pages=database, kept_events=kept_events)
        running.append(asyncio.create_task(feed.run(stop)))
        await eventually(lambda: feed.position is not None)
        return feed, metrics

    yield make
    stop.set()
    await asyncio.gather(*running)
    await database.close()


def a_stream(feed: Feed, metrics: AlertsMetrics, **changes: Any) -> Stream:
    async def is_admitted() -> None:
        pass

    readers = Bound(10, "readers", Gauge("readers", "readers", registry=CollectorRegistry()))
    given: dict[str, Any] = {"after": 0, "is_admitted": is_admitted, "readers": readers, "metrics": metrics}
    return Stream(feed, **given | changes)


def dropped(metrics: AlertsMetrics, reason: str) -> float:
    return sum(
        sample.value
        for family in metrics.feed_dropped.collect()
        for sample in family.samples
        if sample.labels.get("reason") == reason and sample.name.endswith("_total")
    )


async def test_a_reader_that_falls_behind_what_is_at_hand_is_told_so_and_let_go(
    feed_of: Any, database: Connection
) -> None:
    feed, metrics = await feed_of(5)
    wire = Wire()
    serving = asyncio.create_task(a_stream(feed, metrics)({}, wire.receive, wire.send))
    await open_alerts(database, ["t-1"])
    await eventually(lambda: "id: 1\n" in wire.text)

    wire.is_open.clear()
    for number in range(2, 12):
        await open_alerts(database, [f"t-{number}"])
    await eventually(lambda: feed.position == 11)
    wire.is_open.set()

    async with asyncio.timeout(5):
        await serving
    assert wire.has_ended
    assert "event: dropped" in wire.text
    assert "go on from the last event that you have" in wire.text
    assert dropped(metrics, "overtaken") == 1


async def test_a_reader_from_far_behind_is_given_all_of_it_however_little_is_at_hand(
    feed_of: Any, database: Connection
) -> None:
    await open_alerts(database, [f"t-{number}" for number in range(1_200)])
    feed, metrics = await feed_of(5)
    wire = Wire()

    serving = asyncio.create_task(a_stream(feed, metrics)({}, wire.receive, wire.send))
    await eventually(lambda: "id: 1200\n" in wire.text)

    assert wire.text.count("event: opened") == 1_200
    serving.cancel()
    await asyncio.wait({serving})


async def test_a_reader_that_takes_nothing_is_cut(feed_of: Any, database: Connection) -> None:
    feed, metrics = await feed_of(5)
    wire = Wire()
    wire.is_open.clear()
    stream = a_stream(feed, metrics, stall_seconds=0.1)
    await open_alerts(database, ["t-1"])

    async def send(message: Any) -> None:
        if message["type"] != "http.response.start":
            await wire.send(message)

    async with asyncio.timeout(5):
        await stream({}, wire.receive, send)

    assert not wire.has_ended
    assert dropped(metrics, "stalled") == 1


async def test_a_reader_whose_right_has_ended_is_told_so_at_the_next_heartbeat(feed_of: Any) -> None:
    feed, metrics = await feed_of(5)
    wire = Wire()
    beats = 0

    async def is_admitted() -> None:
        nonlocal beats
        beats += 1
        if beats == 3:
            raise Problem(ProblemKind.UNAUTHORIZED, "This key is unknown or was revoked.")

    async with asyncio.timeout(5):
        await a_stream(feed, metrics, is_admitted=is_admitted, heartbeat_seconds=0.02)({}, wire.receive, wire.send)

    assert wire.text.count("event: heartbeat") == 1 + 2
    assert "no longer valid" in wire.text
    assert wire.has_ended


async def test_however_busy_the_feed_is_heartbeats_come_and_a_right_that_has_ended_ends(
    feed_of: Any, database: Connection
) -> None:
    feed, metrics = await feed_of(100)
    wire = Wire()
    has_ended = asyncio.Event()

    async def is_admitted() -> None:
        if has_ended.is_set():
            raise Problem(ProblemKind.UNAUTHORIZED, "This key is unknown or was revoked.")

    stream = a_stream(feed, metrics, is_admitted=is_admitted, heartbeat_seconds=0.2)
    serving = asyncio.create_task(stream({}, wire.receive, wire.send))
    number = 0
    while not serving.done():
        number += 1
        await open_alerts(database, [f"t-{number}"])
        if wire.text.count("event: heartbeat") == 3:
            has_ended.set()
        assert number < 1_000

    assert wire.text.count("event: opened") > 3
    assert "no longer valid" in wire.text
    assert wire.has_ended


async def test_more_readers_than_may_be_are_refused_at_once(feed_of: Any) -> None:
    feed, metrics = await feed_of(5)
    readers = Bound(0, "readers", Gauge("readers", "readers", registry=CollectorRegistry()))
    wire = Wire()

    with pytest.raises(Problem) as refused:
        await a_stream(feed, metrics, readers=readers)({}, wire.receive, wire.send)

    assert refused.value.kind is ProblemKind.FULL
    assert not wire.text


async def test_a_feed_that_was_set_back_by_a_restore_goes_on_from_there(feed_of: Any, database: Connection) -> None:
    await open_alerts(database, ["t-1", "t-2"])
    feed, _ = await feed_of(5)
    await eventually(lambda: feed.position == 2)

    await database.execute("delete from fraudline.alert_events where number = 2")
    await database.execute("update fraudline.alert_feed set last_number = 1")
    await eventually(lambda: feed.position == 1)
    await open_alerts(database, ["t-3"])

    await eventually(lambda: feed.position == 2)


async def test_a_reader_is_told_of_a_restore_even_where_the_feed_has_grown_past_it_meanwhile(
    feed_of: Any, database: Connection
) -> None:
    await open_alerts(database, ["t-1", "t-2"])
    feed, metrics = await feed_of(5)
    wire = Wire()
    serving = asyncio.create_task(a_stream(feed, metrics, after=2)({}, wire.receive, wire.send))
    await eventually(lambda: "event: heartbeat" in wire.text)

    # Between two looks: the restore, and more events than were lost by it.
    async with database.transaction():
        await database.execute("delete from fraudline.alert_events where number = 2")
        await database.execute("update fraudline.alert_feed set last_number = 1")
        await open_alerts(database, ["n-1", "n-2", "n-3"])

    async with asyncio.timeout(5):
        await serving
    assert wire.has_ended
    assert '"code": "set_back"' in wire.text
    assert "event: opened" not in wire.text
    assert feed.position == 4
