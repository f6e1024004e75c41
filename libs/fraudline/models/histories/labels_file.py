"""Outcomes in a file of their own: `transaction_id` and `label`, as they are posted to `/v1/labels`."""

from pathlib import Path
from typing import Final

import polars as pl

from fraudline.models.errors import FileRefused
from fraudline.models.histories.files import read_columns
from fraudline.models.histories.history import FRAUD, History
from fraudline.models.histories.refusal import refuse_where
from fraudline.models.histories.values import as_ids, as_text

_COLUMNS: Final = ("transaction_id", "label")
_LABELS: Final = ("fraud", "legitimate")
_ROW = "row"


def with_labels(history: History, file: Path) -> History:
    """Return the history with the outcomes of a file; a transaction that it does not name is no fraud.

    Each label counts from the label delay after its transaction, as a column `fraud` does.

    Raises:
        FileRefused: The file cannot be used, names a transaction twice or one that the history does not have, or the
            history has outcomes already.
    """
    if history.is_labelled:
        raise FileRefused(
            file, f"is not needed: the transactions have a column `{history.fraud_column}`; drop that or leave it away."
        )
    labels = read_columns(file, _COLUMNS)
    ids, label = as_ids(file, labels["transaction_id"]), as_text(file, labels["label"])
    refuse_where(file, ids.is_null(), "`transaction_id` is empty", "fill it in or drop the row")
    bad = ~label.is_in(_LABELS).fill_null(value=False)
    refuse_where(file, bad, "`label` is neither fraud nor legitimate", "write one of them", shown=label)
    refuse_where(file, ids.is_duplicated(), "`transaction_id` stands more than once", "keep what is true", shown=ids)
    unknown = ~ids.is_in(history.frame["transaction_id"].implode())
    refuse_where(
        file,
        unknown,
        f"{int(unknown.sum()):,} of {len(labels):,} labels are for unknown transactions, the first",
        "give the transactions that they belong to, or drop these rows",
        shown=ids,
    )
    frauds = ids.filter(label == _LABELS[0])
    is_fraud = history.frame["transaction_id"].is_in(frauds.implode()).cast(pl.Int8).alias(FRAUD)
    return History(history.frame.with_columns(is_fraud))
