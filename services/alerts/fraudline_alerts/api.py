"""The HTTP interface: the JSON calls with their description, the pages, and how errors look on each."""

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from fraudline.domain.alert import Assignment, Disposition
from fraudline.web.application import READING, answer_errors, bare_application, describe, reference, responses
from fraudline_alerts import answers
from fraudline_alerts.page.static_files import ROUTE

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request

    from fraudline.web.problems import Problem
    from fraudline_alerts.handlers import Handlers
    from fraudline_alerts.metrics import AlertsMetrics
    from fraudline_alerts.page_handlers import PageHandlers

_DESCRIPTION = (
    "What people do about flagged payments. Programs send a key with the role analyst or above: Authorization: Bearer "
    "flk_… ; people sign in by a one-time link. Lists are ordered by score, the highest first. The feed tells what "
    "happens as it happens, in numbers without gaps: whoever comes back with the last number misses nothing."
)
_DISPOSITION = (
    "Say what an open alert's payment was. It becomes a label, which the model's next features know. The first word "
    "stays; the same person saying the same again is no fault."
)
_TOLD = {
    401: "No valid key or session.",
    404: "No such alert.",
    409: "Somebody has said something else before: the detail says who, what and when.",
}
_AHEAD = {409: "The number lies ahead of the feed: list the alerts anew."}
_FILTERS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("status", {"type": "string", "enum": ["open", "closed"]}, "Only alerts that are still open, or that are decided."),
    ("decision", {"type": "string", "enum": ["review", "decline"]}, "Only alerts with this decision."),
    ("card_id", {"type": "string"}, "Only alerts of this card."),
    ("assignee", {"type": "string"}, "Only alerts that are this person's."),
    ("min_score", {"type": "number", "minimum": 0, "maximum": 1}, "Only from this score on, and those without one."),
    ("cursor", {"type": "string"}, "Where the page begins: next_cursor of the page before."),
    ("limit", {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}, "How many at most."),
)


def build_api(handlers: "Handlers", pages: "PageHandlers", metrics: "AlertsMetrics") -> "FastAPI":
    """Return the application behind alerts' port."""
    app = bare_application(
        title="Fraudline alerts", distribution="fraudline-alerts", description=_DESCRIPTION, metrics=metrics.http
    )
    _add_readings(app, handlers)
    _add_deeds(app, handlers)
    describe(
        app,
        taken=(Disposition, Assignment),
        given=(answers.AlertListAnswer, answers.AlertDetailAnswer, answers.AlertEventAnswer),
    )
    _add_pages(app, pages)

    def answer(request: "Request", problem: "Problem") -> Response:
        is_page = not request.url.path.startswith("/v1/")
        return pages.problem(problem) if is_page else problem.response()

    answer_errors(app, answer)
    return app


def _add_readings(app: "FastAPI", handlers: "Handlers") -> None:
    app.add_api_route(
        "/v1/alerts",
        handlers.list,
        methods=["GET"],
        description="Flagged payments, the highest score first and the newest among equals.",
        responses=responses(200, answers.AlertListAnswer, "A page of alerts.", 422, told=_TOLD),
        response_model=None,
        openapi_extra={"parameters": [_parameter("query", *filter_) for filter_ in _FILTERS]},
    )
    # Before the route with an id, which would take it too.
    stream = responses(200, answers.AlertEventAnswer, "The feed; each event's data is of this form.", 409, 422)
    stream[200]["content"] = {"text/event-stream": stream[200]["content"]["application/json"]}
    stream[409]["description"] = _AHEAD[409]
    app.add_api_route(
        "/v1/alerts/stream",
        handlers.stream,
        methods=["GET"],
        description=(
            "The live feed (Server-Sent Events): opened, explained, assigned, disposed. It goes on behind "
            "Last-Event-ID, or behind after, on any process; without either it begins now. An event heartbeat comes at "
            "least every ten seconds. A reader that is let go is told why by an event dropped, where that can be."
        ),
        responses=stream,
        response_model=None,
        openapi_extra={
            "parameters": [
                _parameter("query", "after", {"type": "integer"}, "The last event that the reader has."),
                _parameter("header", "Last-Event-ID", {"type": "integer"}, "The same, as browsers send it."),
            ]
        },
    )
    app.add_api_route(
        "/v1/alerts/{id}",
        handlers.get,
        methods=["GET"],
        description="All that is known of one alert: payment, verdict, reasons, history, the card's last payments.",
        responses=responses(200, answers.AlertDetailAnswer, "The alert.", 404, told=_TOLD),
        response_model=None,
        openapi_extra={"parameters": [_ID]},
    )


def _add_deeds(app: "FastAPI", handlers: "Handlers") -> None:
    for name, handler, body, says, example in (
        (
            "disposition",
            handlers.post_disposition,
            Disposition,
            _DISPOSITION,
            {"disposition": "fraud", "note": "The customer called."},
        ),
        (
            "assignment",
            handlers.post_assignment,
            Assignment,
            "Give an open alert to a person, or with null to nobody.",
            {"assignee": "alice"},
        ),
    ):
        content = {"application/json": {"schema": reference(body), "example": example}}
        app.add_api_route(
            f"/v1/alerts/{{id}}/{name}",
            handler,
            methods=["POST"],
            description=says,
            responses=responses(
                200, answers.AlertDetailAnswer, "The alert as it is now.", 404, 409, *READING, told=_TOLD
            ),
            response_model=None,
            openapi_extra={"parameters": [_ID], "requestBody": {"required": True, "content": content}},
        )


def _add_pages(app: "FastAPI", pages: "PageHandlers") -> None:
    for path, handler in (
        ("/", pages.queue),
        ("/alerts/{id}", pages.alert),
        ("/sign-in", pages.sign_in),
        ("/status", pages.status),
        ("/status/board", pages.status_board),
        (ROUTE, pages.static_file),
    ):
        app.add_api_route(path, handler, methods=["GET"], include_in_schema=False)
    app.add_api_route("/sign-out", pages.sign_out, methods=["POST"], include_in_schema=False)


def _parameter(place: str, name: str, schema: dict[str, Any], says: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": place, "required": required, "description": says, "schema": schema}


_ID = _parameter("path", "id", {"type": "integer"}, "The alert's id.", required=True)
