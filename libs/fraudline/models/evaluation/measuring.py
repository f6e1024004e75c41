"""From scored transactions to an evaluation: every figure with its interval, and two evaluations side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from fraudline.models.errors import EvaluationRefused
from fraudline.models.evaluation.evaluation import Comparison, DayTally, DecisionTally, Estimate, Evaluation
from fraudline.models.evaluation.figures import FIGURES, Measures
from fraudline.models.evaluation.reliability import reliability
from fraudline.models.evaluation.resampling import RESAMPLES, card_weights, estimate
from fraudline.models.evaluation.scored import DECISIONS, Scored

Progress = Callable[[str, float], None]
STAGE = "resampling cards"
_SEED = 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is evaluated: a name, its transactions that count, and how many do not (see `known_cards`)."""

    name: str
    scored: Scored
    left_out: int = 0


def no_progress(_stage: str, _share: float) -> None:
    """Tell nobody."""


def evaluate(
    candidate: Candidate, *, base_currency: str, resamples: int = RESAMPLES, progress: Progress = no_progress
) -> Evaluation:
    """Measure one set of verdicts; the same verdicts give the same figures and intervals.

    Raises:
        EvaluationRefused: There is nothing to measure: no transaction, one kind alone, or no score.
    """
    (evaluation,), _ = _measured([candidate], base_currency, resamples, progress)
    return evaluation


def compare(
    first: Candidate,
    second: Candidate,
    *,
    base_currency: str,
    resamples: int = RESAMPLES,
    progress: Progress = no_progress,
) -> Comparison:
    """Measure two sets of verdicts of the same transactions, in the same order, on the same resamples.

    Raises:
        EvaluationRefused: There is nothing to measure in one of them.
    """
    (one, other), resampled = _measured([first, second], base_currency, resamples, progress)
    differences = {
        figure.name: estimate(
            other.figures[figure.name].value - one.figures[figure.name].value,
            resampled[1][figure.name] - resampled[0][figure.name],
        )
        for figure in FIGURES
    }
    return Comparison(one, other, differences)


def _measured(
    candidates: list[Candidate], base_currency: str, resamples: int, progress: Progress
) -> tuple[list[Evaluation], list[dict[str, NDArray[np.float64]]]]:
    """Return the evaluations, and the resampled values of each figure."""
    for candidate in candidates:
        _check(candidate)
    kept, cards = _of_cards_that_occur([candidate.scored for candidate in candidates])
    measures = [Measures(scored) for scored in kept]
    values = [one.measure(np.ones((1, cards))) for one in measures]
    parts: list[list[dict[str, NDArray[np.float64]]]] = [[] for _ in candidates]
    done = 0
    for weights in card_weights(cards, resamples, seed=_SEED, row_size=len(kept[0])):
        progress(STAGE, done / resamples)
        for own, one in zip(parts, measures, strict=True):
            own.append(one.measure(weights))
        done += len(weights)
    progress(STAGE, 1.0)
    resampled = [
        {figure.name: np.concatenate([part[figure.name] for part in own] or [np.zeros(0)]) for figure in FIGURES}
        for own in parts
    ]
    evaluations = [
        _evaluation(
            candidate,
            scored,
            base_currency,
            {name: estimate(float(value[0]), drawn[name]) for name, value in value_of.items()},
        )
        for candidate, scored, value_of, drawn in zip(candidates, kept, values, resampled, strict=True)
    ]
    return evaluations, resampled


def _check(candidate: Candidate) -> None:
    scored = candidate.scored
    if not len(scored):
        left_out = (
            f"; {candidate.left_out:,} were left out, of cards known to be compromised" if candidate.left_out else ""
        )
        raise EvaluationRefused(f"{candidate.name} has no transaction to measure{left_out}; choose other days.")
    frauds = int(scored.is_fraud.sum())
    if not 0 < frauds < len(scored):
        what = "nothing but fraud" if frauds else "no fraud"
        raise EvaluationRefused(
            f"{candidate.name} holds {what} among its {len(scored):,} transactions from {scored.first_day} to "
            f"{scored.last_day}, so nothing can be told apart; choose other days or more of them."
        )
    has_score = np.isfinite(scored.score)
    if not 0 < int(scored.is_fraud[has_score].sum()) < int(has_score.sum()):
        raise EvaluationRefused(
            f"{candidate.name} has scores for {int(has_score.sum()):,} of {len(scored):,} transactions, and not for "
            "both frauds and others; make the verdicts again with a model that answers."
        )


def _of_cards_that_occur(all_scored: list[Scored]) -> tuple[list[Scored], int]:
    """Return the same with codes for the cards that occur alone: a resample draws from these."""
    cards, code = np.unique(all_scored[0].card, return_inverse=True)
    kept = [
        Scored(s.time, code.astype(np.int64), s.amount, s.is_fraud, s.score, s.decision, len(cards)) for s in all_scored
    ]
    return kept, len(cards)


def _evaluation(candidate: Candidate, scored: Scored, base_currency: str, figures: dict[str, Estimate]) -> Evaluation:
    return Evaluation(
        name=candidate.name,
        base_currency=base_currency,
        first_day=scored.first_day,
        last_day=scored.last_day,
        transactions=len(scored),
        frauds=int(scored.is_fraud.sum()),
        cards=scored.cards,
        left_out=candidate.left_out,
        without_score=int((~np.isfinite(scored.score)).sum()),
        without_amount=int((~np.isfinite(scored.amount)).sum()),
        figures=figures,
        decisions=tuple(_decision_tally(scored, code) for code in range(len(DECISIONS))),
        reliability=reliability(scored),
        by_day=_by_day(scored),
    )


def _decision_tally(scored: Scored, code: int) -> DecisionTally:
    got = scored.decision == code
    amount = np.nan_to_num(scored.amount[got], nan=0.0)
    is_fraud = scored.is_fraud[got]
    return DecisionTally(
        decision=DECISIONS[code],
        transactions=len(amount),
        frauds=int(is_fraud.sum()),
        amount=float(amount.sum()),
        fraud_amount=float(amount[is_fraud].sum()),
    )


def _by_day(scored: Scored) -> tuple[DayTally, ...]:
    since = scored.day - scored.day[0]
    counts = [
        np.bincount(since[chosen], minlength=scored.days).tolist()
        for chosen in (
            np.ones(len(scored), np.bool_),
            scored.is_fraud,
            scored.is_flagged,
            scored.is_flagged & scored.is_fraud,
        )
    ]
    return tuple(
        DayTally(scored.first_day + timedelta(days=number), *tallies)
        for number, tallies in enumerate(zip(*counts, strict=True))
    )
