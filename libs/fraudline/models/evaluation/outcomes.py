"""Verdicts beside what their transactions turned out to be: what an evaluation measures, taken from two files."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraudline.models.errors import EvaluationRefused, FileRefused
from fraudline.models.evaluation.known_cards import is_known
from fraudline.models.evaluation.scored import Scored
from fraudline.models.evaluation.verdict_file import decision_codes
from fraudline.models.histories.history import History
from fraudline.models.histories.point_in_time import base_amounts
from fraudline.models.rates import Rates

_ROW = "row"


@dataclass(frozen=True, slots=True)
class Outcomes:
    """A labelled history, ready to be looked up.

    Attributes:
        rows: The row of the history for each `transaction_id`.
        time: Microseconds since 1970 of each transaction.
        card: A code for the card of each, 0 to `cards` - 1, in the order in which cards come first.
        amount: Each amount in the base currency; NaN where no rate is known.
        is_fraud: Whether each is fraud.
        cards: How many cards there are.
    """

    rows: pl.DataFrame
    time: NDArray[np.int64]
    card: NDArray[np.int64]
    amount: NDArray[np.float64]
    is_fraud: NDArray[np.bool_]
    cards: int

    @classmethod
    def of(cls, history: History, rates: Rates, *, file: Path) -> "Outcomes":
        """Return the outcomes of a history; raise `FileRefused` where `file`, that it is from, tells none."""
        if not history.is_labelled:
            raise FileRefused(
                file, f"does not say which transactions are fraud; add a column `{history.fraud_column}` with 0 or 1."
            )
        first = history.frame["card_id"].unique(maintain_order=True)
        codes = pl.Series(np.arange(len(first)), dtype=pl.Int64)
        return cls(
            rows=history.frame.select("transaction_id").with_row_index(_ROW),
            time=history.times,
            card=history.frame["card_id"].replace_strict(first, codes, return_dtype=pl.Int64).to_numpy(),
            amount=base_amounts(history, rates),
            is_fraud=history.frauds,
            cards=len(first),
        )

    def rows_of(self, verdicts: pl.DataFrame, *, name: str) -> NDArray[np.int64]:
        """Return the row of each verdict's transaction; raise `EvaluationRefused` where one is not there."""
        found = verdicts.join(self.rows, on="transaction_id", how="left", maintain_order="left")[_ROW]
        if found.null_count():
            first = verdicts["transaction_id"][found.is_null().arg_max() or 0]
            raise EvaluationRefused(
                f"{name}: {found.null_count():,} of its {len(found):,} transactions are not in the file of "
                f"transactions, first {first!r}; give the file that the verdicts were made from."
            )
        return found.cast(pl.Int64).to_numpy()

    def missing(self, rows: NDArray[np.int64]) -> int:
        """Return how many transactions between the first and the last day of some rows are not among them."""
        day = self.time[rows] // 86_400_000_000
        first, last = int(day.min()) * 86_400_000_000, (int(day.max()) + 1) * 86_400_000_000
        there = int(np.searchsorted(self.time, last) - np.searchsorted(self.time, first))
        return there - len(rows)

    def scored(self, verdicts: pl.DataFrame, rows: NDArray[np.int64]) -> Scored:
        """Return verdicts, with the row of each, as what is measured; in order of time."""
        order = np.argsort(rows, kind="stable")
        at = rows[order]
        return Scored(
            time=self.time[at],
            card=self.card[at],
            amount=self.amount[at],
            is_fraud=self.is_fraud[at],
            score=verdicts["score"].fill_null(float("nan")).to_numpy()[order],
            decision=decision_codes(verdicts)[order],
            cards=self.cards,
        )

    def of_known_cards(self, scored: Scored, known_from: date, label_delay: timedelta) -> NDArray[np.bool_]:
        """Return which transactions are of cards that were known to be compromised; see `known_cards`."""
        return is_known(
            scored.time,
            scored.card,
            fraud_time=self.time[self.is_fraud],
            fraud_card=self.card[self.is_fraud],
            known_from=known_from,
            label_delay=label_delay,
        )
