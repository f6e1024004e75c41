"""Training a bundle: one pass of the production kernel, then LightGBM on earlier days, judged on later ones.

warmed → split → grown → calibrated → threshed → measured → written. No random split anywhere, no clock, and one thread:
the same transactions make the same bytes. (Two threads are faster only while nobody else computes: beside one busy
process they took ten times as long, waiting for each other.)
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from fraudline.domain.policy import Thresholds
from fraudline.kernel.events import TRANSACTION
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.registry import KERNEL_VERSION
from fraudline.models.bundle import FEATURE_NAMES, load_booster, raw_scores, refuse_existing, write_bundle
from fraudline.models.calibration import Calibration, fit_calibration
from fraudline.models.errors import TrainingRefused
from fraudline.models.history import History
from fraudline.models.manifest import (
    FORMAT,
    MANIFEST_FILE,
    MODEL_FILE,
    NAME_PATTERN,
    RATES_FILE,
    Data,
    Days,
    FileEntry,
    Golden,
    Manifest,
    Metrics,
    SigmoidEntry,
    ThresholdsEntry,
)
from fraudline.models.metrics import auc_roc, average_precision
from fraudline.models.point_in_time import LABEL_DELAY, labels_due, point_in_time
from fraudline.models.rates import Rates
from fraudline.models.thresholds import choose_thresholds, description
from fraudline.models.trees import END_OF_TREES

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is (0 to 1)."""

MAX_TREES = 200
EARLY_STOPPING_ROUNDS = 30
PARAMETERS: Mapping[str, str | int | float | bool] = {
    "objective": "binary",
    "metric": "binary_logloss",
    "learning_rate": 0.06,
    "num_leaves": 31,
    "min_data_in_leaf": 40,
    "lambda_l2": 2.0,
    "feature_fraction": 0.8,
    # Fine enough to see where amounts turn suspicious: with the usual 255 the rarest, largest ones share a bin.
    "max_bin": 2047,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
GOLDEN_ROWS = 32
_TRAINING_SHARE, _EARLY_STOPPING_SHARE = 0.7, 0.15
_FEWEST_DAYS = 3
# With fewer, a sigmoid fitted to half of them, or a recall measured on the others, would say little.
_FEWEST_FRAUDS = 10
_EVENTS_A_STEP = 65_536
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days, both included, and the indices [start, stop) of their transactions."""

    first: date
    last: date
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Examples:
    """The features, outcomes and base amounts of the transactions from index `start` of the history on."""

    start: int
    features: NDArray[np.float64]
    is_fraud: NDArray[np.bool_]
    amounts: NDArray[np.float64]

    @property
    def frauds(self) -> int:
        """How many of them are fraud."""
        return int(self.is_fraud.sum())

    def of(self, period: Period) -> "Examples":
        """Return those of one period."""
        part = slice(period.start - self.start, period.stop - self.start)
        return Examples(period.start, self.features[part], self.is_fraud[part], self.amounts[part])


def no_progress(_stage: str, _share: float) -> None:
    """Tell nobody."""


def train_bundle(
    history: History,
    directory: Path,
    *,
    name: str,
    rates: Rates,
    first_day: date | None = None,
    last_day: date | None = None,
    label_delay: timedelta = LABEL_DELAY,
    progress: Progress = no_progress,
) -> Manifest:
    """Train on the transactions from `first_day` until `last_day`, both included, and write the bundle.

    History before `first_day` warms the state. All labels of these days are used, as they are once the last ones have
    fallen due; the features see each only from the moment at which production would have.

    Raises:
        TrainingRefused: These days do not make a model.
        BundleError: The folder is there already or cannot be written.
    """
    if re.fullmatch(NAME_PATTERN, name) is None:
        raise TrainingRefused(f"{name!r} is no name for a model; use up to 40 of a-z, 0-9 and -, like cards-eu.")
    if not history.is_labelled:
        raise TrainingRefused("The transactions have no labels; add a column `fraud` with 0 or 1.")
    refuse_existing(directory)
    first, last = first_day or history.first_day, last_day or history.last_day
    history = history.until(last)
    training, stopping, judging = split_days(history, first, last)
    examples = _warm(history, rates, label_delay, training.start, progress)
    for period, purpose in ((training, "training"), (stopping, "early stopping"), (judging, "calibration")):
        _check_both_kinds(examples.of(period), period, purpose)
    model = _grow(examples.of(training), examples.of(stopping), progress)
    calibrating, measuring = _split_judging(history, examples, judging)
    data = Data(
        history_from=history.first_day,
        training=_days(examples, training),
        early_stopping=_days(examples, stopping),
        calibration=_days(examples, calibrating),
        measuring=_days(examples, measuring),
        label_delay_seconds=int(label_delay.total_seconds()),
        labels_known_until=_last_due(history, label_delay),
        amounts_without_rate=int(np.isnan(examples.amounts).sum()),
    )
    manifest = _describe(
        name, model, rates, data, calibrating=examples.of(calibrating), measuring=examples.of(measuring)
    )
    progress("writing the bundle", 0.0)
    files = {MODEL_FILE: model, RATES_FILE: rates.encode(), MANIFEST_FILE: manifest.encode()}
    write_bundle(directory, files)
    progress("writing the bundle", 1.0)
    return manifest


def split_days(history: History, first: date, last: date) -> tuple[Period, Period, Period]:
    """Return the days for training, for early stopping and for calibration: in this order, about 70 : 15 : 15."""
    if len(history):
        first, last = max(first, history.first_day), min(last, history.last_day)
    days = (last - first).days + 1 if len(history) else 0
    if days < _FEWEST_DAYS:
        raise TrainingRefused(
            f"Training takes at least {_FEWEST_DAYS} days of transactions, there are {max(days, 0)}; "
            "choose --from and --until further apart."
        )
    later = max(1, round(days * _EARLY_STOPPING_SHARE))
    stopping, judging = days - 2 * later, days - later
    marks = [first + timedelta(days=offset) for offset in (0, stopping, judging, days)]
    at = [history.index_of(day) for day in marks]
    periods = [Period(marks[n], marks[n + 1] - timedelta(days=1), at[n], at[n + 1]) for n in range(3)]
    return periods[0], periods[1], periods[2]


def _split_judging(history: History, examples: Examples, judging: Period) -> tuple[Period, Period]:
    """Return the days to calibrate on and those after them to measure on; twice the same where they are too few."""
    days = (judging.last - judging.first).days + 1
    middle = judging.first + timedelta(days=(days + 1) // 2)
    at = history.index_of(middle)
    calibrating = Period(judging.first, middle - timedelta(days=1), judging.start, at)
    measuring = Period(middle, judging.last, at, judging.stop)
    halves = [examples.of(calibrating), examples.of(measuring)] if days > 1 else []
    if not halves or any(not _FEWEST_FRAUDS <= half.frauds < len(half.is_fraud) for half in halves):
        return judging, judging
    return calibrating, measuring


def _last_due(history: History, label_delay: timedelta) -> datetime:
    """Return when the last label that is learned from falls due."""
    last = history.times[history.frauds][-1:]
    return _EPOCH + timedelta(microseconds=int(labels_due(last, label_delay)[0]))


def _warm(history: History, rates: Rates, label_delay: timedelta, start: int, progress: Progress) -> Examples:
    """Pass all of the history through the kernel, in the order of production; keep the features from `start` on."""
    events = point_in_time(history, rates, label_delay)
    features = np.empty((len(history) - start, len(FEATURE_NAMES)))
    kernel, seen = Kernel(), 0
    for begin in range(0, len(events), _EVENTS_A_STEP):
        progress("computing features", begin / len(events))
        part = events.part(begin, min(begin + _EVENTS_A_STEP, len(events)))
        rows = kernel.apply(part)
        kernel.settle()
        kept = rows[max(0, start - seen) :]
        features[max(0, seen - start) : max(0, seen - start) + len(kept)] = kept
        seen += len(rows)
    progress("computing features", 1.0)
    amounts = events.amount[events.kind == TRANSACTION]
    return Examples(start, features, history.frauds[start:], amounts[start:])


def _check_both_kinds(examples: Examples, period: Period, purpose: str) -> None:
    if 0 < examples.frauds < len(examples.is_fraud):
        return
    what = "no fraud" if not examples.frauds else "nothing but fraud"
    if not len(examples.is_fraud):
        what = "no transaction"
    raise TrainingRefused(
        f"The days for {purpose}, {period.first} to {period.last}, hold {what}; choose other days or more of them."
    )


def _grow(training: Examples, stopping: Examples, progress: Progress) -> bytes:
    """Grow trees on the training days for as long as the later days gain from it; return LightGBM's text of them."""

    def tell(environment: Any) -> None:
        progress("growing trees", (environment.iteration + 1) / MAX_TREES)

    rows = lightgbm.Dataset(
        training.features,
        training.is_fraud.astype(np.float32),
        feature_name=list(FEATURE_NAMES),
        params=dict(PARAMETERS),
    )
    later = rows.create_valid(stopping.features, stopping.is_fraud.astype(np.float32))
    booster = lightgbm.train(
        dict(PARAMETERS),
        rows,
        num_boost_round=MAX_TREES,
        valid_sets=[later],
        callbacks=[lightgbm.early_stopping(EARLY_STOPPING_ROUNDS, verbose=False), tell],
    )
    progress("growing trees", 1.0)
    text: bytes = booster.model_to_string(num_iteration=booster.best_iteration).encode()
    model = text[: text.index(END_OF_TREES) + len(END_OF_TREES)]
    if b"\nnum_leaves=1\n" in model:
        raise TrainingRefused("Nothing that the features tell separates fraud from the rest; use more days.")
    return model


def _describe(
    name: str, model: bytes, rates: Rates, data: Data, *, calibrating: Examples, measuring: Examples
) -> Manifest:
    """Calibrate and choose thresholds on some days, measure on others, and write down all of it."""
    booster = load_booster(model)
    raw = raw_scores(booster, calibrating.features)
    calibration = fit_calibration(raw, calibrating.is_fraud)
    if calibration.slope <= 0:
        raise TrainingRefused("On the later days the model is no better than chance; use more days.")
    fraud_amounts = calibrating.amounts[calibrating.is_fraud]
    loss = float(np.nanmean(fraud_amounts)) if np.isfinite(fraud_amounts).any() else 0.0
    thresholds = choose_thresholds(calibration.probabilities(raw), loss)
    return Manifest(
        format=FORMAT,
        name=name,
        version="0" * 12,
        kernel_version=KERNEL_VERSION,
        features=list(FEATURE_NAMES),
        base_currency=rates.base_currency,
        data=data,
        metrics=_measure(
            raw_scores(booster, measuring.features),
            measuring,
            calibration,
            thresholds,
            is_in_sample=data.measuring == data.calibration,
        ),
        thresholds=ThresholdsEntry(
            review=thresholds.review,
            decline=thresholds.decline,
            chosen_by=description(loss, rates.base_currency),
        ),
        calibration=SigmoidEntry(slope=calibration.slope, intercept=calibration.intercept),
        parameters={**PARAMETERS, "max_trees": MAX_TREES, "early_stopping_rounds": EARLY_STOPPING_ROUNDS},
        trees=booster.num_trees(),
        golden=_golden(calibrating.features, raw, calibration),
        libraries={package: version(package) for package in ("lightgbm", "numba", "numpy")},
        files={MODEL_FILE: _entry(model), RATES_FILE: _entry(rates.encode())},
    ).sealed()


def _measure(
    raw: NDArray[np.float64],
    examples: Examples,
    calibration: Calibration,
    thresholds: Thresholds,
    *,
    is_in_sample: bool,
) -> Metrics:
    flagged = calibration.probabilities(raw) >= thresholds.review
    caught = int((flagged & examples.is_fraud).sum())
    return Metrics(
        is_in_sample=is_in_sample,
        auc_roc=auc_roc(raw, examples.is_fraud),
        average_precision=average_precision(raw, examples.is_fraud),
        share_flagged=float(flagged.mean()),
        recall=caught / examples.frauds,
        precision=caught / max(1, int(flagged.sum())),
    )


def _golden(features: NDArray[np.float64], raw: NDArray[np.float64], calibration: Calibration) -> Golden:
    """Take rows evenly over the ranking, the highest and the lowest among them."""
    order = np.argsort(raw, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(GOLDEN_ROWS, len(order))).astype(np.int64)]
    return Golden(
        features=[[value.hex() for value in row] for row in features[chosen].tolist()],
        probabilities=[value.hex() for value in calibration.probabilities(raw[chosen]).tolist()],
    )


def _days(examples: Examples, period: Period) -> Days:
    part = examples.of(period)
    return Days(first=period.first, last=period.last, transactions=len(part.is_fraud), frauds=part.frauds)


def _entry(content: bytes) -> FileEntry:
    return FileEntry(sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
