"""What the pages are given, filled with what does not matter."""

from typing import Any


def an_alert(**changes: Any) -> dict[str, Any]:
    return {
        "id": 17,
        "transaction_id": "t-1",
        "status": "open",
        "decision": "decline",
        "score": 0.934,
        "amount": "12912.40",
        "currency": "EUR",
        "card_id": "card-1",
        "merchant_id": "merchant-1",
        "accepted_at": "2026-11-23T18:00:00.000001Z",
        "opened_at": "2026-11-23T18:00:00.010000Z",
        "assignee": None,
        "reasons": [{"code": "card_count", "text": "12 payments in the last hour.", "contribution": 1.5}],
        "reasons_status": "ready",
        "disposition": None,
    } | changes


def a_payment(**changes: Any) -> dict[str, Any]:
    return {
        "transaction_id": "t-0",
        "occurred_at": "2026-11-23T17:00:00.000000Z",
        "amount": "9.00",
        "currency": "EUR",
        "merchant_id": "merchant-2",
        "decision": "approve",
        "score": 0.01,
        "label": None,
        "is_this": False,
    } | changes


def a_detail(**changes: Any) -> dict[str, Any]:
    alert = an_alert()
    return (
        alert
        | {
            "transaction": {
                "transaction_id": "t-1",
                "occurred_at": "2026-11-23T17:59:59.000000Z",
                "amount": "12912.40",
                "currency": "EUR",
                "card_id": "card-1",
                "merchant_id": "merchant-1",
                "device_id": "device-1",
                "metadata": {"basket": "2 items"},
                "answered_decision": None,
            },
            "verdict": {
                "transaction_id": "t-1",
                "model": "starter-1",
                "policy": "thresholds-1",
                "scored_at": "2026-11-23T18:00:00.007000Z",
                "latency_ms": 7.0,
            },
            "history": [an_event("opened", actor=None)],
            "card_payments": [a_payment(is_this=True, amount="12912.40", decision="decline"), a_payment()],
        }
        | changes
    )


def an_event(kind: str, *, actor: str | None = "ana", **detail: Any) -> dict[str, Any]:
    return {"number": 1, "kind": kind, "happened_at": "2026-11-23T18:00:01.000000Z", "actor": actor, "detail": detail}


def a_disposition(**changes: Any) -> dict[str, Any]:
    return {
        "disposition": "fraud",
        "note": "called",
        "decided_by": "ben",
        "decided_at": "2026-11-23T18:01:00.000000Z",
    } | changes


def every_history() -> list[dict[str, Any]]:
    return [
        an_event("opened", actor=None),
        an_event("explained", actor=None),
        an_event("assigned", assignee="ana"),
        an_event("assigned", assignee="ben"),
        an_event("assigned", assignee=None),
        an_event("disposed", disposition="fraud", note="called"),
    ]
