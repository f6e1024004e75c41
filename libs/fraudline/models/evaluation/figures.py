"""The figures of an evaluation, each defined once: name, unit, definition, and which way is better.

All are computed for many weightings of the cards at once, the evaluation's own value (each card once) being one of
them. Amounts that are not known in the base currency count as 0; transactions without a score count in what is said of
decisions, and in nothing that is said of scores.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.models.evaluation.card_precision import CARDS_A_DAY, CardDays
from fraudline.models.evaluation.ranking import Ranking
from fraudline.models.evaluation.reliability import bin_of
from fraudline.models.evaluation.scored import APPROVED, DECISIONS, DECLINED, REVIEWED, Scored

_Values = NDArray[np.float64]


class Unit(StrEnum):
    """What one unit of a figure is, and so how it is written."""

    SHARE = "share"
    MEASURE = "measure"
    MONEY = "base currency"
    PER_DAY = "a day"


class Better(StrEnum):
    """Which way a figure gets better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Sums:
    """Sums over transactions, a value for each weighting of the cards."""

    def __init__(self, sums: Mapping[str, _Values], days: int) -> None:
        self._sums = sums
        self.days = days

    def __getitem__(self, name: str) -> _Values:
        return self._sums[name]

    def over(self, name: str, *decisions: int) -> _Values:
        """Return what the transactions with one of some decisions add up to."""
        parts = [self._sums[f"{name}_{DECISIONS[decision]}"] for decision in decisions]
        return np.add.reduce(parts) if len(parts) > 1 else parts[0]


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: `compute` gives its value for each weighting; None where a ranking of its own computes it."""

    name: str
    label: str
    unit: Unit
    better: Better
    definition: str
    compute: Callable[[Sums], _Values] | None = None


_FLAGGED = (REVIEWED, DECLINED)


def _ratio(part: _Values, whole: _Values) -> _Values:
    ratio = np.full(len(part), np.nan)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _precision(*decisions: int) -> Callable[[Sums], _Values]:
    return lambda sums: _ratio(sums.over("frauds", *decisions), sums.over("transactions", *decisions))


def _recall(*decisions: int) -> Callable[[Sums], _Values]:
    return lambda sums: _ratio(sums.over("frauds", *decisions), sums["frauds"])


def _false_positives(*decisions: int) -> Callable[[Sums], _Values]:
    return lambda sums: _ratio(
        sums.over("transactions", *decisions) - sums.over("frauds", *decisions), sums["transactions"] - sums["frauds"]
    )


FIGURES: Final[tuple[Figure, ...]] = (
    Figure(
        "auc_roc",
        "AUC ROC",
        Unit.MEASURE,
        Better.HIGHER,
        "share of the pairs of a fraud and another transaction in which the fraud has the higher score, a tie half",
    ),
    Figure(
        "average_precision",
        "average precision",
        Unit.MEASURE,
        Better.HIGHER,
        "mean over the frauds of the precision at each one's score",
    ),
    Figure(
        "card_precision",
        f"card precision@{CARDS_A_DAY}",
        Unit.MEASURE,
        Better.HIGHER,
        f"share of frauds among the {CARDS_A_DAY} cards with the highest scores of a day, found cards being blocked; "
        "mean of the days",
    ),
    Figure(
        "precision",
        "flagged: precision",
        Unit.SHARE,
        Better.HIGHER,
        "of what was reviewed or declined, the share that was fraud",
        _precision(*_FLAGGED),
    ),
    Figure(
        "recall",
        "flagged: recall",
        Unit.SHARE,
        Better.HIGHER,
        "of the frauds, the share that was reviewed or declined",
        _recall(*_FLAGGED),
    ),
    Figure(
        "false_positive_share",
        "flagged: false positives",
        Unit.SHARE,
        Better.LOWER,
        "of the honest transactions, the share that was reviewed or declined",
        _false_positives(*_FLAGGED),
    ),
    Figure(
        "decline_precision",
        "declined: precision",
        Unit.SHARE,
        Better.HIGHER,
        "of what was declined, the share that was fraud",
        _precision(DECLINED),
    ),
    Figure(
        "decline_recall",
        "declined: recall",
        Unit.SHARE,
        Better.HIGHER,
        "of the frauds, the share that was declined",
        _recall(DECLINED),
    ),
    Figure(
        "decline_false_positive_share",
        "declined: false positives",
        Unit.SHARE,
        Better.LOWER,
        "of the honest transactions, the share that was declined",
        _false_positives(DECLINED),
    ),
    Figure(
        "alerts_per_day",
        "alerts a day",
        Unit.PER_DAY,
        Better.NEITHER,
        "transactions that were reviewed or declined, by the days from the first to the last",
        lambda sums: sums.over("transactions", *_FLAGGED) / sums.days,
    ),
    Figure(
        "money_declined",
        "fraud declined",
        Unit.MONEY,
        Better.NEITHER,
        "sum of the frauds that were declined",
        lambda sums: sums.over("fraud_amount", DECLINED),
    ),
    Figure(
        "money_reviewed",
        "fraud reviewed",
        Unit.MONEY,
        Better.NEITHER,
        "sum of the frauds that a person was asked about",
        lambda sums: sums.over("fraud_amount", REVIEWED),
    ),
    Figure(
        "money_lost",
        "fraud approved (lost)",
        Unit.MONEY,
        Better.LOWER,
        "sum of the frauds that were approved",
        lambda sums: sums.over("fraud_amount", APPROVED),
    ),
    Figure(
        "money_caught_share",
        "fraud caught",
        Unit.SHARE,
        Better.HIGHER,
        "of the money in frauds, the share that was declined or reviewed",
        lambda sums: _ratio(
            sums.over("fraud_amount", *_FLAGGED), sums.over("fraud_amount", APPROVED, REVIEWED, DECLINED)
        ),
    ),
    Figure(
        "brier",
        "Brier score",
        Unit.MEASURE,
        Better.LOWER,
        "mean square of the distance between the score and the outcome (0 or 1)",
        lambda sums: _ratio(sums["squared_error"], sums["with_score"]),
    ),
    Figure(
        "log_loss",
        "log loss",
        Unit.MEASURE,
        Better.LOWER,
        "mean of -log(the probability that the score gave the outcome), in nats",
        lambda sums: _ratio(sums["surprise"], sums["with_score"]),
    ),
    Figure(
        "calibration_error",
        "calibration error",
        Unit.MEASURE,
        Better.LOWER,
        "mean distance between score and share of frauds over the bins of the reliability table, by their size",
        lambda sums: _ratio(sums["calibration_gap"], sums["with_score"]),
    ),
)


class Measures:
    """Transactions made ready to be measured under any weighting of their cards."""

    def __init__(self, scored: Scored) -> None:
        self._days = scored.days
        self._ranking = Ranking(scored)
        self._card_days = CardDays(scored)
        columns = _columns(scored)
        self._gaps = len(columns)
        place = bin_of(scored.score)
        error = np.where(place >= 0, scored.score - scored.is_fraud, 0.0)
        gaps = [np.where(place == number, error, 0.0) for number in np.unique(place[place >= 0]).tolist()]
        self._names = list(columns)
        self._sums = np.column_stack(
            [np.bincount(scored.card, weights=column, minlength=scored.cards) for column in (*columns.values(), *gaps)]
        )

    def measure(self, weights: _Values) -> dict[str, _Values]:
        """Return all figures, by name in the order of `FIGURES`: an array with a value for each weighting.

        Args:
            weights: How often each card counts (whole numbers); a row a weighting, a column a card's code.
        """
        added = weights @ self._sums
        named = dict(zip(self._names, added[:, : self._gaps].T, strict=True))
        named["calibration_gap"] = np.abs(added[:, self._gaps :]).sum(axis=1)
        sums = Sums(named, self._days)
        auc_roc, average_precision = self._ranking.measure(weights)
        ranked = {
            "auc_roc": auc_roc,
            "average_precision": average_precision,
            "card_precision": self._card_days.measure(weights),
        }
        return {
            figure.name: ranked[figure.name] if figure.compute is None else figure.compute(sums) for figure in FIGURES
        }


def _columns(scored: Scored) -> dict[str, _Values]:
    """Return what is added up, by name, a value a transaction."""
    is_fraud = scored.is_fraud.astype(np.float64)
    fraud_amount = np.where(scored.is_fraud, np.nan_to_num(scored.amount, nan=0.0), 0.0)
    has_score = np.isfinite(scored.score)
    # A certainty that was wrong costs much and not without end: what follows is finite.
    smallest = float(np.finfo(np.float64).eps)
    sure = np.clip(np.where(has_score, scored.score, 0.5), smallest, 1 - smallest)
    columns = {
        "transactions": np.ones(len(scored)),
        "frauds": is_fraud,
        "with_score": has_score.astype(np.float64),
        "squared_error": np.where(has_score, (np.nan_to_num(scored.score) - is_fraud) ** 2, 0.0),
        "surprise": np.where(has_score, -np.log(np.where(scored.is_fraud, sure, 1 - sure)), 0.0),
    }
    for code, decision in enumerate(DECISIONS):
        got = scored.decision == code
        columns |= {
            f"transactions_{decision}": got.astype(np.float64),
            f"frauds_{decision}": got * is_fraud,
            f"fraud_amount_{decision}": got * fraud_amount,
        }
    return columns
