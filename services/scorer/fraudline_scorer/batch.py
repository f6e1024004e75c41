"""Received → decoded: whole messages that go down the line together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraudline.domain.event import MAX_EVENTS
from fraudline_scorer.deliveries import Delivery, decode_delivery

if TYPE_CHECKING:
    from datetime import datetime

    from fraudline.amqp.consumer import Inbox
    from fraudline_scorer.deliveries import Received


@dataclass(frozen=True, slots=True)
class Batch:
    """Whole messages, in the queue's order; a suspect message is a batch by itself."""

    deliveries: "tuple[Delivery, ...]"

    @property
    def received(self) -> "list[Received]":
        """All events, in order."""
        return [received for delivery in self.deliveries for received in delivery.received]

    @property
    def oldest_at(self) -> "datetime | None":
        """When the first of its transactions to be accepted was; None where it holds none."""
        return min((received.event.time for received in self.received if received.is_transaction), default=None)

    @property
    def is_plain(self) -> bool:
        """Whether it holds nothing but transactions that none is suspected of."""
        return not self.is_suspect and all(received.is_transaction for received in self.received)

    @property
    def is_suspect(self) -> bool:
        """Whether its events are computed one at a time."""
        return any(delivery.is_suspect for delivery in self.deliveries)


class Gathering:
    """Takes messages off an inbox into the next batch, 512 events at most."""

    def __init__(self, inbox: "Inbox", *, queue: str) -> None:
        self._inbox = inbox
        self._queue = queue
        self._deliveries: list[Delivery] = []
        self._events = 0
        self._held: Delivery | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was taken yet."""
        return not self._deliveries

    def take(self) -> bool:
        """Take whatever has arrived and fits; return whether nothing more would."""
        while self._held is None and (message := self._inbox.take()) is not None:
            self._add(decode_delivery(message, queue=self._queue))
        return self._held is not None or self._events >= MAX_EVENTS

    def batch(self) -> Batch:
        """Return what was taken as a batch; the next one begins with what did not fit."""
        batch = Batch(tuple(self._deliveries))
        self._deliveries, self._events = [], 0
        held, self._held = self._held, None
        if held is not None:
            self._add(held)
        return batch

    def _add(self, delivery: Delivery) -> None:
        is_alone = delivery.is_suspect or any(one.is_suspect for one in self._deliveries)
        if self._deliveries and (is_alone or self._events + delivery.size > MAX_EVENTS):
            self._held = delivery
            return
        self._deliveries.append(delivery)
        self._events += delivery.size
