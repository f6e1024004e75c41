"""What was known when: a history's transactions and labels in the order in which production sees them.

A fraud of a file becomes known `label_delay` after its transaction, and labels fall due once a day: at the first 00:00
(UTC) at or after that moment, before that day's transactions. Only frauds are reported. Training, backtest and replay
all take the order from here.
"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraudline.domain.money import base_amount
from fraudline.kernel.events import LABEL, TRANSACTION, Events
from fraudline.kernel.keys import entity_key
from fraudline.models.history import History
from fraudline.models.rates import Rates

DAY_MICROSECONDS = 86_400_000_000
LABEL_DELAY = timedelta(days=7)


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
    card = _keys(history.frame["card_id"], "card")
    merchant = _keys(history.frame["merchant_id"], "merchant")
    labels = labels_in_order(history, label_delay)

    label_at = labels.before + np.arange(len(labels.row))
    kind = np.full(len(times) + len(labels.row), TRANSACTION, dtype=np.int8)
    kind[label_at] = LABEL
    is_label = kind == LABEL

    def merged(of_transactions: NDArray[np.generic], of_labels: NDArray[np.generic]) -> NDArray[np.generic]:
        column = np.empty(len(kind), dtype=of_transactions.dtype)
        column[~is_label], column[is_label] = of_transactions, of_labels
        return column

    return Events(
        kind=kind,
        time=merged(times, labels.due).astype(np.int64, copy=False),
        amount=merged(base_amounts(history, rates), np.zeros(len(labels.row))).astype(np.float64, copy=False),
        card=merged(card, card[labels.row]).astype(np.uint64, copy=False),
        merchant=merged(merchant, merchant[labels.row]).astype(np.uint64, copy=False),
        weight=is_label.astype(np.float64),
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


def _keys(identifiers: pl.Series, kind: str) -> NDArray[np.uint64]:
    distinct = identifiers.unique()
    keys = pl.Series([entity_key(kind, identifier) for identifier in distinct], dtype=pl.UInt64)
    found: NDArray[np.uint64] = identifiers.replace_strict(distinct, keys, return_dtype=pl.UInt64).to_numpy()
    return found
