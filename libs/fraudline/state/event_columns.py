"""Events as columns: gathered one by one, handed to the kernel together."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from fraudline.kernel.events import LABEL, TRANSACTION, Events
from fraudline.kernel.keys import entity_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    import asyncpg

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return whole microseconds since 1970 UTC."""
    return (moment - _EPOCH) // _MICROSECOND


@dataclass(slots=True)
class EventColumns:
    """Grows by one event at a time; `events` is what the kernel takes."""

    kind: list[int] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    amount: list[float] = field(default_factory=list)
    card: list[int] = field(default_factory=list)
    merchant: list[int] = field(default_factory=list)
    weight: list[float] = field(default_factory=list)

    def add_transaction(self, *, time: int, base_amount: float | None, card_id: str, merchant_id: str) -> None:
        """Add a transaction; `time` is min(occurred_at, accepted_at) in microseconds since 1970."""
        self.kind.append(TRANSACTION)
        self.time.append(time)
        self.amount.append(math.nan if base_amount is None else base_amount)
        self.card.append(entity_key("card", card_id))
        self.merchant.append(entity_key("merchant", merchant_id))
        self.weight.append(0.0)

    def add_label(self, *, time: int, weight: int, card_id: str, merchant_id: str) -> None:
        """Add the effect of a label; `time` is since when the fraud counts, in microseconds since 1970."""
        self.kind.append(LABEL)
        self.time.append(time)
        self.amount.append(0.0)
        self.card.append(entity_key("card", card_id))
        self.merchant.append(entity_key("merchant", merchant_id))
        self.weight.append(float(weight))

    def events(self) -> Events:
        """Return what was gathered, as arrays."""
        return Events(
            kind=np.array(self.kind, np.int8),
            time=np.array(self.time, np.int64),
            amount=np.array(self.amount, np.float64),
            card=np.array(self.card, np.uint64),
            merchant=np.array(self.merchant, np.uint64),
            weight=np.array(self.weight, np.float64),
        )


def events_of_log(rows: "Iterable[asyncpg.Record]") -> Events:
    """Return rows of the log (`postgres.log.read_log`) as the kernel's events."""
    columns = EventColumns()
    for _, weight, is_transaction, time, base_amount, card_id, merchant_id in rows:
        if is_transaction:
            columns.add_transaction(time=time, base_amount=base_amount, card_id=card_id, merchant_id=merchant_id)
        else:
            columns.add_label(time=time, weight=weight, card_id=card_id, merchant_id=merchant_id)
    return columns.events()
