"""What an evaluation found: each figure with its interval, decisions in money, how far scores can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from fraudline.domain.policy import Decision


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, and the interval that holds it in 95 % of the resamples of the cards."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DecisionTally:
    """What got one decision: transactions and frauds, and their known amounts in the base currency."""

    decision: Decision
    transactions: int
    frauds: int
    amount: float
    fraud_amount: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Transactions of neighbouring scores: what the scores say on average, and the share that was fraud."""

    transactions: int
    frauds: int
    lowest_score: float
    highest_score: float
    mean_score: float
    fraud_share: float


@dataclass(frozen=True, slots=True)
class DayTally:
    """One day (UTC): transactions, frauds, and how many were flagged (reviewed or declined)."""

    day: date
    transactions: int
    frauds: int
    flagged: int
    flagged_frauds: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that was measured of the transactions that count.

    Attributes:
        name: What was evaluated: a file of verdicts, or a model.
        base_currency: The currency of all amounts.
        first_day: The first day with a transaction that counts.
        last_day: The last one.
        transactions: How many count.
        frauds: How many of them are fraud.
        cards: How many cards they are of.
        left_out: Transactions that do not count, being of cards that were known to be compromised.
        without_score: Transactions that count and got no score: left out of whatever ranks scores or checks them.
        without_amount: Transactions that count and whose amount is not known in the base currency: no money is theirs.
        figures: An estimate for each name in `evaluation.figures.FIGURES`, in that order; NaN where there is nothing to
            divide by.
        decisions: A tally for each decision, in the order approve, review, decline.
        reliability: Bins of scores, ascending, about as many transactions in each but more finely at the top.
        by_day: A tally for each day from the first to the last.
    """

    name: str
    base_currency: str
    first_day: date
    last_day: date
    transactions: int
    frauds: int
    cards: int
    left_out: int
    without_score: int
    without_amount: int
    figures: Mapping[str, Estimate]
    decisions: tuple[DecisionTally, ...]
    reliability: tuple[ReliabilityBin, ...]
    by_day: tuple[DayTally, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two evaluations of the same transactions, and second minus first for each figure, resample by resample."""

    first: Evaluation
    second: Evaluation
    differences: Mapping[str, Estimate]
