"""Training is honest and repeatable: the later days judge, the same data make the same bytes, nothing half is left."""

import dataclasses
import os
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fraudline.kernel.events import TRANSACTION
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.registry import known_after_days
from fraudline.models.bundle import Bundle, BundleError
from fraudline.models.errors import TrainingRefused
from fraudline.models.histories.history import History
from fraudline.models.histories.point_in_time import point_in_time
from fraudline.models.manifest import Manifest
from fraudline.models.rates import Rates
from fraudline.models.recipe import Imbalance
from fraudline.models.starter_rates import starter_rates
from fraudline.models.training.costs import Budget
from fraudline.models.training.examples import no_progress, warm
from fraudline.models.training.growing import Grower, sample
from fraudline.models.training.split import split_days
from model_builders import FIRST_DAY, SMALL, a_history, a_simulated_history, a_trained_bundle, at, model_of

RATES = starter_rates()


@pytest.fixture(scope="module")
def history() -> History:
    return a_simulated_history()


def manifest_of(bundle: Path) -> Manifest:
    return Bundle.load(bundle).manifest


def with_frauds(history: History, is_fraud: pl.Expr) -> History:
    return History(history.frame.with_columns(is_fraud.cast(pl.Int8).alias("fraud")))


def test_the_same_transactions_make_the_same_bytes(tmp_path: Path, history: History, trained: Path) -> None:
    again = a_trained_bundle(tmp_path / "again", history)

    files = sorted(file.name for file in trained.iterdir())
    assert files == ["manifest.json", "model-card.md", "model.txt", "rates.json", "report.html"]
    for file in files:
        assert (again / file).read_bytes() == (trained / file).read_bytes()


def test_the_split_is_by_time_and_said(trained: Path) -> None:
    data = manifest_of(trained).data

    day = timedelta(days=1)
    assert data.history_from == data.training.first == FIRST_DAY
    assert data.training.last + day == data.early_stopping.first
    assert data.early_stopping.last + day == data.calibration.first
    assert data.calibration.last + day == data.measuring.first
    assert data.measuring.last == FIRST_DAY + 13 * day
    assert min(data.calibration.frauds, data.measuring.frauds) >= 10
    assert data.label_delay_seconds == 7 * 86_400


def test_the_last_label_that_was_learned_from_is_told(history: History, trained: Path) -> None:
    data = manifest_of(trained).data

    last_fraud = history.frame.filter(pl.col("fraud") == 1)["occurred_at"].max()
    assert data.labels_known_until - timedelta(days=8) < last_fraud <= data.labels_known_until - timedelta(days=7)
    assert data.labels_known_until.hour == 0


def test_outcomes_of_the_days_that_measure_move_neither_calibration_nor_thresholds(
    tmp_path: Path, history: History, trained: Path
) -> None:
    swapped = (pl.col("occurred_at") >= at(13, 0)) & (pl.int_range(pl.len()) % 200 == 0)
    changed = with_frauds(history, pl.when(swapped).then(1 - pl.col("fraud")).otherwise(pl.col("fraud")))

    other, before = manifest_of(a_trained_bundle(tmp_path / "other", changed)), manifest_of(trained)

    assert not before.metrics.is_in_sample
    assert (other.calibration, other.thresholds, other.version) == (
        before.calibration,
        before.thresholds,
        before.version,
    )
    assert other.metrics != before.metrics


@pytest.mark.parametrize(("days", "shares"), [(3, (1, 1, 1)), (7, (5, 1, 1)), (14, (10, 2, 2)), (60, (42, 9, 9))])
def test_days_are_split_in_whole_and_in_order(days: int, shares: tuple[int, ...]) -> None:
    history = a_history(*((at(day), False) for day in range(days)))

    split = split_days(history, history.first_day, history.last_day)
    periods = (split.training, split.stopping, split.judging)

    assert tuple((period.last - period.first).days + 1 for period in periods) == shares
    assert tuple(period.stop - period.start for period in periods) == shares
    assert periods[0].start == 0
    assert periods[2].stop == days


def test_outcomes_of_the_days_that_judge_move_no_tree(tmp_path: Path, history: History, trained: Path) -> None:
    judged_from = at(12, 0)
    swapped = (pl.col("occurred_at") >= judged_from) & (pl.int_range(pl.len()) % 200 == 0)
    changed = with_frauds(history, pl.when(swapped).then(1 - pl.col("fraud")).otherwise(pl.col("fraud")))

    other = a_trained_bundle(tmp_path / "other", changed)

    assert model_of(other) == model_of(trained)
    assert manifest_of(other).calibration != manifest_of(trained).calibration


def test_the_model_is_better_than_chance_on_the_days_that_judge(trained: Path) -> None:
    metrics = manifest_of(trained).metrics

    assert metrics.auc_roc > 0.65
    assert metrics.share_flagged <= 0.03
    assert metrics.recall > 0.1


def test_what_is_learned_from_is_what_production_computes_bit_for_bit(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fraudline.models.training.examples.EVENTS_A_STEP", 4096)
    delay, start = timedelta(days=2), history.index_of(FIRST_DAY + timedelta(days=5)) + 17
    events = point_in_time(history, RATES, delay)

    learned = warm(history, RATES, label_delay=delay, start=start, max_entities=100_000, progress=no_progress)

    # As production would: each batch as it came.
    kernel, features = Kernel(100_000, known_after_days(delay)), []
    edges = [0, *sorted(np.random.default_rng(3).integers(len(events), size=500).tolist()), len(events)]
    for begin, end in pairwise(edges):
        features.append(kernel.apply(events.part(begin, end)))
        kernel.settle()
    assert (events.kind != TRANSACTION).any()
    assert learned.features.tobytes() == np.concatenate(features)[start:].tobytes()
    assert learned.is_fraud.tobytes() == history.frauds[start:].tobytes()


def test_a_model_that_is_grown_again_says_that_its_figures_are_anothers(
    tmp_path: Path, history: History, trained: Path
) -> None:
    recipe = dataclasses.replace(SMALL, refit=True)

    again = a_trained_bundle(tmp_path / "again", history, recipe=recipe)

    manifest, before = manifest_of(again), manifest_of(trained)
    assert manifest.growth.is_refit
    assert (manifest.growth.grown_on.first, manifest.growth.grown_on.last) == (FIRST_DAY, at(13).date())
    assert manifest.growth.interim_trees == before.trees
    assert manifest.trees == round(before.trees * len(history) / before.data.training.transactions)
    assert (manifest.calibration, manifest.thresholds) == (before.calibration, before.thresholds)
    assert manifest.metrics == before.metrics
    assert model_of(again) != model_of(trained)
    for file in ("model-card.md", "report.html"):
        told = (again / file).read_text()
        assert "interim model" in told
        assert f"{len(history) / before.data.training.transactions:.2f} times the rows" in told
        assert "`" not in told.replace("`report.html`", "")


def test_the_way_to_handle_imbalance_that_ranks_best_on_later_days_is_taken_and_all_are_told(
    tmp_path: Path, history: History
) -> None:
    recipe = dataclasses.replace(SMALL, imbalance=tuple(Imbalance), trial_trees=5)

    growth = manifest_of(a_trained_bundle(tmp_path / "bundle", history, recipe=recipe)).growth

    assert set(growth.candidates) == set(Imbalance)
    assert growth.candidates[growth.imbalance] == max(growth.candidates.values())


@pytest.mark.parametrize("imbalance", Imbalance)
def test_what_was_compared_before_moves_no_tree(history: History, imbalance: Imbalance) -> None:
    recipe = dataclasses.replace(SMALL, imbalance=tuple(Imbalance), trial_trees=3, max_trees=5)
    split = split_days(history, history.first_day, history.last_day)
    examples = warm(
        history,
        RATES,
        label_delay=timedelta(days=7),
        start=split.training.start,
        max_entities=10_000,
        progress=no_progress,
    )
    rows = (examples.of(split.training), examples.of(split.stopping))
    compared, fresh = (Grower(*rows, recipe, progress=no_progress) for _ in range(2))

    compared.compare()

    assert compared.grow(imbalance).model == fresh.grow(imbalance).model


def test_sampled_transactions_weigh_as_much_as_all() -> None:
    is_fraud = np.arange(1000) % 100 == 0

    rows, weights = sample(is_fraud, Imbalance.SAMPLED_OTHERS, 4)

    assert rows is not None
    assert weights is not None
    assert is_fraud[rows].sum() == 10
    assert weights[is_fraud[rows]].sum() == 10
    assert weights[~is_fraud[rows]].sum() == pytest.approx(990, rel=1e-4)


def test_costs_move_the_thresholds_and_no_score(tmp_path: Path, history: History, trained: Path) -> None:
    dear = a_trained_bundle(tmp_path / "dear", history, budget=Budget(30.0, 100.0, alerts_per_day=3.0))

    manifest, before = manifest_of(dear), manifest_of(trained)
    assert manifest.version == before.version
    assert manifest.thresholds.review > before.thresholds.review
    assert manifest.thresholds.alerts_per_day <= manifest.thresholds.most_alerts_per_day == 3.0
    assert manifest.thresholds.cost_per_day <= manifest.thresholds.cost_per_day_without_model


def test_history_before_the_first_day_only_warms(tmp_path: Path, history: History) -> None:
    warmed = a_trained_bundle(tmp_path / "warmed", history, first_day=FIRST_DAY + timedelta(days=4))

    data = manifest_of(warmed).data
    assert data.history_from == FIRST_DAY
    assert data.training.first == FIRST_DAY + timedelta(days=4)
    late = History(history.frame.filter(pl.col("occurred_at") >= at(4, 0)))
    cold = a_trained_bundle(tmp_path / "cold", late)
    assert manifest_of(cold).data.training == data.training
    assert model_of(cold) != model_of(warmed)


def test_what_comes_after_the_last_day_is_not_there(tmp_path: Path, history: History) -> None:
    until = FIRST_DAY + timedelta(days=9)

    cut = a_trained_bundle(tmp_path / "cut", history, last_day=until)

    assert (cut / "manifest.json").read_bytes() == (
        a_trained_bundle(tmp_path / "short", history.until(until)) / "manifest.json"
    ).read_bytes()


def test_calibrated_probabilities_add_up_to_the_frauds(history: History, trained: Path) -> None:
    loaded, events = Bundle.load(trained), point_in_time(history, RATES)
    data = loaded.manifest.data

    probabilities = loaded.predict(Kernel().apply(events))
    calibrated = probabilities[history.index_of(data.calibration.first) : history.index_of(data.measuring.first)]

    assert calibrated.sum() == pytest.approx(data.calibration.frauds, rel=0.1)


def test_amounts_without_a_rate_are_counted_and_huge_ones_learned_from(tmp_path: Path, history: History) -> None:
    is_huge = (pl.col("currency") == "EUR") & (pl.int_range(pl.len()) % 1000 == 7)
    amount = pl.when(is_huge).then(pl.lit("999999999999999")).otherwise(pl.col("amount"))
    huge = History(history.frame.with_columns(amount.alias("amount")))

    bundle = a_trained_bundle(tmp_path / "bundle", huge, rates=Rates.decode("EUR", b"{}"))

    manifest = manifest_of(bundle)
    data, metrics = manifest.data, manifest.metrics
    is_foreign = history.frame["currency"] != "EUR"
    assert data.amounts_without_rate == is_foreign.sum() > 0
    # Whatever has no rate is reviewed, and every figure counts it so.
    assert metrics.share_flagged >= is_foreign[history.index_of(data.measuring.first) :].mean()
    assert metrics.share_flagged == sum(week.flagged for week in metrics.by_week) / data.measuring.transactions
    assert metrics.precision == pytest.approx(metrics.figures["precision"].value)
    assert metrics.recall == pytest.approx(metrics.figures["recall"].value)


def refused(tmp_path: Path, history: History, **options: Any) -> str:
    with pytest.raises(TrainingRefused) as caught:
        a_trained_bundle(tmp_path / "bundle", history, **options)
    assert not list(tmp_path.iterdir())
    return str(caught.value)


def test_amounts_that_all_lack_a_rate_are_told_before_anything_is_grown(tmp_path: Path, history: History) -> None:
    stages: list[str] = []
    ouguiya = History(history.frame.with_columns(pl.lit("MRU").alias("currency")))

    assert "--rates" in refused(tmp_path, ouguiya, progress=lambda stage, _share: stages.append(stage))

    assert set(stages) == {"computing features"}


def test_a_history_without_outcomes_is_refused(tmp_path: Path, history: History) -> None:
    assert "`fraud`" in refused(tmp_path, History(history.frame.drop("fraud")))
    assert "`TX_FRAUD`" in refused(tmp_path, History(history.frame.drop("fraud"), "TX_FRAUD"))


def test_a_history_without_fraud_is_refused(tmp_path: Path, history: History) -> None:
    assert "training, 2026-01-01 to 2026-01-10, hold no fraud" in refused(tmp_path, with_frauds(history, pl.lit(0)))


def test_days_of_fraud_alone_are_refused(tmp_path: Path, history: History) -> None:
    assert "nothing but fraud" in refused(tmp_path, with_frauds(history, pl.lit(1)))


def test_later_days_without_fraud_are_refused(tmp_path: Path, history: History) -> None:
    early = with_frauds(history, pl.col("fraud") * (pl.col("occurred_at") < at(10, 0)).cast(pl.Int8))
    late = with_frauds(history, pl.col("fraud") * (pl.col("occurred_at") < at(12, 0)).cast(pl.Int8))

    assert "early stopping, 2026-01-11 to 2026-01-12, hold no fraud" in refused(tmp_path, early)
    assert "calibration, 2026-01-13 to 2026-01-14, hold no fraud" in refused(tmp_path, late)


@pytest.mark.parametrize(
    "options",
    [
        {"first_day": date(2030, 1, 1)},
        {"last_day": date(2020, 1, 1)},
        {"first_day": date(2026, 1, 5), "last_day": date(2026, 1, 4)},
        {"first_day": date(2026, 1, 5), "last_day": date(2026, 1, 6)},
    ],
)
def test_too_few_days_are_refused_with_the_way_out(tmp_path: Path, history: History, options: dict[str, date]) -> None:
    assert "--from and --until" in refused(tmp_path, history, **options)


def test_reversed_days_are_told_with_those_of_the_file(tmp_path: Path, history: History) -> None:
    told = refused(tmp_path, history, first_day=date(2026, 1, 5), last_day=date(2026, 1, 4))

    assert "are reversed: 2026-01-05 is after 2026-01-04; swap them" in told
    assert f"The file holds {history.first_day} to {history.last_day}." in told


def test_a_name_that_is_none_is_refused(tmp_path: Path, history: History) -> None:
    assert "'Über/model'" in refused(tmp_path, history, name="Über/model")


def test_frauds_that_nothing_tells_apart_are_refused(tmp_path: Path) -> None:
    moments = ((at(day, hour), hour == 5) for day in range(6) for hour in range(10))

    assert "Nothing" in refused(tmp_path, a_history(*moments))


def test_a_bundle_is_never_written_over(history: History, trained: Path) -> None:
    before = sorted((file, file.stat().st_mtime_ns) for file in trained.iterdir())

    with pytest.raises(BundleError, match="is there already"):
        a_trained_bundle(trained, history)

    assert sorted((file, file.stat().st_mtime_ns) for file in trained.iterdir()) == before


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_learned(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    told: list[str] = []
    options = {"progress": lambda stage, _share: told.append(stage)}

    with pytest.raises(BundleError, match="cannot be written"):
        a_trained_bundle(tmp_path / "file" / "bundle", history, **options)

    # Whoever runs this may be allowed everything.
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with pytest.raises(BundleError, match="no right to write"):
        a_trained_bundle(tmp_path / "new" / "bundle", history, **options)
    assert told == []


def test_a_training_that_dies_while_writing_leaves_no_bundle(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(BundleError, match="No space left on device"):
        a_trained_bundle(tmp_path / "bundle", history)

    assert not list(tmp_path.iterdir())


def test_no_event_is_lost_between_the_steps_of_a_long_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history = a_simulated_history()
    whole = a_trained_bundle(tmp_path / "whole", history, first_day=FIRST_DAY + timedelta(days=3))

    monkeypatch.setattr("fraudline.models.training.examples.EVENTS_A_STEP", 777)

    stepped = a_trained_bundle(tmp_path / "stepped", history, first_day=FIRST_DAY + timedelta(days=3))
    assert (stepped / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()
