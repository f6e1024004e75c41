"""The list of alerts: what may be asked of it, where a page begins, and the rows."""

import base64
import binascii
import json
import math
import re
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from fraudline.domain.alert import AlertStatus
from fraudline.domain.policy import Decision
from fraudline.domain.posted import is_identifier
from fraudline.domain.transaction import rfc3339
from fraudline.web.problems import FieldFault, not_valid, shown_name

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    import asyncpg
    from starlette.datastructures import QueryParams

    from fraudline.postgres.database import Connection

DEFAULT_LIMIT = 50
MAX_LIMIT = 200

# What is shown of an alert in a list.
_COLUMNS = """
a.id, a.transaction_id, a.status, a.decision, a.score, a.rank, a.amount, a.currency, a.card_id, a.merchant_id,
a.accepted_at, a.opened_at, a.assignee, v.reasons, v.reasons_status, d.disposition, d.note, d.decided_by, d.decided_at
from fraudline.alerts a join fraudline.verdicts v using (transaction_id)
left join fraudline.dispositions d on d.alert_id = a.id
"""
SUMMARY = f"select {_COLUMNS} where a.id = $1"
_NUMBER = re.compile(r"[0-9]{0,20}\.?[0-9]{1,20}(e-?[0-9]{1,3})?", re.ASCII)
_CURSOR = struct.Struct("<dq")


class Cursor(NamedTuple):
    """Behind which alert a page begins, in the order of the queue: rank, then id, both descending."""

    rank: float
    id: int

    def encode(self) -> str:
        """Return the cursor as clients hold it; what is in it is nobody's business."""
        return base64.urlsafe_b64encode(_CURSOR.pack(*self)).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Read a cursor; raise ValueError where it is none of ours."""
        try:
            cursor = cls(*_CURSOR.unpack(base64.b64decode(text + "==", altchars=b"-_", validate=True)))
        except (binascii.Error, struct.error) as error:
            raise ValueError("is no cursor") from error
        if not math.isfinite(cursor.rank) or cursor.encode() != text:
            raise ValueError("is no cursor")
        return cursor


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the list; None asks for everything."""

    status: AlertStatus | None = None
    decision: Decision | None = None
    card_id: str | None = None
    assignee: str | None = None
    min_score: float | None = None
    cursor: Cursor | None = None
    limit: int = DEFAULT_LIMIT


def read_question(query: "QueryParams", *, known: "Collection[str] | None" = None) -> Question:
    """Read a request's query, in which only these filters may stand; without `known`, all that there are.

    Raises:
        Problem: It asks for something that is not known here, or not so; all faults are in it.
    """
    faults: list[FieldFault] = []
    read: dict[str, Any] = {}
    known = _READERS if known is None else known
    for name in query:
        reader = _READERS[name] if name in known else None
        values = query.getlist(name)
        if reader is None:
            faults.append(
                FieldFault(shown_name(name), f"is no filter that is known here; those are {', '.join(known)}")
            )
        elif len(values) > 1:
            faults.append(FieldFault(name, f"is given {len(values)} times; give it once"))
        else:
            try:
                read[name] = reader(values[0])
            except ValueError as error:
                faults.append(FieldFault(name, str(error)))
    if faults:
        raise not_valid(faults)
    return Question(**read)


def _status(text: str) -> AlertStatus:
    if text not in set(AlertStatus):
        raise ValueError(f"is not one of {', '.join(AlertStatus)}")
    return AlertStatus(text)


def _decision(text: str) -> Decision:
    if text not in {Decision.REVIEW, Decision.DECLINE}:
        raise ValueError("is not one of review, decline")
    return Decision(text)


def _identifier(text: str) -> str:
    if not is_identifier(text):
        raise ValueError("is no id; ids have 1 to 64 printable characters")
    return text


def _score(text: str) -> float:
    score = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not 0 <= score <= 1:
        raise ValueError("is no probability; write a number from 0 to 1")
    return score


def _cursor(text: str) -> Cursor:
    try:
        return Cursor.decode(text)
    except ValueError:
        raise ValueError("is no cursor; take next_cursor of an earlier answer, or begin without one") from None


def _limit(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(MAX_LIMIT))
    if not is_number or not 1 <= int(text) <= MAX_LIMIT:
        raise ValueError(f"is no number from 1 to {MAX_LIMIT}")
    return int(text)


_READERS: "dict[str, Callable[[str], Any]]" = {
    "status": _status,
    "decision": _decision,
    "card_id": _identifier,
    "assignee": _identifier,
    "min_score": _score,
    "cursor": _cursor,
    "limit": _limit,
}


async def list_alerts(connection: "Connection", question: Question) -> tuple[list[dict[str, Any]], str | None]:
    """Return a page of alerts, the highest rank first and the newest among equals, and where the next one begins."""
    # Put together from pieces of this file, so that each combination of filters has a plan and an index of its own.
    conditions, values = [], []
    for column, value in (
        ("a.decision = ", question.decision),
        ("a.card_id = ", question.card_id),
        ("a.assignee = ", question.assignee),
        # What the model could not judge ranks with the highest scores.
        ("a.rank >= ", question.min_score),
    ):
        if value is not None:
            values.append(value)
            conditions.append(f"{column}${len(values)}")
    if question.status is not None:
        conditions.append(f"a.status = '{question.status.value}'")
    if question.cursor is not None:
        values += question.cursor
        conditions.append(f"(a.rank, a.id) < (${len(values) - 1}, ${len(values)})")
    where = f"where {' and '.join(conditions)}" if conditions else ""
    values.append(question.limit + 1)
    sql = f"select {_COLUMNS} {where} order by a.rank desc, a.id desc limit ${len(values)}"
    rows = await connection.fetch(sql, *values)
    shown = rows[: question.limit]
    next_cursor = Cursor(shown[-1]["rank"], shown[-1]["id"]).encode() if len(rows) > len(shown) else None
    return [summary_of(row) for row in shown], next_cursor


def summary_of(row: "asyncpg.Record") -> dict[str, Any]:
    """Return an alert as it stands in lists."""
    disposition = None
    if row["disposition"] is not None:
        disposition = {
            "disposition": row["disposition"],
            "note": row["note"],
            "decided_by": row["decided_by"],
            "decided_at": rfc3339(row["decided_at"]),
        }
    return {
        "id": row["id"],
        "transaction_id": row["transaction_id"],
        "status": row["status"],
        "decision": row["decision"],
        "score": row["score"],
        "amount": format(row["amount"], "f"),
        "currency": row["currency"],
        "card_id": row["card_id"],
        "merchant_id": row["merchant_id"],
        "accepted_at": rfc3339(row["accepted_at"]),
        "opened_at": rfc3339(row["opened_at"]),
        "assignee": row["assignee"],
        "reasons": json.loads(row["reasons"]),
        "reasons_status": row["reasons_status"],
        "disposition": disposition,
    }
