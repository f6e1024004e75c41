"""How good a model is on days that it knows nothing of: what it says of them, measured like any verdicts."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fraudline.domain.policy import Thresholds, decide
from fraudline.models.evaluation.evaluation import Estimate, Evaluation
from fraudline.models.evaluation.measuring import Candidate, evaluate
from fraudline.models.evaluation.scored import DECISIONS, Scored
from fraudline.models.histories.history import History
from fraudline.models.manifest import Interval, Metrics, Week
from fraudline.models.report.curves import by_week
from fraudline.models.training.examples import Examples, Progress

_CODES = {decision: code for code, decision in enumerate(DECISIONS)}


@dataclass(frozen=True, slots=True)
class Judged:
    """Some days' transactions with what the model says of them, and the figures over them."""

    scored: Scored
    evaluation: Evaluation
    thresholds: Thresholds


def judge(
    history: History,
    examples: Examples,
    probability: NDArray[np.float64],
    thresholds: Thresholds,
    *,
    name: str,
    base_currency: str,
    resamples: int,
    progress: Progress,
) -> Judged:
    """Decide as production does, and measure.

    Args:
        history: What the examples are a part of.
        examples: The transactions of the days to measure on.
        probability: What the model says of each.
        thresholds: Those of its decisions.
        name: What the model is called.
        base_currency: The currency of the amounts.
        resamples: How often the cards are drawn again for the intervals.
        progress: Is told how far it is.
    """
    part = history.frame[examples.start : examples.start + len(examples)]
    cards = part["card_id"].rank("dense").to_numpy().astype(np.int64) - 1
    decisions = [
        _CODES[decide(score, has_rate=known, thresholds=thresholds)[0]]
        for score, known in zip(probability.tolist(), np.isfinite(examples.amounts).tolist(), strict=True)
    ]
    scored = Scored(
        time=part["occurred_at"].to_physical().to_numpy(),
        card=cards,
        amount=examples.amounts,
        is_fraud=examples.is_fraud,
        score=probability,
        decision=np.array(decisions, dtype=np.uint8),
        cards=int(cards.max()) + 1,
    )
    evaluation = evaluate(Candidate(name, scored), base_currency=base_currency, resamples=resamples, progress=progress)
    return Judged(scored, evaluation, thresholds)


def metrics_of(judged: Judged, *, is_in_sample: bool) -> Metrics:
    """Return the figures as a manifest keeps them."""
    figures = judged.evaluation.figures
    scored = judged.scored
    # By the decisions: what has no rate is reviewed whatever its score.
    flagged = scored.is_flagged
    caught = int((flagged & scored.is_fraud).sum())
    return Metrics(
        is_in_sample=is_in_sample,
        auc_roc=figures["auc_roc"].value,
        average_precision=figures["average_precision"].value,
        share_flagged=float(flagged.mean()),
        recall=caught / int(scored.is_fraud.sum()),
        precision=caught / max(1, int(flagged.sum())),
        figures={name: _interval(estimate) for name, estimate in figures.items()},
        by_week=[
            Week(
                first=week.first,
                last=week.last,
                transactions=week.transactions,
                frauds=week.frauds,
                flagged=week.alerts,
                auc_roc=_known(week.auc_roc),
                average_precision=_known(week.average_precision),
            )
            for week in by_week(scored)
        ],
    )


def _interval(estimate: Estimate) -> Interval:
    return Interval(value=_known(estimate.value), low=_known(estimate.low), high=_known(estimate.high))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
