"""Flagged verdicts that have no reasons yet: which come next, and storing what was found, once."""

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from fraudline.domain.policy import POLICY_CODES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from fraudline.domain.policy import Reason
    from fraudline.postgres.database import Connection

# From both ends of each log at once. Newest first alone would starve the rest in a burst; oldest first alone would have
# a person who looks at what comes in now wait for all of the burst. No lock is taken: two explainers do work twice.
# What other models gave is left to their own explainers for a while.
_NEXT = """
select ends.*
from fraudline.partitions p cross join lateral (
    (select transaction_id, partition, position, model, score, reasons, features, scored_at
     from fraudline.verdicts
     where partition = p.partition and reasons_status = 'pending'
       and (model = $1 or scored_at < now() - $2::interval)
     order by position desc limit $3)
    union
    (select transaction_id, partition, position, model, score, reasons, features, scored_at
     from fraudline.verdicts
     where partition = p.partition and reasons_status = 'pending'
       and (model = $1 or scored_at < now() - $2::interval)
     order by position limit $3)
) ends
"""
_COUNT = "select count(*) from fraudline.verdicts where reasons_status = 'pending'"
_STORE = "select fraudline.store_reasons($1::text[], $2::text[])"


class Pending(NamedTuple):
    """A flagged verdict without reasons; `policy_reasons` are those that it was scored with, as they are stored."""

    transaction_id: str
    partition: int
    position: int
    model: str
    score: float | None
    policy_reasons: list[dict[str, Any]]
    features: bytes | None
    scored_at: "datetime"


class Explained(NamedTuple):
    """What was found for one of them: reasons to add to the policy's own, and whether the model's are known."""

    verdict: Pending
    reasons: "tuple[Reason, ...]"
    is_known: bool

    def encode(self) -> str:
        """Return all of its reasons, the policy's first."""
        return json.dumps([*self.verdict.policy_reasons, *(reason._asdict() for reason in self.reasons)])


async def next_pending(
    connection: "Connection", model: str, *, other_models_after: "timedelta", from_each_end: int
) -> list[Pending]:
    """Return the verdicts of a model that come next, newest and oldest alike, none of them twice.

    Those of other models are among them from so long after their scoring on.
    """
    rows = await connection.fetch(_NEXT, model, other_models_after, from_each_end)
    return [
        Pending(
            transaction_id=row["transaction_id"],
            partition=row["partition"],
            position=row["position"],
            model=row["model"],
            score=row["score"],
            policy_reasons=[reason for reason in json.loads(row["reasons"]) if reason["code"] in POLICY_CODES],
            features=row["features"],
            scored_at=row["scored_at"],
        )
        for row in rows
    ]


async def count_pending(connection: "Connection") -> int:
    """Return how many flagged verdicts of any model have no reasons yet."""
    count: int = await connection.fetchval(_COUNT)
    return count


async def store_reasons(connection: "Connection", explained: "Sequence[Explained]") -> int:
    """Store the reasons of those verdicts that still have none; return how many that were."""
    stored: int = await connection.fetchval(
        _STORE, [one.verdict.transaction_id for one in explained], [one.encode() for one in explained]
    )
    return stored
