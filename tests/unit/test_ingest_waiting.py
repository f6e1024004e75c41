"""How a wait for a verdict ends: with it, in time without it, with an error, or because the client has left."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import CollectorRegistry

from fraudline.domain.event import key_of
from fraudline.domain.policy import Decision
from fraudline.domain.transaction import Transaction
from fraudline.errors import DependencyAway
from fraudline.service.problem_kind import ProblemKind
from fraudline.web.bound import Bound
from fraudline.web.problems import Problem
from fraudline_ingest.fallbacks import Fallbacks
from fraudline_ingest.group_commit import GroupCommit
from fraudline_ingest.metrics import IngestMetrics
from fraudline_ingest.waiters import Waiters
from fraudline_ingest.waiting import Waiting
from ingest_builders import a_group_commit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

LONG, SHORT = 5.0, 0.01
LINE = b"line"
TRANSACTION = Transaction(
    transaction_id="t-1",
    occurred_at=datetime(2026, 11, 23, 18, tzinfo=UTC),
    currency="EUR",
    amount=Decimal("912.40"),
    card_id="card-1",
    merchant_id="merchant-1",
)


class Broker:
    """Confirms or refuses what it is given as soon as the test has said which."""

    def __init__(self) -> None:
        self.confirms: asyncio.Queue[DependencyAway | None] = asyncio.Queue()
        self.bodies: list[bytes] = []

    async def publish(self, _stream: object, body: bytes, **_: object) -> None:
        self.bodies.append(body)
        if (error := await self.confirms.get()) is not None:
            raise error


class Counter:
    """One who waits at the counter: what is told, what is counted, how many are there."""

    def __init__(self, stream: GroupCommit, metrics: IngestMetrics, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.waiters = Waiters()
        self.left = asyncio.Event()
        self.fallbacks = Fallbacks(stream, metrics.fallbacks_given_up)
        self.waiting = Waiting(
            stream=stream,
            waiters=self.waiters,
            fallbacks=self.fallbacks,
            decision=Decision.REVIEW,
            bound=Bound(2, "clients waiting", metrics.waits_in_flight),
            metrics=metrics,
            now=lambda: datetime.now(UTC),
        )

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    def post(self, line: bytes = LINE, *, seconds: float = LONG) -> asyncio.Task[bytes | None]:
        answer_by = asyncio.get_running_loop().time() + seconds
        return asyncio.create_task(
            self.waiting.verdict_of(TRANSACTION, line, posted_by="shop", answer_by=answer_by, receive=self.receive)
        )

    def ended(self, end: str) -> float | None:
        return self.registry.get_sample_value("fraudline_waits_total", {"end": end})

    @property
    def in_flight(self) -> float | None:
        return self.registry.get_sample_value("fraudline_waits_in_flight")


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def counter(broker: Broker) -> AsyncIterator[Counter]:
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    stream = a_group_commit(broker, metrics)
    stop = asyncio.Event()
    job = asyncio.create_task(stream.run(stop))
    counter = Counter(stream, metrics, registry)
    yield counter
    assert counter.in_flight == 0
    assert not counter.waiters._outcomes  # noqa: SLF001 - nothing outside shows it
    stop.set()
    async with asyncio.timeout(5):
        await job


async def settled() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def within_a_second(answer: Awaitable[bytes | None]) -> bytes | None:
    async with asyncio.timeout(1):
        return await answer


async def test_all_who_wait_for_it_are_told_the_verdict(counter: Counter, broker: Broker) -> None:
    broker.confirms.put_nowait(None)
    posts = [counter.post() for _ in range(2)]
    await settled()
    assert counter.in_flight == 2

    counter.waiters.tell_verdict(key_of(LINE), b"verdict")

    assert [await within_a_second(post) for post in posts] == [b"verdict"] * 2
    assert counter.ended("verdict") == 2


async def test_who_put_another_line_under_the_same_id_is_told_what_became_of_that(
    counter: Counter, broker: Broker
) -> None:
    broker.confirms.put_nowait(None)
    own, others = counter.post(), counter.post(b"line of another client")
    await settled()

    counter.waiters.tell_verdict(key_of(LINE), b"verdict")
    counter.waiters.tell_conflict(key_of(b"line of another client"))

    assert await within_a_second(own) == b"verdict"
    with pytest.raises(Problem) as raised:
        await within_a_second(others)
    assert raised.value.kind is ProblemKind.ID_CONFLICT


async def test_a_verdict_that_is_late_leaves_the_fallback_to_be_told(counter: Counter, broker: Broker) -> None:
    broker.confirms.put_nowait(None)

    assert await within_a_second(counter.post(seconds=SHORT)) is None

    assert counter.ended("fallback") == 1
    assert len(counter.fallbacks._untold) == 1  # noqa: SLF001 - nothing outside shows it


@pytest.mark.parametrize("confirms", [[], [DependencyAway("RabbitMQ", "test")]], ids=["none in time", "a refusal"])
async def test_without_a_confirm_nothing_was_promised(
    counter: Counter, broker: Broker, confirms: list[DependencyAway | None]
) -> None:
    for confirm in confirms:
        broker.confirms.put_nowait(confirm)

    with pytest.raises(DependencyAway):
        await within_a_second(counter.post(seconds=SHORT))

    assert counter.ended("fallback") == 0


async def test_a_refusal_in_the_very_turn_in_which_the_time_is_up_is_no_promise(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    deadlines = counter.waiting._deadlines  # noqa: SLF001 - no other way to that turn
    expire = deadlines._expire  # noqa: SLF001 - the same

    def expiring(outcome: asyncio.Future[bytes | None]) -> None:
        expire(outcome)
        stored.set_exception(DependencyAway("RabbitMQ", "test"))

    monkeypatch.setattr(deadlines, "_expire", expiring)
    monkeypatch.setattr(counter.waiting, "_stream", SimpleNamespace(submit=lambda *_, **__: stored))

    with pytest.raises(DependencyAway):
        await within_a_second(counter.post(seconds=SHORT))

    assert counter.ended("fallback") == 0


async def test_a_client_that_has_left_is_forgotten_at_once_and_its_transaction_is_not(
    counter: Counter, broker: Broker
) -> None:
    post = counter.post()
    await settled()

    counter.left.set()

    assert await within_a_second(post) is None
    assert counter.ended("left") == 1
    assert broker.bodies == [b"line\n"]


async def test_a_request_that_is_cancelled_is_no_client_that_has_left(counter: Counter) -> None:
    post = counter.post()
    await settled()

    post.cancel()

    with pytest.raises(asyncio.CancelledError):
        await within_a_second(post)
    assert counter.ended("left") == 0


async def test_over_the_bound_nobody_waits(counter: Counter, broker: Broker) -> None:
    broker.confirms.put_nowait(None)
    posts = [counter.post() for _ in range(3)]
    await settled()
    counter.waiters.tell_verdict(key_of(LINE), b"verdict")

    with pytest.raises(Problem) as raised:
        await within_a_second(posts[2])

    assert raised.value.kind is ProblemKind.FULL
    assert await asyncio.gather(*posts[:2]) == [b"verdict"] * 2
