"""What travels to the scorer: one event a line of NDJSON, with CloudEvents' attribute names."""

import json
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Final, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic_core import PydanticCustomError

from fraudline.domain.label import Label
from fraudline.domain.plain import PlainIdentifier, PlainTransaction, is_plain
from fraudline.domain.policy import Decision
from fraudline.domain.posted import Identifier, Moment, PostedTransaction, moment_of
from fraudline.domain.transaction import Transaction, WireTransaction, rfc3339

MAX_EVENTS = 512
MAX_BYTES = 1 << 20

TRANSACTION_TYPE = "fraudline.transaction.v1"
LABEL_TYPE = "fraudline.label.v1"
FALLBACK_TYPE = "fraudline.fallback.v1"

INGEST_SOURCE = "/fraudline/ingest"
ALERTS_SOURCE = "/fraudline/alerts"


class _Envelope(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    specversion: Literal["1.0"]
    source: Identifier
    id: Identifier
    time: Moment
    postedby: Identifier


class _PostedTransactionAccepted(_Envelope):
    type: Literal["fraudline.transaction.v1"]
    data: PostedTransaction


class TransactionAccepted(msgspec.Struct, frozen=True, gc=False):
    """A transaction that ingest answered for; `time` is when it was accepted."""

    time: datetime
    postedby: str
    data: Transaction

    @property
    def type(self) -> str:
        """Its type among events."""
        return TRANSACTION_TYPE


class _PlainTransactionAccepted(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False, tag_field="type", tag=TRANSACTION_TYPE
):
    """The same with the types that JSON has, for the short way of `domain.plain`."""

    specversion: Literal["1.0"]
    source: PlainIdentifier
    id: PlainIdentifier
    time: str
    postedby: PlainIdentifier
    data: PlainTransaction


class LabelReported(_Envelope):
    """A label that ingest answered for; `time` is when it was accepted."""

    type: Literal["fraudline.label.v1"]
    data: Label


class Fallback(BaseModel):
    """What a client that waited was told in place of a verdict that had not come in time.

    `fingerprint` is the transaction's, in hexadecimal: the same id may have been posted with other content.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    transaction_id: Identifier
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    decision: Decision


class FallbackAnswered(_Envelope):
    """A fallback that ingest answered with; `time` is when."""

    type: Literal["fraudline.fallback.v1"]
    data: Fallback


Event = TransactionAccepted | LabelReported | FallbackAnswered
_EVENT: TypeAdapter[_PostedTransactionAccepted | LabelReported | FallbackAnswered] = TypeAdapter(
    Annotated[_PostedTransactionAccepted | LabelReported | FallbackAnswered, Field(discriminator="type")]
)
_PLAIN = msgspec.json.Decoder(_PlainTransactionAccepted)
# Six names with a text each, and the name `data`.
_QUOTES_OF_ENVELOPE: Final = 26


def key_of(line: bytes) -> bytes:
    """Return what tells a line from all others, which an id that two clients use does not: its SHA-256."""
    return sha256(line).digest()


def decode(line: bytes) -> Event:
    """Return the event on one line.

    Raises:
        pydantic.ValidationError: The line is not JSON, of an unknown type, or breaks the event's form.
    """
    if (accepted := _plain_transaction_accepted(line)) is not None:
        return accepted
    event = _EVENT.validate_json(line)
    if isinstance(event, _PostedTransactionAccepted):
        return TransactionAccepted(event.time, event.postedby, event.data.checked())
    return event


def _plain_transaction_accepted(line: bytes) -> TransactionAccepted | None:
    """Return the event of an accepted transaction; None where it is another, or needs a closer look."""
    if not is_plain(line):
        return None
    try:
        told = _PLAIN.decode(line)
        accepted_at = moment_of(told.time)
    except (msgspec.DecodeError, PydanticCustomError):
        return None
    if line.count(b'"') != _QUOTES_OF_ENVELOPE + told.data.quotes or (transaction := told.data.checked()) is None:
        return None
    return TransactionAccepted(accepted_at, told.postedby, transaction)


def _encode(
    kind: str,
    identifier: str,
    data: WireTransaction | dict[str, str],
    *,
    accepted_at: datetime,
    posted_by: str,
    source: str,
) -> bytes:
    event = {
        "specversion": "1.0",
        "type": kind,
        "source": source,
        "id": identifier,
        "time": rfc3339(accepted_at),
        "postedby": posted_by,
        "data": data,
    }
    return msgspec.json.encode(event)


def encode_transaction(transaction: Transaction, *, accepted_at: datetime, posted_by: str) -> bytes:
    """Return the line, without its end, that tells of an accepted transaction."""
    return _encode(
        TRANSACTION_TYPE,
        transaction.transaction_id,
        transaction.on_the_wire(),
        accepted_at=accepted_at,
        posted_by=posted_by,
        source=INGEST_SOURCE,
    )


def encode_label(label: Label, *, accepted_at: datetime, posted_by: str, source: str = INGEST_SOURCE) -> bytes:
    """Return the line, without its end, that tells of an accepted label; its id follows from its content.

    `source` is the service that answers for it.
    """
    data = {
        "transaction_id": label.transaction_id,
        "label": label.label.value,
        "source": label.source.value,
        "reported_at": rfc3339(label.reported_at),
    }
    identifier = sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:32]
    return _encode(LABEL_TYPE, identifier, data, accepted_at=accepted_at, posted_by=posted_by, source=source)


def encode_fallback(transaction: Transaction, decision: Decision, *, answered_at: datetime, posted_by: str) -> bytes:
    """Return the line, without its end, that tells what a client was answered in place of a verdict."""
    return _encode(
        FALLBACK_TYPE,
        transaction.transaction_id,
        {
            "transaction_id": transaction.transaction_id,
            "fingerprint": transaction.fingerprint(posted_by).hex(),
            "decision": decision.value,
        },
        accepted_at=answered_at,
        posted_by=posted_by,
        source=INGEST_SOURCE,
    )
