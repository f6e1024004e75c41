"""What a bundle says of itself: its manifest, and the facts that its report and model card tell."""

import hashlib
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Final

import lightgbm
import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.registry import FEATURES, KERNEL_VERSION
from fraudline.models.booster import raw_scores
from fraudline.models.bundle import FEATURE_NAMES
from fraudline.models.calibration import Calibration, Sigmoid
from fraudline.models.histories.history import History
from fraudline.models.histories.period import Period
from fraudline.models.histories.point_in_time import labels_due
from fraudline.models.manifest import (
    CARD_FILE,
    FORMAT,
    MODEL_FILE,
    RATES_FILE,
    REPORT_FILE,
    CalibrationEntry,
    Data,
    Days,
    FileEntry,
    Golden,
    Growth,
    IsotonicEntry,
    Manifest,
    SigmoidEntry,
    ThresholdsEntry,
)
from fraudline.models.report.costs import Costs
from fraudline.models.report.facts import Importance, Side, TrainingReport
from fraudline.models.report.facts import Period as ReportPeriod
from fraudline.models.starter_rates import converted_by_invention
from fraudline.models.training.examples import Examples
from fraudline.models.training.judging import metrics_of
from fraudline.models.training.learned import Learned, Options
from fraudline.models.training.sentences import (
    calibration_sentence,
    growth_sentence,
    imbalance_sentence,
    thresholds_sentence,
)
from fraudline.models.trees import check_trees
from fraudline.models.treeshap import TreeShap

GOLDEN_ROWS: Final = 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LIBRARIES = ("lightgbm", "numba", "numpy", "polars")


def describe(
    options: Options, history: History, examples: Examples, learned: Learned, booster: lightgbm.Booster
) -> Manifest:
    """Return the manifest of a model, which is versioned; its card and its report are yet to come (`completed`)."""
    entry = _calibration_entry(learned.calibrated.calibration)
    files = {MODEL_FILE: learned.shipped.model, RATES_FILE: options.rates.encode(), CARD_FILE: b"-", REPORT_FILE: b"-"}
    return Manifest(
        format=FORMAT,
        name=options.name,
        version="0" * 12,
        kernel_version=KERNEL_VERSION,
        features=[feature.name for feature in FEATURES],
        base_currency=options.rates.base_currency,
        data=_data(options, history, examples, learned),
        growth=Growth(
            is_refit=learned.is_refit,
            grown_on=_days(examples, learned.grown_on),
            interim_trees=learned.interim.trees,
            imbalance=learned.imbalance,
            candidates=dict(learned.candidates),
        ),
        metrics=metrics_of(learned.judged, is_in_sample=learned.is_in_sample),
        thresholds=_thresholds_entry(options, learned),
        calibration=entry,
        calibration_log_loss={str(method): loss for method, loss in learned.calibrated.log_loss.items()},
        parameters=options.recipe.noted(),
        trees=learned.shipped.trees,
        golden=_golden(examples.of(learned.calibrating).features, booster, entry.calibration()),
        libraries={package: version(package) for package in _LIBRARIES},
        files={name: _entry(content) for name, content in files.items()},
    ).sealed()


def completed(manifest: Manifest, *, card: bytes, report: bytes) -> Manifest:
    """Return the manifest with the two files that tell of the model."""
    files = manifest.files | {CARD_FILE: _entry(card), REPORT_FILE: _entry(report)}
    return manifest.model_copy(update={"files": files}).sealed()


def facts(
    options: Options,
    history: History,
    examples: Examples,
    learned: Learned,
    *,
    manifest: Manifest,
) -> TrainingReport:
    """Return what the report and the model card tell."""
    data, thresholds, growth = manifest.data, manifest.thresholds, manifest.growth
    periods = [("training", data.training), ("early stopping", data.early_stopping)]
    if learned.is_in_sample:
        periods.append(("calibration, thresholds and metrics", data.calibration))
    else:
        periods += [("calibration and thresholds", data.calibration), ("metrics", data.measuring)]
    return TrainingReport(
        model=f"{manifest.name}-{manifest.version}",
        measured=Side(learned.judged.scored, learned.judged.evaluation, learned.judged.thresholds),
        is_in_sample=learned.is_in_sample,
        history_from=data.history_from,
        periods=tuple(
            ReportPeriod(purpose, days.first, days.last, days.transactions, days.frauds) for purpose, days in periods
        ),
        label_delay_seconds=data.label_delay_seconds,
        labels_known_until=f"{data.labels_known_until:%Y-%m-%d %H:%M} UTC",
        amounts_without_rate=data.amounts_without_rate,
        invented_amounts=converted_by_invention(history.frame["currency"], options.rates),
        costs=Costs(thresholds.review_cost, thresholds.decline_cost),
        most_alerts_per_day=thresholds.most_alerts_per_day,
        chosen_by=thresholds.chosen_by,
        calibration=calibration_sentence(learned.calibrated),
        imbalance=imbalance_sentence(learned, options.recipe),
        growth=growth_sentence(manifest),
        is_refit=growth.is_refit,
        trees=manifest.trees,
        parameters=manifest.parameters,
        features=tuple(manifest.features),
        importance=_importance(
            examples.of(learned.measuring).features, learned.shipped.model, options.recipe.explained_rows
        ),
        kernel_version=manifest.kernel_version,
        max_entities=data.max_entities,
        evicted=data.evicted,
        command=options.command,
        libraries=manifest.libraries,
    )


def _data(options: Options, history: History, examples: Examples, learned: Learned) -> Data:
    last_fraud = history.times[history.frauds][-1:]
    last_due = int(labels_due(last_fraud, options.label_delay)[0])
    return Data(
        history_from=history.first_day,
        training=_days(examples, learned.training),
        early_stopping=_days(examples, learned.stopping),
        calibration=_days(examples, learned.calibrating),
        measuring=_days(examples, learned.measuring),
        label_delay_seconds=int(options.label_delay.total_seconds()),
        labels_known_until=_EPOCH + timedelta(microseconds=last_due),
        amounts_without_rate=int(np.isnan(examples.amounts).sum()),
        max_entities=options.max_entities,
        evicted=examples.evicted,
    )


def _thresholds_entry(options: Options, learned: Learned) -> ThresholdsEntry:
    choice, budget = learned.choice, options.budget
    return ThresholdsEntry(
        # In a manifest 1 stands for a threshold that is not used.
        review=min(choice.thresholds.review, 1.0),
        decline=min(choice.thresholds.decline, 1.0),
        chosen_by=thresholds_sentence(choice, budget, options.rates.base_currency),
        review_cost=budget.review_cost,
        decline_cost=budget.decline_cost,
        most_alerts_per_day=choice.alerts_allowed,
        alerts_per_day=choice.alerts,
        cost_per_day=choice.cost,
        cost_per_day_without_model=choice.cost_without,
    )


def _calibration_entry(calibration: Calibration) -> CalibrationEntry:
    if isinstance(calibration, Sigmoid):
        return SigmoidEntry(method="sigmoid", slope=calibration.slope, intercept=calibration.intercept)
    return IsotonicEntry(method="isotonic", knots=list(zip(calibration.raw, calibration.log_odds, strict=True)))


def _golden(features: NDArray[np.float64], booster: lightgbm.Booster, calibration: Calibration) -> Golden:
    """Take rows evenly over the ranking, the highest and the lowest among them; LightGBM is the witness."""
    raw = raw_scores(booster, features)
    order = np.argsort(raw, kind="stable")
    chosen = order[_evenly(len(order), GOLDEN_ROWS)]
    return Golden(
        features=[[value.hex() for value in row] for row in features[chosen].tolist()],
        probabilities=[value.hex() for value in calibration.probabilities(raw[chosen]).tolist()],
    )


def _importance(features: NDArray[np.float64], model: bytes, most: int) -> Importance:
    rows = features[_evenly(len(features), most)]
    contributions = TreeShap(check_trees(model, FEATURE_NAMES), len(FEATURE_NAMES)).contributions(rows)
    mean = np.abs(contributions[:, :-1]).mean(axis=0)
    return Importance(FEATURE_NAMES, mean, len(rows), "evenly over the days of the metrics")


def _evenly(size: int, most: int) -> NDArray[np.int64]:
    """Return indices from the first to the last, at most so many, equally far apart."""
    return np.linspace(0, size - 1, min(most, size)).astype(np.int64)


def _days(examples: Examples, period: Period) -> Days:
    part = examples.of(period)
    return Days(first=period.first, last=period.last, transactions=len(part), frauds=part.frauds)


def _entry(content: bytes) -> FileEntry:
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
