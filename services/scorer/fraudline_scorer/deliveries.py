"""Received → decoded: a message from the log becomes events, in order, and letters for what is none."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import ValidationError

from fraudline.amqp.letters import DeadReason, Letter
from fraudline.amqp.topology import (
    NUMBER_HEADER,
    PRODUCER_HEADER,
    PROGRESS,
    REPLY_HEADER,
    STREAM_HEADER,
    VERDICTS_AND_PROGRESS,
)
from fraudline.domain.event import MAX_EVENTS, Event, LabelReported, TransactionAccepted, decode, key_of

if TYPE_CHECKING:
    from fraudline.amqp.consumer import Message

# From this redelivery on a message is suspected of taking the process down.
SUSPECT_FROM_REDELIVERY = 2

_UNKNOWN_TYPE = "union_tag_invalid"


@dataclass(frozen=True, slots=True)
class Received:
    """One event of the log with the line that it came in; `key` tells the line from all others."""

    event: Event
    line: bytes

    @property
    def key(self) -> bytes:
        """See `event.key_of`."""
        return key_of(self.line)

    @property
    def is_label(self) -> bool:
        """Whether it is a label, not a transaction."""
        return isinstance(self.event, LabelReported)

    @property
    def is_transaction(self) -> bool:
        """Whether it is a transaction."""
        return isinstance(self.event, TransactionAccepted)


@dataclass(slots=True)
class Delivery:
    """One message, decoded."""

    message: "Message"
    received: list[Received] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many events and letters it is."""
        return len(self.received) + len(self.letters)

    @property
    def reply_to(self) -> str | None:
        """The queue of who wants to hear of it; None where nobody does."""
        return self.message.reply_to

    @property
    def asks_for_verdicts(self) -> bool:
        """Whether that is who waits for its verdicts."""
        return self.message.headers.get(REPLY_HEADER) != PROGRESS

    @property
    def asks_for_progress(self) -> bool:
        """Whether that is who wants to know how far the log is committed."""
        return self.message.headers.get(REPLY_HEADER) in {PROGRESS, VERDICTS_AND_PROGRESS}

    @property
    def is_suspect(self) -> bool:
        """Whether the broker has delivered it again and again."""
        count = self.message.headers.get("x-delivery-count", 0)
        return isinstance(count, int) and count >= SUSPECT_FROM_REDELIVERY


def decode_delivery(message: "Message", *, queue: str) -> Delivery:
    """Decode every line by itself; what is broken becomes a letter and harms no neighbour."""
    delivery = Delivery(message)
    try:
        message.body.decode()
    except UnicodeDecodeError as error:
        delivery.letters.append(_whole(message, queue, DeadReason.UNDECODABLE_MESSAGE, error.reason))
        return delivery
    lines = [line for line in message.body.split(b"\n") if line]
    if not lines:
        delivery.letters.append(_whole(message, queue, DeadReason.MALFORMED_EVENT, "the message holds no event"))
    if len(lines) > MAX_EVENTS:
        error_text = f"{len(lines)} events in one message; at most {MAX_EVENTS} are taken"
        delivery.letters.append(_whole(message, queue, DeadReason.MESSAGE_TOO_LARGE, error_text))
        return delivery
    for line in lines:
        try:
            delivery.received.append(Received(decode(line), line))
        except ValidationError as error:
            delivery.letters.append(_broken_line(line, queue, error))
    return delivery


def _whole(message: "Message", queue: str, reason: DeadReason, error: str) -> Letter:
    return Letter.of_line(queue=queue, reason=reason, error=error, body=message.body)


def _broken_line(line: bytes, queue: str, error: ValidationError) -> Letter:
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    is_unknown = any(fault["type"] == _UNKNOWN_TYPE for fault in faults)
    return Letter.of_line(
        queue=queue,
        reason=DeadReason.UNKNOWN_TYPE if is_unknown else DeadReason.MALFORMED_EVENT,
        error="; ".join(f"{'.'.join(map(str, fault['loc'])) or 'event'}: {fault['type']}" for fault in faults),
        body=line,
    )


def producer_number(message: "Message") -> tuple[str, str, int] | None:
    """Return who published a message, on which stream and under which number; None where it does not say."""
    headers = message.headers
    producer, stream, number = (headers.get(name) for name in (PRODUCER_HEADER, STREAM_HEADER, NUMBER_HEADER))
    if isinstance(producer, str) and isinstance(stream, str) and isinstance(number, int):
        return producer, stream, number
    return None
