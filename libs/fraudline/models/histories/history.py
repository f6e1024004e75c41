"""A history of transactions as columns, in order of time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

FRAUD = "fraud"


@dataclass(frozen=True, slots=True)
class History:
    """Transactions in order of time.

    The frame's columns are the public fields of a transaction: `occurred_at` in UTC with microseconds, `amount` as the
    exact decimal string, the optional ones null where absent; and `fraud` (0 or 1) where it is known. The file calls
    that one `fraud_column`.
    """

    frame: pl.DataFrame
    fraud_column: str = FRAUD

    def __len__(self) -> int:
        return self.frame.height

    @property
    def is_labelled(self) -> bool:
        """Whether it is known which transactions are fraud."""
        return FRAUD in self.frame.columns

    @property
    def times(self) -> NDArray[np.int64]:
        """Microseconds since 1970 of each transaction."""
        return self.frame["occurred_at"].to_physical().to_numpy()

    @property
    def frauds(self) -> NDArray[np.bool_]:
        """Whether each transaction is fraud; none where it is not known."""
        if not self.is_labelled:
            return np.zeros(len(self), dtype=np.bool_)
        return self.frame[FRAUD].to_numpy().astype(np.bool_)

    @property
    def first_day(self) -> date:
        """The day (UTC) of the first transaction."""
        return self._moment(0).date()

    @property
    def last_day(self) -> date:
        """The day (UTC) of the last transaction."""
        return self._moment(-1).date()

    def until(self, day: date) -> "History":
        """Return the transactions of `day` and of the days before it."""
        # Not the midnight after it: the last day that there is has none.
        last_moment = datetime.combine(day, time.max, tzinfo=UTC)
        stop = int(self.frame["occurred_at"].search_sorted(last_moment, side="right"))
        return History(self.frame.head(stop), self.fraud_column)

    def index_of(self, day: date) -> int:
        """Return the index of the first transaction at or after 00:00 of `day`."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return int(self.frame["occurred_at"].search_sorted(midnight, side="left"))

    def rows(self, start: int = 0, stop: int | None = None) -> list[dict[str, Any]]:
        """Return transactions as they are posted: public fields alone, absent ones left out, times with `Z`."""
        part = self.frame[start:stop].drop(FRAUD, strict=False)
        part = part.with_columns(pl.col("occurred_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"))
        return [_without_nulls(row) for row in part.iter_rows(named=True)]

    def _moment(self, index: int) -> datetime:
        moment: datetime = self.frame["occurred_at"][index]
        return moment


def _without_nulls(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: _without_nulls(value) if isinstance(value, dict) else value
        for name, value in row.items()
        if value is not None
    }
