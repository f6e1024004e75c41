"""The one named layout in which events travel to the kernel: a struct of arrays."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

TRANSACTION: Final = 0
LABEL: Final = 1

ENTITY_KINDS: Final = ("card", "merchant", "device", "country", "customer")
"""The columns of `Events.keys`; the country is the merchant's."""

REMOTE_CHANNELS: Final = ("ecommerce", "moto", "transfer")
PRESENT_CHANNELS: Final = ("pos", "atm")

_DTYPES = {
    "kind": np.dtype(np.int8),
    "time": np.dtype(np.int64),
    "amount": np.dtype(np.float64),
    "keys": np.dtype(np.uint64),
    "latitude": np.dtype(np.float64),
    "longitude": np.dtype(np.float64),
    "abroad": np.dtype(np.float64),
    "remote": np.dtype(np.float64),
    "weight": np.dtype(np.float64),
    "transaction_time": np.dtype(np.int64),
}
_MORE_DIMENSIONS = {"keys": (len(ENTITY_KINDS),)}


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Events in the order of their positions, one row of every array each.

    Attributes:
        kind: `TRANSACTION` or `LABEL`.
        time: Microseconds since 1970 UTC: min(occurred_at, accepted_at) of a transaction, reported_at of a label.
        amount: The amount in the base currency; NaN where no rate is known. A label has that of its transaction.
        keys: The keys of the event's entities, by `ENTITY_KINDS`, of shape (events, kinds) and in C order;
            `keys.NO_ENTITY` where it has none. A label has those of its transaction.
        latitude: Where the payment was made, degrees north; NaN where that is not known, and for labels.
        longitude: The same, degrees east.
        abroad: What `abroad_of` says of the transaction; NaN for labels.
        remote: What `remote_of` says of the transaction; NaN for labels.
        weight: +1 where a fraud became known, -1 where that is taken back, with the same `time` as the effect that it
            takes back; 0 for transactions.
        transaction_time: Of a label, the `time` of its transaction; of a transaction, its own.

    Raises:
        ValueError: An array has the wrong type, shape or length.
    """

    kind: NDArray[np.int8]
    time: NDArray[np.int64]
    amount: NDArray[np.float64]
    keys: NDArray[np.uint64]
    latitude: NDArray[np.float64]
    longitude: NDArray[np.float64]
    abroad: NDArray[np.float64]
    remote: NDArray[np.float64]
    weight: NDArray[np.float64]
    transaction_time: NDArray[np.int64]

    def __post_init__(self) -> None:
        for name, dtype in _DTYPES.items():
            array: NDArray[np.generic] = getattr(self, name)
            shape = (len(self.kind), *_MORE_DIMENSIONS.get(name, ()))
            if array.dtype != dtype or array.shape != shape:
                raise ValueError(
                    f"`{name}` is an array of {array.dtype} with shape {array.shape}; "
                    f"give one of {dtype} with shape {shape}, as long as `kind`."
                )

    def __len__(self) -> int:
        return len(self.kind)

    def part(self, start: int, stop: int) -> "Events":
        """Return the events from `start` up to but not including `stop`; the arrays are shared, not copied."""
        return Events(*(getattr(self, field.name)[start:stop] for field in fields(self)))

    @classmethod
    def empty(cls) -> "Events":
        """Return no events."""
        return cls(*(np.empty((0, *_MORE_DIMENSIONS.get(name, ())), dtype) for name, dtype in _DTYPES.items()))

    @classmethod
    def concatenate(cls, parts: Iterable["Events"]) -> "Events":
        """Return the events of all parts, one part after the other."""
        together = [cls.empty(), *parts]
        return cls(*(np.concatenate([getattr(part, field.name) for part in together]) for field in fields(cls)))


def abroad_of(merchant_country: str | None, billing_country: str | None) -> float:
    """Return 1 where a merchant's country is not that of the card's bill, 0 where it is, NaN where one is unknown."""
    if merchant_country is None or billing_country is None:
        return math.nan
    return float(merchant_country != billing_country)


def remote_of(channel: str | None) -> float:
    """Return 1 for a channel without the card's presence (`REMOTE_CHANNELS`), 0 for one with it, NaN for no other."""
    if channel in REMOTE_CHANNELS:
        return 1.0
    return 0.0 if channel in PRESENT_CHANNELS else math.nan
