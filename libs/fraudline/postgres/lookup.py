"""What is known already of the transactions that a batch speaks of."""

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from fraudline.domain.label import Label, LabelHistory, LabelSource, LabelValue
from fraudline.domain.policy import Decision, Reason
from fraudline.domain.verdict import Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

    import asyncpg

    from fraudline.postgres.database import Connection

# Verdicts and labels in one round trip, which for new transactions, as most are, gives no rows at all.
_SEEN = """
select transaction_id, fingerprint, posted_by, partition, position, accepted_at, decision, score, reasons,
       reasons_status, model, policy, scored_at, null as source, null::timestamptz as reported_at, null as label
from fraudline.verdicts where transaction_id = any($1)
union all
select transaction_id, null, null, null, null, null, null, null, null,
       null, null, null, null, source, reported_at, label
from fraudline.labels where transaction_id = any($1)
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


@dataclass(slots=True)
class Known:
    """What the database says of the transactions that a batch speaks of; of most it says nothing."""

    verdicts: dict[str, Verdict]
    histories: dict[str, LabelHistory]
    places: dict[str, Place]


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


async def look_up(
    connection: "Connection", transaction_ids: "Collection[str]", *, labelled: "Collection[str]" = (), partition: int
) -> Known:
    """Return what is stored of transactions: verdicts, and what was reported of them.

    Args:
        connection: Where it is read.
        transaction_ids: All that are asked for.
        labelled: Those among them whose place is asked for too: a label may touch their counters.
        partition: Whose counters a history's `counted_at` speaks of.
    """
    known = Known({}, {}, {})
    for row in await connection.fetch(_SEEN, list(transaction_ids)):
        if row["fingerprint"] is not None:
            known.verdicts[row["transaction_id"]] = verdict_of(row)
            continue
        label = Label(
            transaction_id=row["transaction_id"],
            label=LabelValue(row["label"]),
            source=LabelSource(row["source"]),
            reported_at=row["reported_at"],
        )
        known.histories.setdefault(row["transaction_id"], LabelHistory()).take(label)
    if known.histories:
        for row in await connection.fetch(_COUNTED, list(known.histories), partition):
            if row["weight"] > 0:
                known.histories[row["transaction_id"]].counted_at = row["counted_at"]
    if labelled:
        rows = await connection.fetch(_PLACES, list(labelled))
        known.places = {row[0]: Place(*row[1:]) for row in map(tuple, rows)}
    return known
