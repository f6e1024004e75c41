"""What every HTTP interface is made from: a problem is answered as one, wherever it is found."""

from __future__ import annotations

import httpx2
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from fraudline.web.application import answer_errors, bare_application
from fraudline.web.http_metrics import HttpMetrics
from fraudline.web.problems import full


class RefusingResponse(Response):
    """A response that finds at its beginning that there is no room for it, as a stream does."""

    async def __call__(self, *_: object) -> None:
        raise full("There are as many readers here as there may be")


async def test_a_problem_that_a_response_finds_before_it_begins_is_answered() -> None:
    metrics = HttpMetrics(CollectorRegistry())
    app = bare_application(title="t", distribution="fraudline", description="d", metrics=metrics)

    async def stream(_request: Request) -> Response:
        return RefusingResponse()

    app.add_api_route("/stream", stream, methods=["GET"], response_model=None)
    answer_errors(app, lambda _request, problem: problem.response())
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://test") as client:
        answer = await client.get("/stream")

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["code"] == "full"
