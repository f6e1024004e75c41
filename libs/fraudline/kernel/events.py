"""The one named layout in which events travel to the kernel: a struct of arrays."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

TRANSACTION: Final = 0
LABEL: Final = 1

_DTYPES = {
    "kind": np.dtype(np.int8),
    "time": np.dtype(np.int64),
    "amount": np.dtype(np.float64),
    "card": np.dtype(np.uint64),
    "merchant": np.dtype(np.uint64),
    "weight": np.dtype(np.float64),
}


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Events in the order of their positions, one row of every array each.

    Attributes:
        kind: `TRANSACTION` or `LABEL`.
        time: Microseconds since 1970 UTC: min(occurred_at, accepted_at) of a transaction, reported_at of a label.
        amount: The amount in the base currency; NaN where no rate is known; 0 for labels.
        card: The card's key, `entity_key("card", card_id)`.
        merchant: The merchant's key, `entity_key("merchant", merchant_id)`.
        weight: +1 where a fraud became known, -1 where that is taken back, with the same `time` as the effect that it
            takes back; 0 for transactions.

    Raises:
        ValueError: An array has the wrong type, shape or length.
    """

    kind: NDArray[np.int8]
    time: NDArray[np.int64]
    amount: NDArray[np.float64]
    card: NDArray[np.uint64]
    merchant: NDArray[np.uint64]
    weight: NDArray[np.float64]

    def __post_init__(self) -> None:
        shape = (len(self.kind),)
        for name, dtype in _DTYPES.items():
            array: NDArray[np.generic] = getattr(self, name)
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
        return cls(*(np.empty(0, dtype) for dtype in _DTYPES.values()))

    @classmethod
    def concatenate(cls, parts: Iterable["Events"]) -> "Events":
        """Return the events of all parts, one part after the other."""
        together = [cls.empty(), *parts]
        return cls(*(np.concatenate([getattr(part, field.name) for part in together]) for field in fields(cls)))
