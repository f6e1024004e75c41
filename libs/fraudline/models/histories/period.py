"""Whole days of a history: the split is by time, and nothing else."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days (UTC), both included, and the indices [start, stop) of their transactions in the history."""

    first: date
    last: date
    start: int
    stop: int

    @property
    def days(self) -> int:
        """How many days they are."""
        return (self.last - self.first).days + 1

    def with_next(self, later: "Period") -> "Period":
        """Return these days and those of the period that follows them."""
        return Period(self.first, later.last, self.start, later.stop)
