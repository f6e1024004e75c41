"""Who is named when an answer does not come in time."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from fraudline.domain.api_key import Client, Role
from fraudline.errors import DependencyAway
from fraudline.service.problem_kind import ProblemKind
from fraudline.web.direct_routes import Answer
from fraudline.web.problems import Problem
from fraudline_ingest.api import build_api
from fraudline_ingest.group_commit import GroupCommit
from fraudline_ingest.handlers import Posted, put
from fraudline_ingest.metrics import IngestMetrics
from fraudline_ingest.publisher import Stream
from ingest_builders import a_group_commit


class DeafBroker:
    """Takes messages and confirms none."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def publish(self, _stream: Stream, body: bytes, **_: object) -> None:
        self.bodies.append(body)
        await asyncio.Event().wait()


@pytest.fixture
def broker() -> DeafBroker:
    return DeafBroker()


@pytest.fixture
async def stream(broker: DeafBroker) -> AsyncIterator[GroupCommit]:
    stop = asyncio.Event()
    group_commit = a_group_commit(broker)
    job = asyncio.create_task(group_commit.run(stop))
    yield group_commit
    stop.set()
    async with asyncio.timeout(5):
        await job


def a_post(*, seconds_left: float) -> Posted:
    answer_by = asyncio.get_running_loop().time() + seconds_left
    return Posted(Client("shop", Role.INGEST), b"", answer_by, {}, {}, asyncio.Event().wait)  # type: ignore[arg-type] # nobody sends anything more


async def test_a_confirm_that_does_not_come_is_the_broker_s(stream: GroupCommit, broker: DeafBroker) -> None:
    with pytest.raises(DependencyAway, match="RabbitMQ is away: no confirm in time"):
        await put(stream, [b"x"], a_post(seconds_left=0.01))

    assert broker.bodies == [b"x\n"]


async def test_who_waits_behind_a_message_without_a_confirm_is_told_in_time_too(
    stream: GroupCommit, broker: DeafBroker
) -> None:
    posts = [asyncio.create_task(put(stream, [b"%d" % n], a_post(seconds_left=0.02 - n / 100))) for n in range(2)]
    behind = asyncio.create_task(put(stream, [b"behind"], a_post(seconds_left=0.03)))

    async with asyncio.timeout(1):
        told = await asyncio.gather(*posts, behind, return_exceptions=True)

    assert {str(error) for error in told} == {"RabbitMQ is away: no confirm in time"}
    assert len(broker.bodies) == 1


async def test_time_that_checking_took_is_not_the_broker_s_and_nothing_is_sent(
    stream: GroupCommit, broker: DeafBroker
) -> None:
    with pytest.raises(Problem, match="too busy") as raised:
        await put(stream, [b"x"], a_post(seconds_left=-1))

    assert raised.value.kind is ProblemKind.FULL
    assert broker.bodies == []


class Handlers:
    """Handlers of which one meets a deadline that nobody thought of."""

    async def post_transaction(self, *_: object) -> Answer:
        raise TimeoutError

    async def get_transaction(self, _request: Request) -> Response:
        raise TimeoutError

    post_label = post_batch = post_transaction


async def test_a_deadline_that_nobody_thought_of_is_blamed_on_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    app = build_api(Handlers(), IngestMetrics(CollectorRegistry()))  # type: ignore[arg-type] # the four calls

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ingest") as client:
        answer = await client.post("/v1/transactions")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "RabbitMQ" not in answer.text
    written = capsys.readouterr()
    assert "request_failed" in written.out + written.err


class AcceptingHandlers:
    """Handlers that accept whatever is posted."""

    async def post_transaction(self, *_: object) -> Answer:
        return Answer(202, b"{}")

    post_label = post_batch = get_transaction = post_transaction


async def test_every_post_that_is_described_is_answered() -> None:
    app = build_api(AcceptingHandlers(), IngestMetrics(CollectorRegistry()))  # type: ignore[arg-type] # the four calls
    statuses = {}

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://ingest") as client:
        described = (await client.get("/openapi.json")).json()["paths"]
        for path in (path for path, methods in described.items() if "post" in methods):
            statuses[path] = (await client.post(path)).status_code
        other_method = await client.get("/v1/labels")

    assert statuses == dict.fromkeys(["/v1/transactions", "/v1/transactions/batch", "/v1/labels"], 202)
    assert (other_method.status_code, other_method.headers["allow"]) == (405, "POST")
