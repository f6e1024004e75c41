"""What became of every request of a stretch, as arrays."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One row a request, in the order in which they were due.

    Attributes:
        due: When it was to be sent, in seconds since 1970: what every latency is counted from.
        sent: When it was sent; NaN where it was not before time was up.
        answered: When the answer was there; NaN where none came.
        status: HTTP's; 0 where the connection was lost or no answer came.
        accepted: How many payments it told were taken in.
        in_doubt: 1 where nobody can know if its payments were taken in, else 0.
        first: The number of its first payment.
        size: How many payments each request carried.
        cpu_seconds: Of the generating process, from the first to the last request.
    """

    due: Floats
    sent: Floats
    answered: Floats
    status: Integers
    accepted: Integers
    in_doubt: Integers
    first: Integers
    size: int
    cpu_seconds: float

    def __len__(self) -> int:
        return len(self.due)

    @property
    def accepted_payments(self) -> int:
        """How many payments were taken in."""
        return int(self.accepted.sum())

    @property
    def unsent(self) -> int:
        """How many requests never left: more was due than connections and answers allowed."""
        return int(np.isnan(self.sent).sum())

    def answer_seconds(self) -> Floats:
        """Return from when each request was due until its answer: infinite where none came."""
        return np.where(np.isnan(self.answered), np.inf, self.answered - self.due)

    def save(self, file: Path) -> None:
        """Write all of it."""
        np.savez(file, **{field.name: getattr(self, field.name) for field in fields(self)})

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read what was saved."""
        with np.load(file) as arrays:
            read = {name: arrays[name] for name in arrays.files}
        return cls(**read | {"size": int(read["size"]), "cpu_seconds": float(read["cpu_seconds"])})
