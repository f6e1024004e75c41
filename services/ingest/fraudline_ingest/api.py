"""The HTTP interface: routes, their description, and what its errors count as.

Posts are answered in front of the framework, which describes them and keeps everything else.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

from fraudline.domain.label import Label
from fraudline.web.application import READING, answer_errors, bare_application, describe, reference, responses
from fraudline.web.direct_routes import DirectRoutes, answered_in_front
from fraudline_ingest import answers

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import Response

    from fraudline.web.problems import Problem
    from fraudline_ingest.handlers import Handlers
    from fraudline_ingest.metrics import IngestMetrics

_TRANSACTIONS = "/v1/transactions"
_BATCH = "/v1/transactions/batch"
_LABELS = "/v1/labels"
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
_PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=0.5` waits so many seconds for the verdict, three at most (RFC 7240).",
    "schema": {"type": "string"},
    "example": "wait=0.5",
}
_CONFLICT = {409: "With Prefer: wait: another transaction has this transaction_id; its verdict stays."}
_NOT_YET = {404: "No such transaction, or not scored yet: ask again after Retry-After."}


def build_api(handlers: "Handlers", metrics: "IngestMetrics") -> DirectRoutes:
    """Return the application behind ingest's port."""
    refused = cache(lambda code: metrics.events_refused.labels(reason=code))

    def note_refused(problem: "Problem") -> None:
        refused(problem.kind.code).inc()

    posts = {
        _TRANSACTIONS: handlers.post_transaction,
        _BATCH: handlers.post_batch,
        _LABELS: handlers.post_label,
    }
    rest = build_described_api(handlers, metrics)
    return DirectRoutes(posts, rest=rest, metrics=metrics.http, note_refused=note_refused)


def build_described_api(handlers: "Handlers", metrics: "IngestMetrics") -> "FastAPI":
    """Return what describes all routes and answers those that are no posts."""
    app = bare_application(
        title="Fraudline ingest", distribution="fraudline-ingest", description=_DESCRIPTION, metrics=metrics.http
    )
    _describe_posts(app)
    app.add_api_route(
        "/v1/transactions/{transaction_id:path}",
        handlers.get_transaction,
        methods=["GET"],
        description="A transaction with its verdict. A key with the role ingest sees its own client's alone.",
        responses=responses(200, answers.StoredAnswer, "The transaction and its verdict.", 404, told=_NOT_YET),
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
    describe(
        app,
        taken=(answers.Transaction, Label),
        given=(
            answers.AcceptedAnswer,
            answers.PendingAnswer,
            answers.ScoredAnswer,
            answers.BatchAnswer,
            answers.StoredAnswer,
        ),
    )

    def answer(request: "Request", problem: "Problem") -> "Response":
        if request.method == "POST":
            metrics.events_refused.labels(reason=problem.kind.code).inc()
        return problem.response()

    answer_errors(app, answer)
    return app


def _describe_posts(app: "FastAPI") -> None:
    app.add_api_route(
        _TRANSACTIONS,
        answered_in_front,
        name="post_transaction",
        methods=["POST"],
        status_code=202,
        description="One transaction. The answer comes once the broker has stored it. With Prefer: wait it comes with "
        "the verdict once that is committed, or when so many seconds have passed.",
        responses=_posted(),
        response_model=None,
        openapi_extra=_body({"application/json": (reference(answers.Transaction), _EXAMPLE)})
        | {"parameters": [_PREFER]},
    )
    array = {"type": "array", "items": reference(answers.Transaction), "minItems": 1, "maxItems": 1000}
    app.add_api_route(
        _BATCH,
        answered_in_front,
        name="post_batch",
        methods=["POST"],
        status_code=202,
        description="Up to 1,000 transactions; one that is not valid is rejected alone, the others are stored.",
        responses=responses(202, answers.BatchAnswer, "Which were stored and which were not.", *READING),
        response_model=None,
        openapi_extra=_body(
            {"application/json": (array, [_EXAMPLE]), "application/x-ndjson": ({"type": "string"}, "")}
        ),
    )
    app.add_api_route(
        _LABELS,
        answered_in_front,
        name="post_label",
        methods=["POST"],
        status_code=202,
        description="What became known of a transaction; only frauds need to be reported.",
        responses=responses(202, answers.AcceptedAnswer, "Stored.", *READING),
        response_model=None,
        openapi_extra=_body({"application/json": (reference(Label), _LABEL_EXAMPLE)}),
    )


def _posted() -> dict[int | str, dict[str, Any]]:
    stored = "Stored; Location says where its verdict will be. With Prefer: wait: the verdict has not come in time."
    described = responses(202, answers.AcceptedAnswer, stored, 409, *READING, told=_CONFLICT)
    either = {"oneOf": [reference(answers.AcceptedAnswer), reference(answers.PendingAnswer)]}
    described[202]["content"] = {"application/json": {"schema": either}}
    return described | responses(200, answers.ScoredAnswer, "With Prefer: wait: the committed verdict.")


def _body(contents: dict[str, tuple[dict[str, Any], Any]]) -> dict[str, Any]:
    content = {
        media_type: {"schema": schema} | ({"example": example} if example else {})
        for media_type, (schema, example) in contents.items()
    }
    return {"requestBody": {"required": True, "content": content}}
