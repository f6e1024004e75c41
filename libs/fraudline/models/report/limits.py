"""What is weak about a model, read off its data and its measured days: sentences, the gravest first."""

import math
from datetime import timedelta
from typing import Final

from fraudline.domain.policy import Decision
from fraudline.kernel.layout import DAYS_KEPT
from fraudline.kernel.registry import known_after_days
from fraudline.models.evaluation.evaluation import Evaluation
from fraudline.models.report import text
from fraudline.models.report.curves import by_week
from fraudline.models.report.facts import CONTEXT, TrainingReport
from fraudline.models.report.probability_plots import wilson

FEW_FRAUDS: Final = 100
FEW_DAYS: Final = 14
_ONE_FEATURE: Final = 0.3


def limits_of(facts: TrainingReport) -> list[str]:
    """Return what is known to be weak, each in a sentence or two; some of it holds for every model of this kind."""
    evaluation = facts.measured.evaluation
    return [
        *_of_measuring(facts, evaluation),
        *_of_decisions(facts, evaluation),
        *_of_calibration(evaluation),
        *_of_data(facts, evaluation),
        *_of_features(facts),
        *_of_all(facts),
    ]


def _of_measuring(facts: TrainingReport, evaluation: Evaluation) -> list[str]:
    said = []
    if facts.is_refit:
        said.append(
            "The figures are those of an interim model. The trees of the bundle were grown again, on the measured days "
            "too, and nothing has measured them since; the contributions of the features are theirs."
        )
    if facts.is_in_sample:
        said.append(
            "Calibration and thresholds were chosen on the measured days, for want of days or frauds: "
            "the figures of decisions, money and calibration flatter."
        )
    if evaluation.frauds < FEW_FRAUDS:
        said.append(f"Only {_frauds(evaluation.frauds)} in the measured days: read the intervals, not the figures.")
    days = len(evaluation.by_day)
    if days < FEW_DAYS:
        said.append(
            f"Measured on {_days(days)}: what comes by the month, a season or a new way of fraud is not in the figures."
        )
    without = sum(1 for day in evaluation.by_day if not day.frauds)
    if without:
        said.append(f"On {text.count(without)} of the {_days(days)} measured there is no fraud.")
    known = [week for week in by_week(facts.measured.scored) if math.isfinite(week.average_precision)]
    if len(known) > 1:
        worst = min(known, key=lambda week: week.average_precision)
        said.append(
            f"The weakest week, from {text.day(worst.first)}, has an average precision of "
            f"{text.measure(worst.average_precision)}, with {_frauds(worst.frauds)}."
        )
    return said


def _of_decisions(facts: TrainingReport, evaluation: Evaluation) -> list[str]:
    said = [
        (
            f"{_frauds(tally.frauds)} of {text.count(evaluation.frauds)} passed as approved, worth "
            f"{text.money(tally.fraud_amount, evaluation.base_currency)}."
        )
        for tally in evaluation.decisions
        if tally.decision is Decision.APPROVE and tally.frauds
    ]
    flagged = sum(day.flagged for day in evaluation.by_day)
    if not flagged:
        said.append("Nothing was flagged in the measured days: precision and alerts are unknown.")
    a_day, most = flagged / max(1, len(evaluation.by_day)), facts.most_alerts_per_day
    if most is not None and a_day > most:
        said.append(
            f"{text.pace(a_day)} transactions a day were flagged in the measured days, more than the "
            f"{text.cap(most)} that the thresholds were chosen for."
        )
    return said


def _of_calibration(evaluation: Evaluation) -> list[str]:
    wrong = [
        one
        for one in evaluation.reliability
        if one.transactions and not _holds(one.mean_score, *wilson(one.frauds, one.transactions))
    ]
    if not wrong:
        return []
    worst = max(wrong, key=lambda one: abs(one.mean_score - one.fraud_share) * one.transactions)
    direction = "too high" if worst.mean_score > worst.fraud_share else "too low"
    return [
        (
            f"In {len(wrong)} of {len(evaluation.reliability)} bins the scores are clearly not the share of frauds; "
            f"the most in the one around {text.probability(worst.mean_score)}, where "
            f"{text.probability(worst.fraud_share)} were fraud: {direction}."
        )
    ]


def _of_data(facts: TrainingReport, evaluation: Evaluation) -> list[str]:
    said = []
    if facts.invented_amounts:
        said.append(
            f"{_transactions(facts.invented_amounts)} had amounts in other currencies than "
            f"{evaluation.base_currency}, converted by invented exchange rates. In production the model decides by "
            "these too, until it is trained with --rates."
        )
    if facts.amounts_without_rate:
        said.append(
            f"{_transactions(facts.amounts_without_rate)} without an exchange rate: their amounts were unknown to the "
            "model, in production they are reviewed, and no figure in money counts them."
        )
    if evaluation.without_score:
        said.append(f"{_transactions(evaluation.without_score)} of the measured days got no score.")
    if evaluation.left_out:
        said.append(
            f"{_transactions(evaluation.left_out)} of the measured days are left out, being of cards that were known "
            "to be compromised."
        )
    if facts.evicted:
        said.append(
            f"{text.count(facts.evicted)} of the longest idle entities had to go from the kernel's memory (limit "
            f"{text.count(facts.max_entities)}): to the model they came back as new."
        )
    return said


def _of_features(facts: TrainingReport) -> list[str]:
    said = []
    sums = facts.importance.by_entity()
    total = sum(sums.values())
    idle = [entity for entity, value in sums.items() if not value > 0 and entity != CONTEXT]
    if idle and total > 0:
        said.append(
            f"Features of {text.listed(idle)} contribute nothing: these data have no such field, or nothing in it "
            "tells. Data that have it need a model trained on them."
        )
    left = max(DAYS_KEPT - known_after_days(timedelta(seconds=facts.label_delay_seconds)), 0)
    if left < FEW_DAYS:
        said.append(
            f"Of the {DAYS_KEPT} days that a merchant's payments are remembered by, {text.counted(left, 'day')} "
            f"{'has' if left == 1 else 'have'} known outcomes where a fraud is known {facts.label_delay} after it: "
            "what is told of ordinary frauds there says little, or nothing."
        )
    for name, value in facts.importance.ranked()[:1]:
        if total > 0 and value / total > _ONE_FEATURE:
            said.append(
                f"{text.share(value / total)} of all contributions come from {name} alone: where it is wrong, "
                "the score is."
            )
    return said


def _of_all(facts: TrainingReport) -> list[str]:
    delay = facts.label_delay
    return [
        (
            f"Every fraud was taken to be known {delay} after it; where labels come later, the features of frauds "
            "and risk know less in production than they did here."
        ),
        "A fraud that nobody reports is an honest transaction to the model, in training and in every figure above.",
        (
            "What was declined gets a label only from those who complain: a model that is trained on its own decisions "
            "learns little about what it always declines."
        ),
        "Whoever commits fraud adapts. Train again when precision falls or scores drift.",
    ]


def _holds(value: float, low: float, high: float) -> bool:
    return low <= value <= high


def _frauds(number: int) -> str:
    return text.counted(number, "fraud")


def _days(number: int) -> str:
    return text.counted(number, "day")


def _transactions(number: int) -> str:
    return text.counted(number, "transaction")
