"""What became of a transaction, read from the database."""

import json
from typing import TYPE_CHECKING, Any

from fraudline.domain.transaction import rfc3339
from fraudline.postgres.lookup import verdict_of

if TYPE_CHECKING:
    import asyncpg

    from fraudline.postgres.database import Connection

# Everything of one transaction in one round trip; $2 is the client it must belong to, null for any.
_STORED = """
select v.transaction_id, v.fingerprint, v.posted_by, v.partition, v.position, v.accepted_at, v.decision, v.score,
       v.reasons, v.reasons_status, v.model, v.policy, v.scored_at, v.answered_decision,
       t.occurred_at, t.amount, t.currency, t.card_id, t.merchant_id, t.merchant_category, t.merchant_country,
       t.billing_country, t.channel, t.device_id, host(t.ip) as ip, t.latitude, t.longitude, t.customer_id, t.metadata,
       (select count(*) from fraudline.dead_letters d
        where d.transaction_id = v.transaction_id and d.reason = 'transaction_id_conflict') as conflicts
from fraudline.verdicts v join fraudline.transactions t using (transaction_id, accepted_at)
where v.transaction_id = $1 and ($2::text is null or v.posted_by = $2)
"""
_LABELS = """
select label, source, reported_at from fraudline.labels where transaction_id = $1 order by reported_at, source
"""

_OPTIONAL = (
    "merchant_category",
    "merchant_country",
    "billing_country",
    "channel",
    "device_id",
    "ip",
    "latitude",
    "longitude",
    "customer_id",
)


async def stored_transaction(
    connection: "Connection", transaction_id: str, *, posted_by: str | None
) -> dict[str, Any] | None:
    """Return a scored transaction as clients see it, None where there is none that `posted_by` may see."""
    row = await connection.fetchrow(_STORED, transaction_id, posted_by)
    if row is None:
        return None
    labels = await connection.fetch(_LABELS, transaction_id)
    return _fields(row) | {
        "accepted_at": rfc3339(row["accepted_at"]),
        "verdict": verdict_of(row).public(),
        "answered_decision": row["answered_decision"],
        "conflicts": row["conflicts"],
        "labels": [
            {"label": label["label"], "source": label["source"], "reported_at": rfc3339(label["reported_at"])}
            for label in labels
        ],
    }


def _fields(row: "asyncpg.Record") -> dict[str, Any]:
    """Return the fields that were sent."""
    fields: dict[str, Any] = {
        "transaction_id": row["transaction_id"],
        "occurred_at": rfc3339(row["occurred_at"]),
        "amount": format(row["amount"], "f"),
        "currency": row["currency"],
        "card_id": row["card_id"],
        "merchant_id": row["merchant_id"],
    }
    fields |= {name: row[name] for name in _OPTIONAL if row[name] is not None}
    if row["metadata"] is not None:
        fields["metadata"] = json.loads(row["metadata"])
    return fields
