"""What is known already of the transactions that a batch speaks of."""

import json
import math
from typing import TYPE_CHECKING, NamedTuple

from fraudline.domain.label import Label, LabelHistory, LabelSource, LabelValue
from fraudline.domain.policy import Decision, Reason
from fraudline.domain.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncpg

    from fraudline.postgres.database import Connection

_VERDICTS = """
select transaction_id, fingerprint, posted_by, partition, position, accepted_at, decision, score, reasons,
       reasons_status, model, policy, scored_at
from fraudline.verdicts where transaction_id = any($1)
"""
_LABELS = """
select transaction_id, source, reported_at, label from fraudline.labels where transaction_id = any($1)
"""
_PLACES = """
select t.transaction_id, t.card_id, t.merchant_id, t.device_id, t.merchant_country, t.customer_id, t.base_amount,
       (extract(epoch from least(t.occurred_at, t.accepted_at)) * 1000000)::bigint
from fraudline.verdicts v join fraudline.transactions t using (transaction_id, accepted_at)
where v.transaction_id = any($1)
"""
# The newest change of the counters says whether, and since when, the fraud is counted.
_COUNTED = """
select distinct on (transaction_id) transaction_id, counted_at, weight
from fraudline.label_applications where transaction_id = any($1) and partition = $2
order by transaction_id, position desc
"""


class Place(NamedTuple):
    """Whose counters a transaction's label touches, and what it says there: the amount and the time that it had."""

    card_id: str
    merchant_id: str
    device_id: str | None
    merchant_country: str | None
    customer_id: str | None
    base_amount: float | None
    transaction_microseconds: int


def verdict_of(row: "asyncpg.Record") -> Verdict:
    """Return the stored verdict in a row of `fraudline.verdicts`, with the reasons that it has by now.

    Its event leaves out those that were explained after the scoring, so that it never changes.
    """
    return Verdict(
        transaction_id=row["transaction_id"],
        fingerprint=row["fingerprint"],
        posted_by=row["posted_by"],
        partition=row["partition"],
        position=row["position"],
        accepted_at=row["accepted_at"],
        decision=Decision(row["decision"]),
        score=math.nan if row["score"] is None else row["score"],
        reasons=tuple(Reason(**reason) for reason in json.loads(row["reasons"])),
        reasons_status=row["reasons_status"],
        model=row["model"],
        policy=row["policy"],
        scored_at=row["scored_at"],
    )


async def verdicts_of(connection: "Connection", transaction_ids: "Collection[str]") -> dict[str, Verdict]:
    """Return the verdicts that are stored for these transactions."""
    rows = await connection.fetch(_VERDICTS, list(transaction_ids))
    return {row["transaction_id"]: verdict_of(row) for row in rows}


async def label_histories_of(
    connection: "Connection", transaction_ids: "Collection[str]", *, partition: int
) -> dict[str, LabelHistory]:
    """Return what was reported of these transactions, and whether this partition counts it; none where none was."""
    histories: dict[str, LabelHistory] = {}
    for row in await connection.fetch(_LABELS, list(transaction_ids)):
        label = Label(
            transaction_id=row["transaction_id"],
            label=LabelValue(row["label"]),
            source=LabelSource(row["source"]),
            reported_at=row["reported_at"],
        )
        histories.setdefault(row["transaction_id"], LabelHistory()).take(label)
    if histories:
        for row in await connection.fetch(_COUNTED, list(histories), partition):
            if row["weight"] > 0:
                histories[row["transaction_id"]].counted_at = row["counted_at"]
    return histories


async def places_of(connection: "Connection", transaction_ids: "Collection[str]") -> dict[str, Place]:
    """Return whose counters the labels of these transactions touch, for those that are in a log."""
    rows = await connection.fetch(_PLACES, list(transaction_ids))
    return {row[0]: Place(*row[1:]) for row in map(tuple, rows)}
