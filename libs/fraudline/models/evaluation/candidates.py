"""From files of verdicts and of transactions to what is measured: the same transactions for each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from fraudline.models.errors import EvaluationRefused
from fraudline.models.evaluation.measuring import Candidate
from fraudline.models.evaluation.outcomes import Outcomes
from fraudline.models.evaluation.verdict_file import read_verdicts
from fraudline.models.histories.history import History
from fraudline.models.rates import Rates
from fraudline.models.starter_rates import converted_by_invention


@dataclass(frozen=True, slots=True)
class Candidates:
    """What is measured.

    Attributes:
        each: One for each file of verdicts, over the same transactions in the same order.
        not_in_all: Verdicts on transactions that another of the files says nothing of: left out.
        without_verdict: Transactions of the file, on the days of the verdicts, that no verdict is on: left out.
        invented_amounts: Transactions with a verdict whose amount the invented rates converted.
    """

    each: tuple[Candidate, ...]
    not_in_all: int
    without_verdict: int
    invented_amounts: int


def read_candidates(
    files: Sequence[Path],
    history: History,
    rates: Rates,
    *,
    transactions: Path,
    known_from: date | None,
    label_delay: timedelta,
) -> Candidates:
    """Read files of verdicts and look up what their transactions turned out to be.

    Args:
        files: The files of verdicts.
        history: All transactions that were known, with their frauds.
        rates: What amounts are compared by.
        transactions: The file that the history is from.
        known_from: Leave out cards with a fraud from this day on that was known on the day; None for no card.
        label_delay: How long after it a fraud becomes known.

    Raises:
        FileRefused: A file cannot be used.
        EvaluationRefused: Verdicts are on transactions that the history does not have, or on none in common.
    """
    outcomes = Outcomes.of(history, rates, file=transactions)
    names = [file.name for file in files]
    if len(set(names)) < len(names):
        names = [str(file) for file in files]
    verdicts = [read_verdicts(file) for file in files]
    rows = [outcomes.rows_of(frame, name=name) for frame, name in zip(verdicts, names, strict=True)]
    common = rows[0]
    for others in rows[1:]:
        common = np.intersect1d(common, others)
    if not len(common):
        raise EvaluationRefused(
            f"{' and '.join(names)} have no transaction in common; compare verdicts on the same days."
        )
    each = []
    for frame, own, name in zip(verdicts, rows, names, strict=True):
        is_common = np.isin(own, common)
        scored = outcomes.scored(frame.filter(is_common), own[is_common])
        known = np.zeros(len(scored), np.bool_)
        if known_from is not None:
            known = outcomes.of_known_cards(scored, known_from, label_delay)
        each.append(Candidate(name, scored.where(~known), int(known.sum())))
    return Candidates(
        each=tuple(each),
        not_in_all=sum(len(own) - len(common) for own in rows),
        without_verdict=outcomes.missing(np.unique(np.concatenate(rows))),
        invented_amounts=converted_by_invention(history.frame["currency"][common], rates),
    )
