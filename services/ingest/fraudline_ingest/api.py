"""The HTTP interface: routes, their description, and the one place where errors become answers."""

from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from pydantic.json_schema import models_json_schema
from starlette.exceptions import HTTPException
from starlette.requests import Request  # noqa: TC002 - FastAPI looks it up when it describes the routes
from starlette.responses import Response

from fraudline.domain.label import Label
from fraudline.domain.transaction import Transaction
from fraudline.errors import DependencyAway
from fraudline.service.log import LogEvent, get_logger
from fraudline.service.problem_kind import MEDIA_TYPE, ProblemKind
from fraudline.web.docs_page import docs_page
from fraudline.web.problems import Problem, away
from fraudline_ingest import answers

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fraudline_ingest.handlers import Handlers
    from fraudline_ingest.metrics import IngestMetrics

_REFERENCE = "#/components/schemas/{model}"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_DESCRIPTION = (
    "Takes card transactions in and tells what became of them. Send your key with every call: "
    "Authorization: Bearer flk_… . A 202 means that the event is stored and will be scored once, whatever happens; "
    "after any other answer, or none, send the same again: the transaction_id makes repeats harmless."
)
_EXAMPLE = {
    "transaction_id": "order-10442-1",
    "occurred_at": "2026-11-23T18:00:00Z",
    "amount": "912.40",
    "currency": "EUR",
    "card_id": "card_5f1c9a",
    "merchant_id": "merchant_77",
    "merchant_country": "DE",
    "channel": "ecommerce",
}
_LABEL_EXAMPLE = {
    "transaction_id": "order-10442-1",
    "label": "fraud",
    "source": "chargeback",
    "reported_at": "2026-12-01T09:30:00Z",
}


class _BareRoute(APIRoute):
    """A route whose endpoint is given the request as it came, without FastAPI's handling of arguments."""

    def get_route_handler(self) -> "Callable[[Request], Coroutine[Any, Any, Response]]":
        return self.endpoint


def build_api(handlers: "Handlers", metrics: "IngestMetrics") -> FastAPI:
    """Return the application behind ingest's port."""
    app = FastAPI(
        title="Fraudline ingest",
        version=version("fraudline-ingest"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # We measure by ourselves; merely asking whether somebody else wants to costs 20 µs a request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.router.route_class = _BareRoute
    _add_posts(app, handlers)
    app.add_api_route(
        "/v1/transactions/{transaction_id:path}",
        handlers.get_transaction,
        methods=["GET"],
        description="A transaction with its verdict. A key with the role ingest sees its own client's alone.",
        responses=_responses(200, answers.StoredAnswer, "The transaction and its verdict.", 404),
        response_model=None,
        openapi_extra={
            "parameters": [
                {
                    "name": "transaction_id",
                    "in": "path",
                    "required": True,
                    "description": "As it was posted; percent-encode what is not plain.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 64},
                }
            ]
        },
    )
    _describe(app)
    _answer_errors(app, metrics)
    app.add_middleware(_Edge, metrics=metrics)
    return app


def _add_posts(app: FastAPI, handlers: "Handlers") -> None:
    app.add_api_route(
        "/v1/transactions",
        handlers.post_transaction,
        methods=["POST"],
        status_code=202,
        description="One transaction. The answer comes once the broker has stored it.",
        responses=_responses(202, answers.AcceptedAnswer, "Stored; Location says where its verdict will be.", 413),
        response_model=None,
        openapi_extra=_body({"application/json": (_reference(Transaction), _EXAMPLE)}),
    )
    array = {"type": "array", "items": _reference(Transaction), "minItems": 1, "maxItems": 1000}
    app.add_api_route(
        "/v1/transactions/batch",
        handlers.post_batch,
        methods=["POST"],
        status_code=202,
        description="Up to 1,000 transactions; one that is not valid is rejected alone, the others are stored.",
        responses=_responses(202, answers.BatchAnswer, "Which were stored and which were not.", 413),
        response_model=None,
        openapi_extra=_body(
            {"application/json": (array, [_EXAMPLE]), "application/x-ndjson": ({"type": "string"}, "")}
        ),
    )
    app.add_api_route(
        "/v1/labels",
        handlers.post_label,
        methods=["POST"],
        status_code=202,
        description="What became known of a transaction; only frauds need to be reported.",
        responses=_responses(202, answers.AcceptedAnswer, "Stored.", 413),
        response_model=None,
        openapi_extra=_body({"application/json": (_reference(Label), _LABEL_EXAMPLE)}),
    )


def _reference(model: type) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _body(contents: dict[str, tuple[dict[str, Any], Any]]) -> dict[str, Any]:
    content = {
        media_type: {"schema": schema} | ({"example": example} if example else {})
        for media_type, (schema, example) in contents.items()
    }
    return {"requestBody": {"required": True, "content": content}}


def _responses(status: int, model: type, says: str, *more: int) -> dict[int | str, dict[str, Any]]:
    problems = {
        400: "Not JSON, or malformed.",
        401: "No valid key.",
        403: "A key without the right.",
        404: "No such transaction, or not scored yet: ask again after Retry-After.",
        408: "The body came too slowly.",
        413: "Larger than 1 MiB, or more than 1,000 transactions.",
        415: "Content-Encoding is not read here.",
        422: "Not valid: every fault is listed by its field.",
        503: "Full, or a server that is needed is away: send the same again after Retry-After.",
    }
    reading = {400, 408, 413, 415, 422} if 413 in more else set()  # noqa: PLR2004 - the status itself is the name
    shown = sorted({401, 403, 503} | reading | set(more))
    described: dict[int | str, dict[str, Any]] = {
        status: {"description": says, "content": {"application/json": {"schema": _reference(model)}}}
    }
    problem = {MEDIA_TYPE: {"schema": _reference(answers.ProblemAnswer)}}
    return described | {number: {"description": problems[number], "content": problem} for number in shown}


def _describe(app: FastAPI) -> None:
    """Serve `/openapi.json` with the bodies that the routes read by themselves, and `/docs` made from it."""
    _, definitions = models_json_schema([(Transaction, "validation"), (Label, "validation")], ref_template=_REFERENCE)
    models = (answers.AcceptedAnswer, answers.BatchAnswer, answers.ProblemAnswer, answers.StoredAnswer)
    _, shown = models_json_schema([(model, "serialization") for model in models], ref_template=_REFERENCE)

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            components = made.setdefault("components", {})
            components["schemas"] = definitions["$defs"] | shown["$defs"]
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            made["security"] = [{"key": []}]
            app.openapi_schema = made
        return app.openapi_schema

    async def docs(_request: "Request") -> HTMLResponse:
        return HTMLResponse(docs_page(app.openapi()))

    app.openapi = document  # type: ignore[method-assign] # the way that FastAPI documents
    app.add_api_route("/docs", docs, methods=["GET"], include_in_schema=False)


def _answer_errors(app: FastAPI, metrics: "IngestMetrics") -> None:
    """Map every error to its answer."""

    async def told(request: "Request", problem: Problem) -> Response:
        if request.method == "POST":
            metrics.events_refused.labels(reason=problem.kind.code).inc()
        return problem.response()

    async def on_away(request: "Request", error: Exception) -> Response:
        return await told(request, away(error) if isinstance(error, DependencyAway) else _broken())

    async def on_problem(request: "Request", error: Exception) -> Response:
        return await told(request, error if isinstance(error, Problem) else _broken())

    async def on_http(request: "Request", error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        kinds = {404: ProblemKind.NOT_FOUND, 405: ProblemKind.METHOD_NOT_ALLOWED}
        kind = kinds.get(status, ProblemKind.MALFORMED if status < 500 else ProblemKind.INTERNAL)  # noqa: PLR2004 - HTTP
        headers = error.headers if isinstance(error, HTTPException) else None
        return await told(request, Problem(kind, f"{kind.title}.", headers=headers))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(DependencyAway, on_away)
    app.add_exception_handler(HTTPException, on_http)


def _broken() -> Problem:
    return Problem(ProblemKind.INTERNAL, "The request was not the cause; it is in our log.")


class _Edge:
    """Counts and times every answer, and answers when something broke.

    The route is counted by its template and never by the address that was asked for.
    """

    def __init__(self, app: "ASGIApp", *, metrics: "IngestMetrics") -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        began = perf_counter()
        status: int | None = None

        async def noting(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            get_logger().exception(LogEvent.REQUEST_FAILED, route=_route_of(scope))
            if status is not None:
                raise
            await _broken().response()(scope, receive, noting)
        finally:
            route = _route_of(scope)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.http_requests.labels(route=route, method=method, status=str(status or 500)).inc()
            self._metrics.http_request_seconds.labels(route=route, method=method).observe(perf_counter() - began)


def _route_of(scope: "Scope") -> str:
    route: str = getattr(scope.get("route"), "path_format", "none")
    return route
