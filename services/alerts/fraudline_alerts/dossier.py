"""All that is known of one alert: its payment, its verdict, its history, and the card's last payments."""

from typing import TYPE_CHECKING, Any

from fraudline.domain.transaction import rfc3339
from fraudline.postgres.stored import stored_transaction
from fraudline_alerts.feed import event_document
from fraudline_alerts.listing import SUMMARY, summary_of

if TYPE_CHECKING:
    import asyncpg

    from fraudline.postgres.database import Connection

CARD_PAYMENTS = 20
MAX_HISTORY = 500

_HISTORY = """
select number, alert_id, kind, happened_at, actor, detail from fraudline.alert_events
where alert_id = $1 order by number limit $2
"""
# The card's latest payments, this one among them wherever it stands; of labels the one that counts.
_CARD_PAYMENTS = """
with shown as (
    (select transaction_id, accepted_at, occurred_at, amount, currency, merchant_id
     from fraudline.transactions where card_id = $1 order by accepted_at desc limit $2)
    union
    (select transaction_id, accepted_at, occurred_at, amount, currency, merchant_id
     from fraudline.transactions where transaction_id = $3)
)
select shown.*, v.decision, v.score,
       (select label from fraudline.labels l where l.transaction_id = shown.transaction_id
        order by array_position(array['chargeback', 'issuer', 'customer', 'analyst'], source), reported_at desc
        limit 1) as label
from shown join fraudline.verdicts v using (transaction_id)
order by shown.accepted_at desc, shown.transaction_id limit $2 + 1
"""


async def read_dossier(connection: "Connection", alert_id: int) -> dict[str, Any] | None:
    """Return an alert with all that is known of it; None where there is no such alert."""
    row = await connection.fetchrow(SUMMARY, alert_id)
    if row is None:
        return None
    summary = summary_of(row)
    stored = await stored_transaction(connection, summary["transaction_id"], posted_by=None)
    history = await connection.fetch(_HISTORY, alert_id, MAX_HISTORY)
    payments = await connection.fetch(_CARD_PAYMENTS, summary["card_id"], CARD_PAYMENTS, summary["transaction_id"])
    return summary | {
        "verdict": None if stored is None else stored.pop("verdict"),
        "transaction": stored,
        "history": [event_document(event) for event in history],
        "card_payments": [_payment(payment, summary) for payment in payments],
    }


def _payment(row: "asyncpg.Record", alert: dict[str, Any]) -> dict[str, Any]:
    is_this = row["transaction_id"] == alert["transaction_id"]
    said = alert["disposition"]["disposition"] if is_this and alert["disposition"] is not None else None
    return {
        "transaction_id": row["transaction_id"],
        "occurred_at": rfc3339(row["occurred_at"]),
        "amount": format(row["amount"], "f"),
        "currency": row["currency"],
        "merchant_id": row["merchant_id"],
        "decision": row["decision"],
        "score": row["score"],
        # What was said a moment ago may still be on its way to the labels.
        "label": row["label"] or said,
        "is_this": is_this,
    }
