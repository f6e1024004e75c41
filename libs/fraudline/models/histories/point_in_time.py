"""What was known when: a history's transactions and labels in the order in which production sees them.

A fraud of a file becomes known `label_delay` after its transaction, and labels fall due once a day: at the first 00:00
(UTC) at or after that moment, before that day's transactions. Only frauds are reported. Training, backtest and replay
all take the order from here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraudline.domain.money import base_amount
from fraudline.kernel.events import ENTITY_KINDS, LABEL, TRANSACTION, Events, abroad_of, remote_of
from fraudline.kernel.keys import NO_ENTITY, entity_keys
from fraudline.models.histories.history import History
from fraudline.models.rates import Rates

DAY_MICROSECONDS = 86_400_000_000
LABEL_DELAY = timedelta(days=7)

_FIELDS: Final = {
    "card": "card_id",
    "merchant": "merchant_id",
    "device": "device_id",
    "country": "merchant_country",
    "customer": "customer_id",
}
_TOLD: Final = "told"
_Number = TypeVar("_Number", np.int64, np.float64, np.uint64)


@dataclass(frozen=True, slots=True)
class LabelsInOrder:
    """The labels that some transaction of a history sees, in the order in which they become known, an entry each.

    Attributes:
        row: The index of the fraud that it tells of.
        due: When it falls due, in microseconds since 1970; never descending.
        before: The index of the transaction that it stands right before; never descending, and above `row`.
    """

    row: NDArray[np.int64]
    due: NDArray[np.int64]
    before: NDArray[np.int64]


def labels_due(times: NDArray[np.int64], label_delay: timedelta) -> NDArray[np.int64]:
    """Return when the label of a transaction at each of `times` falls due; all in microseconds since 1970."""
    known = times + label_delay // timedelta(microseconds=1)
    return -(-known // DAY_MICROSECONDS) * DAY_MICROSECONDS


def labels_in_order(history: History, label_delay: timedelta) -> LabelsInOrder:
    """Return where each label stands; those that fall due after the last transaction are left out."""
    times = history.times
    row = np.flatnonzero(history.frauds)
    due = labels_due(times[row], label_delay)
    # Without a delay a label may fall due at the very time of its transaction: it comes after it all the same.
    before = np.maximum(np.searchsorted(times, due, side="left"), row + 1)
    is_seen = before < len(times)
    return LabelsInOrder(row[is_seen], due[is_seen], before[is_seen])


def point_in_time(history: History, rates: Rates, label_delay: timedelta = LABEL_DELAY) -> Events:
    """Return the history's events in the order of production.

    The transactions among them are all of the history's, in its order. Labels that fall due after the last transaction
    are left out: no transaction sees them.
    """
    times = history.times
    labels = labels_in_order(history, label_delay)
    is_label = np.zeros(len(times) + len(labels.row), np.bool_)
    is_label[labels.before + np.arange(len(labels.row))] = True

    def merged(of_transactions: NDArray[_Number], of_labels: NDArray[_Number] | float) -> NDArray[_Number]:
        column = np.empty((len(is_label), *of_transactions.shape[1:]), of_transactions.dtype)
        column[~is_label], column[is_label] = of_transactions, of_labels
        return column

    keys, amounts = _keys(history.frame), base_amounts(history, rates)
    return Events(
        kind=np.where(is_label, LABEL, TRANSACTION).astype(np.int8),
        time=merged(times, labels.due),
        amount=merged(amounts, amounts[labels.row]),
        keys=merged(keys, keys[labels.row]),
        latitude=merged(_degrees(history.frame, "latitude"), np.nan),
        longitude=merged(_degrees(history.frame, "longitude"), np.nan),
        abroad=merged(_told(history.frame, ("merchant_country", "billing_country"), abroad_of), np.nan),
        remote=merged(_told(history.frame, ("channel",), remote_of), np.nan),
        weight=is_label.astype(np.float64),
        transaction_time=merged(times, times[labels.row]),
    )


def base_amounts(history: History, rates: Rates) -> NDArray[np.float64]:
    """Return each amount in the base currency, as the scorer computes it; NaN where no rate is known."""
    frame = history.frame
    # Text to the nearest double: what base_amount gives at the rate 1, for all rows at once.
    amounts = frame["amount"].cast(pl.Float64).to_numpy().copy()
    foreign = frame.with_row_index("row").filter(pl.col("currency") != rates.base_currency)
    columns = (foreign[name] for name in ("row", "occurred_at", "currency", "amount"))
    for row, occurred_at, currency, amount in zip(*columns, strict=True):
        value = base_amount(Decimal(amount), rates.rate(currency, occurred_at.date()))
        amounts[row] = np.nan if value is None else value
    return amounts


def _keys(frame: pl.DataFrame) -> NDArray[np.uint64]:
    keys = np.full((frame.height, len(ENTITY_KINDS)), NO_ENTITY, np.uint64)
    for column, kind in enumerate(ENTITY_KINDS):
        if (field := _FIELDS[kind]) in frame.columns:
            keys[:, column] = entity_keys(kind, frame[field].to_list())
    return keys


def _degrees(frame: pl.DataFrame, name: str) -> NDArray[np.float64]:
    if name not in frame.columns:
        return np.full(frame.height, np.nan)
    return frame[name].cast(pl.Float64).to_numpy()


def _told(frame: pl.DataFrame, names: Sequence[str], tell: Callable[..., float]) -> NDArray[np.float64]:
    """Return what `tell` says of the fields of each row; NaN where the frame has not all of them."""
    if not set(names) <= set(frame.columns):
        return np.full(frame.height, np.nan)
    return _of_distinct(frame.select(names), tell, pl.Float64)


def _of_distinct(frame: pl.DataFrame, tell: Callable[..., float], dtype: type[pl.DataType]) -> NDArray[Any]:
    """Return what `tell` says of each row, asking once for each distinct one: what production asks of every event."""
    distinct = frame.unique()
    told = distinct.with_columns(pl.Series(_TOLD, [tell(*row) for row in distinct.iter_rows()], dtype))
    return frame.join(told, on=frame.columns, how="left", nulls_equal=True, maintain_order="left")[_TOLD].to_numpy()
