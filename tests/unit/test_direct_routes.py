"""Routes in front of the framework: answered, counted and refused as everywhere; everything else is passed on."""

import httpx2
import pytest
from prometheus_client import CollectorRegistry
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope

from fraudline.errors import DependencyAway
from fraudline.service.problem_kind import ProblemKind
from fraudline.web.direct_routes import Answer, DirectRoutes, first_values, json_answer
from fraudline.web.http_metrics import HttpMetrics
from fraudline.web.problems import Problem, full


class Door:
    """Direct routes, and what they count and tell."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.refused: list[Problem] = []
        self.app = DirectRoutes(
            {"/kept": self.keep, "/full": self.refuse, "/away": self.miss, "/broken": self.fall},
            rest=PlainTextResponse("the rest"),
            metrics=HttpMetrics(self.registry),
            note_refused=self.refused.append,
        )

    async def keep(self, _scope: Scope, receive: Receive) -> Answer:
        return json_answer(202, (await receive())["body"], (b"location", b"/there"))

    async def refuse(self, *_: object) -> Answer:
        raise full("Everything")

    async def miss(self, *_: object) -> Answer:
        raise DependencyAway("RabbitMQ", "test", retry_after_seconds=5)

    async def fall(self, *_: object) -> Answer:
        raise RuntimeError

    async def ask(self, path: str, *, method: str = "POST") -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app), base_url="http://door") as client:
            return await client.request(method, path, content=b'{"a":1}')

    def counted(self, path: str, status: str) -> float | None:
        labels = {"route": path, "method": "POST", "status": status}
        return self.registry.get_sample_value("fraudline_http_requests_total", labels)


async def test_a_post_is_answered_by_its_handler_and_counted() -> None:
    door = Door()

    for _ in range(2):
        answer = await door.ask("/kept")

    assert (answer.status_code, answer.content, answer.headers["location"]) == (202, b'{"a":1}', "/there")
    assert (answer.headers["content-type"], answer.headers["content-length"]) == ("application/json", "7")
    assert door.counted("/kept", "202") == 2


@pytest.mark.parametrize(("method", "path"), [("GET", "/kept"), ("POST", "/kept/"), ("POST", "/")])
async def test_what_is_no_post_to_one_of_them_is_passed_on(method: str, path: str) -> None:
    assert (await Door().ask(path, method=method)).text == "the rest"


@pytest.mark.parametrize(
    ("path", "kind", "retry_after"),
    [("/full", ProblemKind.FULL, "1"), ("/away", ProblemKind.UNAVAILABLE, "5")],
)
async def test_a_problem_is_answered_as_one_told_and_counted(path: str, kind: ProblemKind, retry_after: str) -> None:
    door = Door()

    answer = await door.ask(path)

    assert (answer.status_code, answer.json()["code"]) == (kind.status, kind.code)
    assert (answer.headers["content-type"], answer.headers["retry-after"]) == ("application/problem+json", retry_after)
    assert [problem.kind for problem in door.refused] == [kind]
    assert door.counted(path, "503") == 1


async def test_a_handler_that_breaks_is_our_fault_and_no_refusal(capsys: pytest.CaptureFixture[str]) -> None:
    door = Door()

    answer = await door.ask("/broken")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert (door.refused, door.counted("/broken", "500")) == ([], 1)
    written = capsys.readouterr()
    assert "request_failed" in written.out + written.err


def test_of_a_header_that_is_given_twice_the_first_counts() -> None:
    assert first_values([(b"a", b"1"), (b"b", b"2"), (b"a", b"3")]) == {b"a": b"1", b"b": b"2"}
