"""Dead letters on their way: from what could not be processed to a message in a dead queue, and back.

A letter leaves its maker free of card numbers: dead queues and the table behind them count as storage (PCI DSS 3.5.1).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final, Self

from aio_pika import DeliveryMode, Message
from pydantic import ValidationError

from fraudline.domain.card_number import contains_card_number, mask_card_numbers
from fraudline.domain.event import MAX_BYTES, decode
from fraudline.domain.posted import is_identifier
from fraudline.domain.verdict import VERDICT_TYPE

MAX_ERROR_CHARACTERS = 500
MAX_NAME_CHARACTERS = 64

REASON_HEADER: Final = "fraudline-reason"
ERROR_HEADER: Final = "fraudline-error"
EVENT_TYPE_HEADER: Final = "fraudline-event-type"
TRANSACTION_ID_HEADER: Final = "fraudline-transaction-id"
KEY_HEADER: Final = "fraudline-key"
MASKED_HEADER: Final = "fraudline-masked"
# The broker's own account of what it dead-lettered, the newest death first.
DEATHS_HEADER: Final = "x-death"

_ESCAPED_DIGIT_OR_SEPARATOR = re.compile(r"\\u00(3[0-9]|20|2[dDeE])")
_OF_A_NUMBER = "0123456789 .-"


class DeadReason(StrEnum):
    """Why something could not be processed; the last three are given by the broker."""

    MALFORMED_EVENT = "malformed_event"
    UNKNOWN_TYPE = "unknown_type"
    UNDECODABLE_MESSAGE = "undecodable_message"
    MESSAGE_TOO_LARGE = "message_too_large"
    TRANSACTION_ID_CONFLICT = "transaction_id_conflict"
    LABEL_CONFLICT = "label_conflict"
    UNKNOWN_VERDICT = "unknown_verdict"
    SCORING_FAILED = "scoring_failed"
    TOOK_THE_PROCESS_DOWN = "took_the_process_down"
    NOT_STORABLE = "not_storable"
    DELIVERY_LIMIT = "delivery_limit"
    EXPIRED = "expired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class Letter:
    """One thing that could not be processed.

    `queue` is where it was taken from, `key` (hex) what makes it the same letter when it comes again. `body` is at
    most 1 MiB; a longer one is cut, under the reason `message_too_large`, and can never be sent again.
    """

    queue: str
    reason: DeadReason
    error: str
    body: bytes
    is_masked: bool
    key: str
    event_type: str | None = None
    transaction_id: str | None = None

    @classmethod
    def of_line(
        cls,
        *,
        queue: str,
        reason: DeadReason,
        error: str,
        body: bytes,
        transaction_id: str | None = None,
        event_type: str | None = None,
        key: bytes | None = None,
    ) -> Self:
        """Return a letter about a line, or about a whole message, without the card numbers in it.

        Without a `key` the same body from the same queue for the same reason is the same letter.
        """
        is_cut = len(body) > MAX_BYTES
        if is_cut:
            error = f"{len(body)} bytes, of which the first {MAX_BYTES} are kept ({reason}): {error}"
            reason, body = DeadReason.MESSAGE_TOO_LARGE, body[:MAX_BYTES]
        is_ours = not is_cut and _is_ours(body)
        kept = body if is_ours else _without_card_numbers(body, is_cut=is_cut)
        return cls(
            queue=queue,
            reason=reason,
            error=_masked(error, MAX_ERROR_CHARACTERS),
            body=kept,
            is_masked=kept != body,
            # Over what is kept, never over what was masked: a card number can be found again from its hash.
            key=sha256(kept if key is None else key).hexdigest(),
            event_type=None if event_type is None else _masked(event_type, MAX_NAME_CHARACTERS),
            transaction_id=_identifier(transaction_id, is_ours=is_ours),
        )

    @classmethod
    def parse(cls, headers: Mapping[str, Any], body: bytes, *, queue: str) -> Self:
        """Return the letter in a message from the dead queue of `queue`.

        It was sent as a letter, or the broker itself took the message from its queue: then the body may be many lines,
        and nothing in it is masked yet.
        """
        deaths = headers.get(DEATHS_HEADER)
        reason = _reason(headers.get(REASON_HEADER))
        if reason is None or deaths:
            reason, error = _death(deaths)
            return cls.of_line(queue=queue, reason=reason, error=error, body=body)
        key = _text(headers.get(KEY_HEADER))
        is_marked = headers.get(MASKED_HEADER) is True
        # Masked again: whoever may write to the dead exchange could have forgotten.
        letter = cls.of_line(
            queue=queue,
            reason=reason,
            error=_text(headers.get(ERROR_HEADER)) or "no error was told",
            body=body,
            transaction_id=_text(headers.get(TRANSACTION_ID_HEADER)),
            event_type=_text(headers.get(EVENT_TYPE_HEADER)),
        )
        return replace(letter, is_masked=letter.is_masked or is_marked, key=letter.key if key is None else key)

    @property
    def id(self) -> str:
        """What names the letter wherever it is: 32 hex digits of SHA-256 over queue, reason and key."""
        return sha256(f"{self.queue}\0{self.reason}\0{self.key}".encode()).hexdigest()[:32]

    def message(self) -> Message:
        """Return the message for the exchange `fraudline.dead`; its routing key is the letter's queue."""
        headers: dict[str, Any] = {
            REASON_HEADER: self.reason.value,
            ERROR_HEADER: self.error,
            KEY_HEADER: self.key,
            MASKED_HEADER: self.is_masked,
        }
        if self.event_type is not None:
            headers[EVENT_TYPE_HEADER] = self.event_type
        if self.transaction_id is not None:
            headers[TRANSACTION_ID_HEADER] = self.transaction_id
        return Message(
            self.body,
            headers=headers,
            content_type="application/x-ndjson",
            delivery_mode=DeliveryMode.PERSISTENT,
        )


def _is_ours(body: bytes) -> bool:
    """Return whether every line is an event that passes our checks.

    Such an event holds no card number where one is forbidden; a long id, coordinate or score that looks like one is
    none.
    """
    return all(_is_event(line) or _is_verdict(line) for line in body.split(b"\n") if line)


def _is_event(line: bytes) -> bool:
    try:
        decode(line)
    except ValidationError:
        return False
    return True


def _is_verdict(line: bytes) -> bool:
    """Return whether a line tells of a verdict, without a card number in any text but the ids of its transaction."""
    try:
        event = json.loads(line)
        data = event["data"]
        transaction_id = data["transaction_id"]
        if event["type"] != VERDICT_TYPE or not is_identifier(transaction_id):
            return False
        rest = {**event, "id": "", "data": {**data, "transaction_id": ""}}
        return not any(contains_card_number(text) for text in _texts(rest))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _texts(value: Any) -> Iterator[str]:
    """Give every text in a JSON value, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _without_card_numbers(body: bytes, *, is_cut: bool) -> bytes:
    """Return a body with card numbers masked; the very same bytes where there are none."""
    encoding = "utf-8"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        # One character a byte and back again: what is no text keeps its bytes.
        encoding = "latin-1"
        text = body.decode(encoding)
    readable = _ESCAPED_DIGIT_OR_SEPARATOR.sub(lambda escape: chr(int(escape[1], 16)), text)
    masked = readable
    if is_cut:
        # The cut may have gone through a number, whose rest would pass no check.
        whole = readable.rstrip(_OF_A_NUMBER)
        masked = whole + "*" * (len(readable) - len(whole))
    masked = mask_card_numbers(masked)
    return body if masked == readable else masked.encode(encoding)


def _death(deaths: object) -> tuple[DeadReason, str]:
    """Return why the broker took a message from its queue."""
    newest = deaths[0] if isinstance(deaths, list) and deaths and isinstance(deaths[0], Mapping) else {}
    told = _text(newest.get("reason")) or "no reason"
    reason = _reason(told)
    count = newest.get("count", 1)
    return reason or DeadReason.REJECTED, f"dead-lettered by the broker: {told}, {count} in all"


def _reason(value: object) -> DeadReason | None:
    try:
        return DeadReason(_text(value) or "")
    except ValueError:
        return None


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return value if isinstance(value, str) else None


def _identifier(value: str | None, *, is_ours: bool) -> str | None:
    """Return a transaction_id as it may be kept: one that passed our checks stays as it is, digits or not."""
    if value is None:
        return None
    is_plain = is_ours and len(value) <= MAX_NAME_CHARACTERS and value.isprintable()
    return value if is_plain else _masked(value, MAX_NAME_CHARACTERS)


def _masked(text: str, max_characters: int) -> str:
    """Return text that any table takes: no card number, no U+0000, no lone surrogate, bounded."""
    plain = text.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    # Masked before it is cut: half a card number passes no check.
    masked = mask_card_numbers(plain)
    return masked if len(masked) <= max_characters else masked[: max_characters - 1] + "…"
