"""From bytes to a transaction or label, or to everything that is wrong with them."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import from_json

from fraudline.domain.label import Label
from fraudline.domain.plain import plain_transaction
from fraudline.domain.posted import MAX_METADATA_ENTRIES, Moment, PostedTransaction
from fraudline.domain.transaction import MAX_AHEAD, Transaction
from fraudline.service.problem_kind import ProblemKind
from fraudline.service.settings import MAX_BATCH
from fraudline.web import strict_json
from fraudline.web.problems import FieldFault, Problem, faults_of, not_valid, shown_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

_TRANSACTION = TypeAdapter(PostedTransaction)
_LABEL = TypeAdapter(Label)
_MOMENT: TypeAdapter["datetime"] = TypeAdapter(Moment, config=ConfigDict(hide_input_in_errors=True))

_AHEAD = "lies more than five minutes ahead of the clock here; check the time and its offset"
_INEXACT = "is a number that JSON readers would round; send it as a string"

# Beside all fields that are known. With more the text is no slip, and its faults are not worth finding one by one.
MAX_UNKNOWN_FIELDS = 20
_ARRAY = re.compile(rb"[ \t\r\n]*\[")

Posted = TypeVar("Posted", PostedTransaction, Label)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A line of a batch that was not taken: where it stood, whose it is (if that can be told), and why."""

    index: int
    transaction_id: str | None
    faults: list[FieldFault]
    reason: str


def read_transaction(document: bytes, *, now: "datetime") -> Transaction:
    """Return the transaction that a JSON text tells of.

    Raises:
        Problem: It is no JSON, or no transaction; all faults are in it.
    """
    transaction = plain_transaction(document)
    if transaction is not None and not transaction.is_ahead_of(now):
        return transaction
    known = PostedTransaction.model_fields
    return _read(_TRANSACTION, document, known=known, moment="occurred_at", now=now).checked()


def read_label(document: bytes, *, now: "datetime") -> Label:
    """Return the label that a JSON text tells of.

    Raises:
        Problem: It is no JSON, or no label; all faults are in it.
    """
    return _read(_LABEL, document, known=Label.model_fields, moment="reported_at", now=now)


def _read(
    adapter: "TypeAdapter[Posted]", document: bytes, *, known: "Collection[str]", moment: str, now: "datetime"
) -> Posted:
    fields, faults = _fields_of(document, known)
    try:
        posted = adapter.validate_json(document)
    except ValidationError as error:
        known = {fault.field for fault in faults}
        faults += [fault for fault in faults_of(error) if fault.field not in known]
    else:
        if _is_ahead(getattr(posted, moment), now):
            faults.append(FieldFault(moment, _AHEAD))
        if not faults:
            return posted
        raise not_valid(faults)
    if moment not in {fault.field for fault in faults} and _is_ahead(fields.get(moment), now):
        faults.append(FieldFault(moment, _AHEAD))
    raise not_valid(faults)


def _fields_of(document: bytes, known: "Collection[str]") -> tuple[dict[str, Any], list[FieldFault]]:
    """Return the fields of a text, none where it is no object, with the faults that can be told by the text alone.

    Raises:
        Problem: It is no JSON, has no reading, or so many fields that nobody would want to know what each has wrong.
    """
    faults: list[FieldFault] = []
    try:
        value = strict_json.read(document)
    except strict_json.NotJson as error:
        raise Problem(
            ProblemKind.NOT_JSON, f"The body {error.reason}.", faults=[FieldFault("", error.reason)]
        ) from None
    except strict_json.Ambiguous as error:
        if error.value is None:
            raise not_valid(error.faults) from None
        value = error.value
        faults = error.faults
    fields: dict[str, Any] = value if isinstance(value, dict) else {}
    if len(fields) > len(known) + MAX_UNKNOWN_FIELDS:
        raise not_valid([FieldFault("", f"has {len(fields):,} fields, of which at most {len(known)} can be known")])
    for name, value in fields.items():
        if isinstance(value, dict) and len(value) > MAX_METADATA_ENTRIES + MAX_UNKNOWN_FIELDS:
            raise not_valid([FieldFault(shown_name(name), f"has more than {MAX_METADATA_ENTRIES} entries")])
    amount = fields.get("amount")
    if type(amount) is float and not strict_json.number_is_exact(document, "amount", amount):
        faults.append(FieldFault("amount", _INEXACT))
    return fields, faults


def _is_ahead(moment: object, now: "datetime") -> bool:
    """Return whether a time that was not complained about lies ahead; without a document there is none."""
    return moment is not None and _MOMENT.validate_python(moment) > now + MAX_AHEAD


def batch_documents(body: bytes, *, is_ndjson: bool) -> list[bytes]:
    """Return the JSON texts that a batch holds: the lines that are not blank, or the elements of an array.

    Raises:
        Problem: The batch as a whole cannot be read, is empty, or holds more than a thousand.
    """
    if is_ndjson:
        if _ARRAY.match(body):
            raise Problem(ProblemKind.NOT_JSON, "The body is a JSON array, not NDJSON. Send it as application/json.")
        documents = [line for line in body.split(b"\n") if line.strip()]
    elif not _ARRAY.match(body):
        raise _no_array(body)
    else:
        documents = list(_elements(body))
    if not documents:
        raise not_valid([FieldFault("", "holds no transaction")])
    if len(documents) > MAX_BATCH:
        raise Problem(ProblemKind.TOO_LARGE, f"A batch holds at most {MAX_BATCH:,} transactions.")
    return documents


def _no_array(body: bytes) -> Problem:
    try:
        strict_json.read(body)
    except strict_json.NotJson as error:
        hint = "Send a JSON array, or one object a line as application/x-ndjson."
        return Problem(ProblemKind.NOT_JSON, f"The body {error.reason}. {hint}")
    except strict_json.Ambiguous as error:
        return not_valid(error.faults)
    return not_valid([FieldFault("", "is no JSON array; for one object a line say Content-Type: application/x-ndjson")])


def _elements(body: bytes) -> "Iterator[bytes]":
    """Cut an array into its elements' texts, each of which is read by itself afterwards."""
    try:
        yield from strict_json.elements(body, at_most=MAX_BATCH + 1)
    except strict_json.NotJson as error:
        raise Problem(ProblemKind.NOT_JSON, f"The body {error.reason}.") from None


def claimed_id(document: bytes) -> str | None:
    """Return the transaction_id of a text that was refused, as it may be shown; None where there is none."""
    if strict_json.holds_too_many_values(document):
        return None
    try:
        value = from_json(document)
    except ValueError:
        return None
    claimed = value.get("transaction_id") if isinstance(value, dict) else None
    return shown_name(claimed) if isinstance(claimed, str) else None
