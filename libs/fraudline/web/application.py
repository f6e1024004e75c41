"""What every HTTP interface of ours is made from: bare routes, one form of errors, its own description."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI looks it up when it describes the routes
from starlette.responses import Response

from fraudline.errors import DependencyAway
from fraudline.service.problem_kind import MEDIA_TYPE, ProblemKind
from fraudline.web.answers import ProblemAnswer
from fraudline.web.docs_page import docs_page
from fraudline.web.edge import Edge
from fraudline.web.problems import Problem, away, broken

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from pydantic import BaseModel

    from fraudline.web.http_metrics import HttpMetrics

_REFERENCE = "#/components/schemas/{model}"
_SAYS = {
    400: "Not JSON, or malformed.",
    401: "No valid key.",
    403: "A key without the right.",
    404: "There is nothing at this address.",
    408: "The body came too slowly.",
    409: "Something else was said before.",
    413: "Larger than is taken here.",
    415: "Content-Encoding is not read here.",
    422: "Not valid: every fault is listed by its field.",
    503: "Full, or a server that is needed is away: send the same again after Retry-After.",
}
READING = (400, 408, 413, 415, 422)
"""The problems of whatever reads a body."""


class _BareRoute(APIRoute):
    """A route whose endpoint is given the request as it came, without FastAPI's handling of arguments."""

    def get_route_handler(self) -> "Callable[[Request], Coroutine[Any, Any, Response]]":
        return self.endpoint


def bare_application(*, title: str, distribution: str, description: str, metrics: "HttpMetrics") -> FastAPI:
    """Return an application without routes; `distribution` is the package whose version it shows."""
    app = FastAPI(
        title=title,
        version=version(distribution),
        description=description,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # We measure by ourselves; merely asking whether somebody else wants to costs 20 µs a request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.route_class = _BareRoute
    app.add_middleware(Edge, metrics=metrics)
    return app


def reference(model: type) -> dict[str, Any]:
    """Return the schema that points at a model's."""
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def responses(
    status: int, model: type, says: str, *more: int, told: "dict[int, str] | None" = None
) -> dict[int | str, dict[str, Any]]:
    """Describe a route's answers: the good one, the problems that all have, and `more`; `told` words some of them."""
    described: dict[int | str, dict[str, Any]] = {
        status: {"description": says, "content": {"application/json": {"schema": reference(model)}}}
    }
    problem = {MEDIA_TYPE: {"schema": reference(ProblemAnswer)}}
    sentences = _SAYS | (told or {})
    shown = sorted({401, 403, 503} | set(more))
    return described | {number: {"description": sentences[number], "content": problem} for number in shown}


def describe(app: FastAPI, *, taken: "Iterable[type[BaseModel]]", given: "Iterable[type[BaseModel]]") -> None:
    """Serve `/openapi.json` with the bodies that the routes read by themselves, and `/docs` made from it.

    Args:
        app: The application with all its routes.
        taken: The models of bodies that are read.
        given: The models of answers.
    """
    _, read = models_json_schema([(model, "validation") for model in taken], ref_template=_REFERENCE)
    answers = [(model, "serialization") for model in (*given, ProblemAnswer)]
    _, shown = models_json_schema(answers, ref_template=_REFERENCE)  # type: ignore[arg-type] # one mode for all

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            components = made.setdefault("components", {})
            components["schemas"] = read.get("$defs", {}) | shown["$defs"]
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"key": []}]
            app.openapi_schema = made
        return app.openapi_schema

    async def docs(_request: "Request") -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))

    app.openapi = document  # type: ignore[method-assign] # the way that FastAPI documents
    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)


def answer_errors(app: FastAPI, answer: "Callable[[Request, Problem], Response]") -> None:
    """Map every error to a problem, and a problem to its answer by `answer`."""

    async def on_away(request: "Request", error: Exception) -> Response:
        return answer(request, away(error) if isinstance(error, DependencyAway) else broken())

    async def on_problem(request: "Request", error: Exception) -> Response:
        return answer(request, error if isinstance(error, Problem) else broken())

    async def on_http(request: "Request", error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        kinds = {404: ProblemKind.NOT_FOUND, 405: ProblemKind.METHOD_NOT_ALLOWED}
        kind = kinds.get(status, ProblemKind.MALFORMED if status < 500 else ProblemKind.INTERNAL)  # noqa: PLR2004 - HTTP
        headers = error.headers if isinstance(error, HTTPException) else None
        return answer(request, Problem(kind, f"{kind.title}.", headers=headers))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(DependencyAway, on_away)
    app.add_exception_handler(HTTPException, on_http)
