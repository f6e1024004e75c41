"""The status board over real admin ports, and over what may stand at such an address instead."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx2
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from fraudline.local.ports import free_port
from fraudline.service.admin import admin_app, new_registry
from fraudline.service.http_server import HttpServer, bind
from fraudline.service.readiness import Readiness
from fraudline_alerts.status import board as board_module
from fraudline_alerts.status.board import KEPT_SAMPLES, StatusBoard, new_client
from servers.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request
    from starlette.types import ASGIApp

    from fraudline_alerts.status.charts import Line
    from fraudline_alerts.status.process import Health

SOON_SECONDS = 0.3
WELL = '{"ready": true, "checks": {}}'


class Ports:
    """HTTP servers of our own kind on loopback, which can be ended one by one."""

    def __init__(self) -> None:
        self._stops: dict[int, tuple[asyncio.Event, asyncio.Task[None]]] = {}

    async def open(self, app: ASGIApp, port: int | None = None) -> int:
        server = HttpServer(app, bind("127.0.0.1", port or free_port(), variable="PORT"))
        stop = asyncio.Event()
        task = asyncio.create_task(server.run(stop))
        await eventually(lambda: server.unready_reason() is None)
        self._stops[server.port] = (stop, task)
        return server.port

    async def close(self, port: int) -> None:
        stop, task = self._stops.pop(port)
        stop.set()
        await task

    async def close_all(self) -> None:
        for port in list(self._stops):
            await self.close(port)


@pytest.fixture
async def ports() -> AsyncIterator[Ports]:
    ports = Ports()
    yield ports
    await ports.close_all()


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with new_client() as client:
        yield client


class Scorer:
    """What a scorer shows on its admin port."""

    def __init__(self) -> None:
        self.registry = new_registry("scorer")
        self.readiness = Readiness()
        self.verdicts = Counter("fraudline_verdicts_total", "x", ["decision", "model"], registry=self.registry)
        self.latency = Histogram("fraudline_end_to_end_seconds", "x", buckets=(0.01, 0.1, 1.0), registry=self.registry)
        self.backlog = Gauge("fraudline_backlog_age_seconds", "x", registry=self.registry)
        Gauge("fraudline_scorer_is_owner", "x", registry=self.registry).set(1)

    @property
    def app(self) -> Starlette:
        return admin_app(self.registry, self.readiness)


def board_over(*given_ports: int) -> StatusBoard:
    return StatusBoard(tuple(f"http://127.0.0.1:{port}" for port in given_ports))


def line(board: StatusBoard, chart: str, name: str) -> Line:
    drawn = next(drawn for drawn in board.snapshot().charts if drawn.name == chart)
    return next(line for line in drawn.lines if line.name == name)


def only(board: StatusBoard) -> Health:
    (health,) = board.snapshot().processes
    return health


def app_that(*answers: tuple[str, Response]) -> Starlette:
    def route(path: str, answer: Response) -> Route:
        async def handle(_request: Request) -> Response:
            return answer

        return Route(path, handle)

    return Starlette(routes=[route(path, answer) for path, answer in answers])


async def test_the_board_shows_what_flows_through_real_processes(ports: Ports, http: httpx2.AsyncClient) -> None:
    scorer = Scorer()
    ingest = new_registry("ingest")
    accepted = Counter("fraudline_events_accepted_total", "x", ["kind"], registry=ingest)
    alerts = new_registry("alerts")
    Gauge("fraudline_alerts_open", "x", registry=alerts).set(1_234)
    Counter("fraudline_dispositions_total", "x", ["disposition"], registry=alerts)
    board = board_over(
        await ports.open(scorer.app),
        await ports.open(admin_app(ingest, Readiness())),
        await ports.open(admin_app(alerts, Readiness())),
    )
    await board.look(http)

    scorer.verdicts.labels("approve", "m").inc(90_000)
    scorer.verdicts.labels("decline", "m").inc(10_000)
    scorer.latency.observe(0.05)
    scorer.backlog.set(2.5)
    accepted.labels("transaction").inc(200_000)
    accepted.labels("label").inc(1_000_000)
    await board.look(http)

    snapshot = board.snapshot()
    assert snapshot.is_well
    assert [health.service for health in snapshot.processes] == ["scorer", "ingest", "alerts"]
    assert [health.is_owner for health in snapshot.processes] == [True, None, None]
    assert all((health.memory_bytes or 0) > 1_000_000 and health.cpu_share is not None for health in snapshot.processes)
    scored, flagged, taken = (
        float(line(board, chart, name).latest.replace(",", ""))
        for chart, name in (("flow", "scored"), ("decided", "flagged"), ("flow", "accepted"))
    )
    assert flagged == pytest.approx(scored / 10, rel=0.01)
    assert taken == pytest.approx(scored * 2, rel=0.5)
    assert line(board, "latency", "median").latest == "55 ms"
    assert line(board, "backlog", "waiting").latest == "2.5 s"
    assert line(board, "alerts", "open").latest == "1,234"
    assert line(board, "decided", "decided").latest == "0"
    assert line(board, "decided", "opened").latest == "–"


async def test_a_process_that_is_not_ready_says_why(ports: Ports, http: httpx2.AsyncClient) -> None:
    scorer = Scorer()
    scorer.readiness.add("broker", lambda: None)
    scorer.readiness.add("database", lambda: "PostgreSQL does not answer")
    board = board_over(await ports.open(scorer.app))

    await board.look(http)

    assert only(board).state == "unready"
    assert [(check.name, check.reason) for check in only(board).checks] == [
        ("broker", None),
        ("database", "PostgreSQL does not answer"),
    ]
    assert not board.snapshot().is_well


async def test_a_process_that_goes_is_away_since_then_and_comes_back(ports: Ports, http: httpx2.AsyncClient) -> None:
    scorer = Scorer()
    port = await ports.open(scorer.app)
    board = board_over(port)
    await board.look(http)
    await ports.close(port)

    await board.look(http)
    since = only(board).away_since
    await board.look(http)

    assert only(board).state == "away"
    assert only(board).away_since == since is not None
    assert only(board).away_reason == "nobody answers there"
    assert only(board).service == "scorer"
    assert line(board, "flow", "scored").latest == "–"

    await ports.open(scorer.app, port)
    await board.look(http)

    assert only(board).state == "ready"
    assert only(board).away_since is None
    assert line(board, "flow", "scored").latest == "0"


async def test_a_process_that_starts_anew_makes_no_figure_negative(ports: Ports, http: httpx2.AsyncClient) -> None:
    before, after = Scorer(), Scorer()
    before.verdicts.labels("approve", "m").inc(1_000_000)
    before.latency.observe(0.05)
    port = await ports.open(before.app)
    board = board_over(port)
    await board.look(http)
    await ports.close(port)
    after.verdicts.labels("approve", "m").inc(10)
    await ports.open(after.app, port)

    await board.look(http)

    assert 0 < float(line(board, "flow", "scored").latest) < 1_000_000
    assert line(board, "latency", "median").latest == "–"


async def test_a_slow_process_is_away_and_delays_nobody(ports: Ports, http: httpx2.AsyncClient) -> None:
    never = asyncio.Event()

    async def wait(_request: Request) -> Response:
        await never.wait()
        return PlainTextResponse("late")

    slow = await ports.open(Starlette(routes=[Route("/readyz", wait), Route("/metrics", wait)]))
    board = board_over(slow, await ports.open(Scorer().app))

    async with asyncio.timeout(5):
        await board.look(http, within_seconds=SOON_SECONDS)
    never.set()

    first, second = board.snapshot().processes
    assert (first.state, first.away_reason) == ("away", "it did not answer within 0.3 s")
    assert second.state == "ready"


async def test_an_answer_that_is_too_large_is_cut_off(ports: Ports, http: httpx2.AsyncClient) -> None:
    sent = 0

    async def pieces() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1_000):
            sent += 64 << 10
            yield b"# and so on" * 5_958
            await asyncio.sleep(0)

    async def metrics(_request: Request) -> Response:
        return StreamingResponse(pieces())

    readyz = app_that(("/readyz", PlainTextResponse(WELL)))
    board = board_over(await ports.open(Starlette(routes=[Route("/metrics", metrics), *readyz.routes])))

    async with asyncio.timeout(5):
        await board.look(http)

    assert only(board).away_reason == "its answer is larger than 1 MiB"
    assert sent < 16 << 20


@pytest.mark.parametrize(
    ("readyz", "metrics", "reason"),
    [
        (PlainTextResponse(WELL), PlainTextResponse("no", status_code=500), "/metrics answers 500"),
        (PlainTextResponse("no", status_code=404), PlainTextResponse(""), "/readyz answers 404"),
        (PlainTextResponse("<!doctype html>"), PlainTextResponse(""), "its /readyz cannot be read"),
        (PlainTextResponse('{"checks": []}'), PlainTextResponse(""), "its /readyz cannot be read"),
        (PlainTextResponse(WELL), Response(b"\xff\xfe"), "its answer cannot be read"),
        (PlainTextResponse(WELL), PlainTextResponse("fraudline_alerts_open{ oh\n"), "its answer cannot be read"),
        (PlainTextResponse(WELL), PlainTextResponse("fraudline_alerts_open twelve\n"), "its answer cannot be read"),
    ],
)
async def test_what_is_no_process_of_ours_is_told_by_what_it_does(
    ports: Ports, http: httpx2.AsyncClient, readyz: Response, metrics: Response, reason: str
) -> None:
    board = board_over(await ports.open(app_that(("/readyz", readyz), ("/metrics", metrics))))

    await board.look(http)

    assert (only(board).state, only(board).away_reason) == ("away", reason)


async def test_a_snapshot_stays_the_same_until_the_next_look(ports: Ports, http: httpx2.AsyncClient) -> None:
    board = board_over(await ports.open(admin_app(CollectorRegistry(), Readiness())))
    await board.look(http)

    first = board.snapshot()

    assert board.snapshot() is first
    await board.look(http)
    assert board.snapshot() is not first


async def test_five_minutes_are_kept_and_no_more(http: httpx2.AsyncClient) -> None:
    board = board_over()

    for _ in range(KEPT_SAMPLES + 15):
        await board.look(http)

    assert len(board.snapshot().rows) == KEPT_SAMPLES / 15


async def test_the_job_looks_again_and_again_until_it_is_stopped(ports: Ports, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_module, "EVERY_SECONDS", 0.02)
    scorer = Scorer()
    port = free_port()
    board = board_over(port)
    stop = asyncio.Event()
    job = asyncio.create_task(board.run(stop))
    await eventually(lambda: only(board).away_reason == "nobody answers there")

    await ports.open(scorer.app, port)
    await eventually(lambda: only(board).state == "ready")
    await ports.close(port)
    await eventually(lambda: only(board).state == "away")

    stop.set()
    async with asyncio.timeout(2):
        await job
