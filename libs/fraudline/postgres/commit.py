"""Appending a batch to a partition's log: one statement, or nothing."""

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import asyncpg

from fraudline.domain.moment import microseconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from fraudline.domain.event import LabelReported, TransactionAccepted
    from fraudline.domain.label import Effect
    from fraudline.domain.policy import Decision
    from fraudline.domain.verdict import Verdict
    from fraudline.postgres.database import Connection

_GATE = "verdicts_pkey"
_COMMIT = "select fraudline.commit_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"


class SeenMeanwhile(Exception):  # noqa: N818 - a state of the world, told as one
    """A transaction of the batch is known: since it was looked up, or because it was not. Look again."""


class NotStorable(Exception):  # noqa: N818 - a state of the world, told as one
    """The database refuses a value of the batch, and will refuse it every time; `sqlstate` says why."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__(f"the database refuses a value (SQLSTATE {sqlstate})")
        self.sqlstate = sqlstate


class ScoredTransaction(NamedTuple):
    """A transaction with its verdict; `base_amount` is what the kernel saw, None where no rate was known."""

    accepted: "TransactionAccepted"
    verdict: "Verdict"
    base_amount: float | None


@dataclass(frozen=True, slots=True)
class AppliedLabel:
    """A change of the counters that a label brought, at its position in the log."""

    position: int
    transaction_id: str
    card_id: str
    merchant_id: str
    effect: "Effect"


def _row(scored: ScoredTransaction) -> tuple[Any, ...]:
    """Return a `fraudline.scored_row`, in types that the driver encodes in a fraction of the others' time."""
    verdict, transaction = scored.verdict, scored.accepted.data
    return (
        verdict.transaction_id,
        verdict.fingerprint,
        verdict.posted_by,
        verdict.position,
        microseconds(verdict.accepted_at),
        verdict.decision.value,
        verdict.score if math.isfinite(verdict.score) else None,
        json.dumps([reason._asdict() for reason in verdict.reasons]) if verdict.reasons else "[]",
        verdict.reasons_status,
        verdict.features,
        microseconds(transaction.occurred_at),
        str(transaction.amount),
        transaction.currency,
        scored.base_amount,
        transaction.card_id,
        transaction.merchant_id,
        transaction.merchant_category,
        transaction.merchant_country,
        transaction.billing_country,
        transaction.channel,
        transaction.device_id,
        None if transaction.ip is None else str(transaction.ip),
        transaction.latitude,
        transaction.longitude,
        transaction.customer_id,
        json.dumps(transaction.metadata, ensure_ascii=False) if transaction.metadata else None,
    )


def _label_row(reported: "LabelReported") -> "tuple[str, str, datetime, str, str, datetime]":
    label = reported.data
    return (
        label.transaction_id,
        label.source.value,
        label.reported_at,
        label.label.value,
        reported.postedby,
        reported.time,
    )


def _applied_row(applied: AppliedLabel) -> "tuple[int, str, str, str, datetime, int]":
    return (
        applied.position,
        applied.transaction_id,
        applied.card_id,
        applied.merchant_id,
        applied.effect.counted_at,
        applied.effect.weight,
    )


async def commit_batch(
    connection: "Connection",
    *,
    partition: int,
    epoch: int,
    after: int,
    scored: list[ScoredTransaction],
    taken: "list[LabelReported]",
    applied: list[AppliedLabel],
    answered: "Mapping[str, Decision] | None" = None,
    if_unseen: bool = False,
) -> bool:
    """Append a batch behind position `after`; return whether the log was as expected.

    What is `scored` was scored together: at one moment, by one model, under one policy.
    `answered` are the decisions that clients were told in place of a verdict, by transaction; the first stays. With
    `if_unseen` nothing was looked up of what is scored: where a verdict or a label is there, nothing is written.

    False says that the end or the epoch is another: nothing was written.

    Raises:
        SeenMeanwhile: One of the transactions has a verdict already, or with `if_unseen` a label; nothing was written.
        NotStorable: A value cannot be stored; nothing was written.
    """
    first = scored[0].verdict if scored else None
    try:
        committed: bool | None = await connection.fetchval(
            _COMMIT,
            partition,
            epoch,
            after,
            [_row(entry) for entry in scored],
            None if first is None else first.model,
            None if first is None else first.policy,
            None if first is None else first.scored_at,
            [_label_row(reported) for reported in taken],
            [_applied_row(entry) for entry in applied],
            [(transaction_id, decision.value) for transaction_id, decision in (answered or {}).items()],
            if_unseen,
        )
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != _GATE:
            raise
        raise SeenMeanwhile from error
    except (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        raise NotStorable(error.sqlstate or "unknown") from error
    if committed is None:
        raise SeenMeanwhile
    return committed
