"""A week of public data: how well its frauds were found, by us and by the handbook's forest."""

import os
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import scikit_learn
from command_cost import Cost
from held_out import HeldOut, Labelled, figures_of, hold_out, last_day_known

from fraudline.models.calibration import fit_sigmoid
from fraudline.models.evaluation.scored import Scored, number_of

RANKED = ("auc_roc", "average_precision", "card_precision")
"""The figures that say how well scores rank frauds, by their names in `evaluation.figures`."""

_SIX_DAYS = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Week:
    """A week's figures. Those of `RANKED` are a value each, in that order.

    Attributes:
        first_day: Its first day.
        rows: How many transactions count by the handbook's protocol, which the ranked figures are of.
        frauds: How many frauds.
        training: What training cost.
        ours: The ranked figures of our model.
        forests: Those of the handbook's forest.
        forests_at_midnight: Those of the same forest with labels known when production knows them.
        calibration_error: Of our model over all transactions of the week: calibration and budget leave no card out.
        log_loss: The same.
        alerts_per_day: The same.
        alerts_allowed: How many alerts a day the thresholds were chosen to keep to.
        furthest_from_scikit_learn: The largest distance of a figure or a calibrated probability from scikit-learn's.
    """

    first_day: date
    rows: int
    frauds: int
    training: Cost
    ours: tuple[float, ...]
    forests: tuple[float, ...]
    forests_at_midnight: tuple[float, ...]
    calibration_error: float
    log_loss: float
    alerts_per_day: float
    alerts_allowed: float
    furthest_from_scikit_learn: float

    @property
    def ahead(self) -> tuple[float, ...]:
        """How far we are ahead of the handbook's forest."""
        return tuple(own - other for own, other in zip(self.ours, self.forests, strict=True))


def measure_week(labelled: Labelled, first_day: date) -> Week:
    """Train on what was known before a week, judge it, and have the forests do the same; see `hold_out`."""
    last_day = first_day + _SIX_DAYS
    held_out = hold_out(labelled, first_day, last_day)
    counted, trusted = held_out.counted, figures_of(held_out.scored)
    forest, forest_at_midnight = _of_the_forests(labelled, held_out, first_day, last_day)
    return Week(
        first_day=first_day,
        rows=len(counted),
        frauds=int(counted.is_fraud.sum()),
        training=held_out.training,
        ours=_ranked(counted),
        forests=_ranked(forest),
        forests_at_midnight=_ranked(forest_at_midnight),
        calibration_error=trusted["calibration_error"],
        log_loss=trusted["log_loss"],
        alerts_per_day=trusted["alerts_per_day"],
        alerts_allowed=held_out.manifest.thresholds.most_alerts_per_day,
        furthest_from_scikit_learn=_distance_to_scikit_learn(counted),
    )


def _ranked(scored: Scored) -> tuple[float, ...]:
    figures = figures_of(scored)
    return tuple(figures[name] for name in RANKED)


def _of_the_forests(labelled: Labelled, held_out: HeldOut, first_day: date, last_day: date) -> tuple[Scored, Scored]:
    """Return what counts with the scores of the two forests, trained on the days that our model had."""
    outcomes = labelled.outcomes
    days = (held_out.manifest.data.training.first, last_day_known(first_day), first_day, last_day)
    arrays = {
        "time": outcomes.time,
        "card": outcomes.card,
        "terminal": labelled.history.frame["merchant_id"].rank("dense").cast(int).to_numpy(),
        "cents": np.round(outcomes.amount * 100).astype(np.int64),
        "is_fraud": outcomes.is_fraud.astype(np.int64),
        "days": np.array([number_of(day) for day in days]),
    }
    theirs = scikit_learn.run("handbook_forest.py", arrays, str(os.cpu_count() or 1))
    as_published, at_midnight = (
        replace(held_out.scored, score=theirs[name].astype(np.float64)).where(held_out.counts)
        for name in ("score", "score_at_midnight")
    )
    return as_published, at_midnight


def _distance_to_scikit_learn(scored: Scored) -> float:
    score = np.clip(scored.score, np.finfo(float).eps, 1 - np.finfo(float).eps)
    raw = np.log(score / (1 - score))
    theirs = scikit_learn.run(
        "scikit_learn_figures.py", {"score": scored.score, "is_fraud": scored.is_fraud, "raw": raw}
    )
    auc_roc, average_precision, _ = _ranked(scored)
    calibrated = fit_sigmoid(raw, scored.is_fraud).probabilities(raw)
    return max(
        abs(auc_roc - float(theirs["auc_roc"])),
        abs(average_precision - float(theirs["average_precision"])),
        float(np.abs(calibrated - theirs["calibrated"].astype(np.float64)).max()),
    )
