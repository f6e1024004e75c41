"""Errors of the HTTP interface (RFC 9457): plain words, the field named, all faults at once.

What a client sent never comes back in an error: a value could be a card number. Names of unknown fields do, since
without them nobody could find the fault, but masked and cut to a length.
"""

import json
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.responses import Response

from fraudline.domain.card_number import mask_card_numbers
from fraudline.service.problem_kind import MEDIA_TYPE, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import ValidationError

    from fraudline.errors import DependencyAway

MAX_FAULTS = 100
MAX_NAME_LENGTH = 64


class FieldFault(NamedTuple):
    """What is wrong with one field; the field is empty where the whole document is meant."""

    field: str
    message: str


class Problem(Exception):  # noqa: N818 - RFC 9457 calls it so
    """A request that cannot be answered as hoped."""

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        faults: "Sequence[FieldFault]" = (),
        headers: "Mapping[str, str] | None" = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.faults = faults
        self.headers = headers or {}

    def document(self) -> dict[str, Any]:
        """Return the problem as its JSON document."""
        return self.kind.document(self.detail, faults_document(self.faults))

    def response(self) -> Response:
        """Return the answer that tells of it."""
        return Response(
            json.dumps(self.document()).encode(),
            status_code=self.kind.status,
            headers=dict(self.headers),
            media_type=MEDIA_TYPE,
        )


def faults_document(faults: "Sequence[FieldFault]") -> list[dict[str, str]]:
    """Return faults as they stand in an answer, at most a hundred; of more it is told that there are."""
    shown = [fault._asdict() for fault in faults[:MAX_FAULTS]]
    if len(faults) > MAX_FAULTS:
        shown.append({"field": "", "message": "and more faults"})
    return shown


def not_valid(faults: "Sequence[FieldFault]") -> Problem:
    """Return the problem of a document that was understood and is wrong."""
    if len(faults) > MAX_FAULTS:
        # The search ended there.
        count = f"More than {MAX_FAULTS} faults were found"
    else:
        count = f"{len(faults)} faults were found" if len(faults) > 1 else "One fault was found"
    return Problem(ProblemKind.NOT_VALID, f"{count}; nothing was taken in.", faults=faults)


def away(error: "DependencyAway") -> Problem:
    """Return the problem of a server that we need and that does not answer: try again."""
    return Problem(
        ProblemKind.UNAVAILABLE,
        f"{error.name} cannot be used right now; what was sent may not have been taken in. Send the same again.",
        headers={"Retry-After": str(error.retry_after_seconds)},
    )


def broken() -> Problem:
    """Return the problem of a fault of ours."""
    return Problem(ProblemKind.INTERNAL, "The request was not the cause; it is in our log.")


def full(what: str) -> Problem:
    """Return the problem of a bound that is reached: try again."""
    return Problem(ProblemKind.FULL, f"{what}; try again in a second.", headers={"Retry-After": "1"})


def shown_name(name: str) -> str:
    """Return a name that a client chose as it may be shown: no card number, nothing unprintable, of bounded length."""
    # Masked before the cut: half a card number is no longer recognised as one.
    masked = mask_card_numbers(name[: 4 * MAX_NAME_LENGTH])
    cut = masked if len(name) <= MAX_NAME_LENGTH else masked[: MAX_NAME_LENGTH - 1] + "…"
    return "".join(character if character.isprintable() else "�" for character in cut)


def shown_field(*names: "str | int") -> str:
    """Return the path of a field as it may be shown."""
    return ".".join(shown_name(str(name)) for name in names)


_SENTENCES = {
    "missing": "is missing",
    "extra_forbidden": "is no field that is known here; leave it out",
    "model_type": "is not a JSON object",
    "string_type": "is not a string",
    "string_too_short": "is empty",
    "string_too_long": "is longer than {max_length} characters",
    "enum": "is not one of {expected}",
    "float_type": "is not a number",
    "finite_number": "is not a finite number",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
    "decimal_type": "is neither a number nor a string",
    "decimal_parsing": 'is not a plain decimal number; write it like "912.40"',
    "decimal_max_digits": "has more than {max_digits} digits",
    "dict_type": "is not a JSON object",
    "too_long": "has more than {max_length} entries",
    "ip_any_address": "is no IPv4 or IPv6 address",
}
_PATTERNS = {
    r"^[A-Z]{2}$": "is no ISO 3166-1 alpha-2 code; write one like DE",
    r"^[0-9]{4}$": "is no four-digit merchant category code; write one like 5411",
    r"^[^\x00]*$": "holds the character U+0000; leave it out",
}
_UNPRINTABLE = "holds control characters or line breaks; leave them out"


def faults_of(error: "ValidationError") -> list[FieldFault]:
    """Return what a validation found, in plain words, never with the value that was sent; no more than are shown."""
    faults = []
    for fault in islice(error.errors(include_input=False, include_url=False), MAX_FAULTS + 1):
        context = fault.get("ctx", {})
        if fault["type"] == "string_pattern_mismatch":
            message = _PATTERNS.get(context["pattern"], _UNPRINTABLE)
        elif fault["type"] in _SENTENCES:
            message = _SENTENCES[fault["type"]].format_map(context)
        elif fault["type"] in _OWN:
            message = fault["msg"]
        else:
            message = "is not valid"
        names = [name for name in fault["loc"] if name != "[key]"]
        faults.append(FieldFault(shown_field(*names), message))
    return faults


# Sentences of the domain's own, which hold no value.
_OWN = frozenset(
    {
        "amount_format",
        "too_many_decimals",
        "unknown_currency",
        "card_number",
        "too_early",
        "moment_type",
        "moment_format",
        "moment_offset",
        "moment_range",
        "ip_format",
    }
)
