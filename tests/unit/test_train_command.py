"""`fraudline train`: from a file to a bundle, and in a sentence what is wrong."""

import dataclasses
import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from fraudline.cli.train import train
from fraudline.models.bundle import Bundle
from fraudline.models.errors import FileRefused
from fraudline.models.histories.files import write_transactions
from fraudline.models.histories.history import History
from fraudline.models.histories.labels_file import with_labels
from fraudline.models.recipe import Recipe
from fraudline.models.starter_rates import starter_rates
from model_builders import SMALL, a_simulated_history, at, model_of

RATES = starter_rates()


@pytest.fixture(scope="module")
def history() -> History:
    return a_simulated_history()


@pytest.fixture(autouse=True)
def _small_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraudline.cli.train.STANDARD", SMALL)


def plain(output: str) -> str:
    return re.sub(r"[\s│]+", " ", output)


def command(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(train)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_command_trains_from_a_file_and_sums_up(tmp_path: Path, history: History, trained: Path) -> None:
    write_transactions(history.frame, tmp_path / "history.ndjson")

    result = command(tmp_path / "history.ndjson", "--output", tmp_path / "bundle", "--name", "small")

    assert result.exit_code == 0
    assert "AUC ROC" in result.output
    assert "labels known until" in result.output
    assert "if all is approved" in result.output
    assert "in sample" not in result.output
    invented = int((history.frame["currency"] != "EUR").sum())
    assert f"invented, for {invented:,} amounts that are not in EUR" in plain(result.output)
    for file in ("model-card.md", "report.html"):
        assert f"{invented:,} transactions had amounts in other currencies" in (tmp_path / "bundle" / file).read_text()
    assert (tmp_path / "bundle" / "model.txt").read_bytes() == (trained / "model.txt").read_bytes()


def test_the_command_takes_days_delay_currency_and_rates(tmp_path: Path, history: History) -> None:
    write_transactions(history.frame, tmp_path / "history.parquet")
    (tmp_path / "rates.json").write_text(json.dumps({"EUR": [["2026-01-01", "1.1"]]}))

    result = command(
        *(
            tmp_path / "history.parquet",
            "--output",
            tmp_path / "bundle",
            "--from",
            "2026-01-03",
            "--until",
            "2026-01-12",
        ),
        *("--label-delay", "2d", "--base-currency", "USD", "--rates", tmp_path / "rates.json"),
    )

    assert result.exit_code == 0
    manifest = Bundle.load(tmp_path / "bundle").manifest
    assert manifest.base_currency == "USD"
    assert manifest.data.training.first == date(2026, 1, 3)
    assert manifest.data.measuring.last == date(2026, 1, 12)
    assert manifest.data.label_delay_seconds == 2 * 86_400
    assert manifest.data.amounts_without_rate > 0
    assert "without a rate" in result.output
    assert "invented" not in result.output
    assert "invented" not in (tmp_path / "bundle" / "model-card.md").read_text()


def labels_of(history: History, folder: Path, *more: str) -> Path:
    ids = history.frame.filter(pl.col("fraud") == 1)["transaction_id"]
    file = folder / "labels.csv"
    file.write_text("transaction_id,label\n" + "".join(f"{one},fraud\n" for one in ids) + "".join(more))
    return file


def test_labels_in_a_file_of_their_own_make_the_same_model(tmp_path: Path, history: History, trained: Path) -> None:
    write_transactions(history.frame.drop("fraud"), tmp_path / "history.parquet")
    honest = history.frame.filter(pl.col("fraud") == 0)["transaction_id"][0]
    labels = labels_of(history, tmp_path, f"{honest},legitimate\n")

    result = command(
        tmp_path / "history.parquet", "--output", tmp_path / "bundle", "--labels", labels, "--name", "small"
    )

    assert result.exit_code == 0
    assert model_of(tmp_path / "bundle") == model_of(trained)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("elsewhere,fraud\n", "nowhere,fraud\n"), "2 of {} labels are for unknown transactions, the first in row {}"),
        (("t,maybe\n",), "`label` is neither fraud nor legitimate in row {}"),
        (("{},fraud\n",), "stands more than once in row 1"),
        ((",fraud\n",), "`transaction_id` is empty in row {}"),
    ],
)
def test_labels_that_fit_no_transaction_are_refused(
    tmp_path: Path, history: History, more: tuple[str, ...], told: str
) -> None:
    frauds = int(history.frauds.sum())
    first = history.frame.filter(pl.col("fraud") == 1)["transaction_id"][0]
    labels = labels_of(history, tmp_path, *(line.format(first) for line in more))
    numbers = (frauds + len(more), frauds + 1)

    with pytest.raises(FileRefused) as caught:
        with_labels(History(history.frame.drop("fraud")), labels)

    assert told.format(*numbers[-told.count("{}") :]) in caught.value.reason
    with pytest.raises(FileRefused, match="a column `fraud`"):
        with_labels(history, labels)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--review-cost", "-1"), "--review-cost is -1"),
        (("--alerts-per-day", "0"), "--alerts-per-day is 0"),
        (("--label-delay", "soon"), "'soon' is no delay"),
        (("--base-currency", "NOK"), "No rates to NOK"),
        (("--rates", "missing.json"), "missing.json: cannot be read"),
    ],
)
def test_the_command_says_in_a_sentence_what_is_wrong(tmp_path: Path, options: tuple[str, ...], told: str) -> None:
    result = command(tmp_path / "missing.csv", "--output", tmp_path / "bundle", *options)

    assert result.exit_code == 1
    assert told in result.output
    assert "Traceback" not in result.output


def test_the_command_says_which_file_is_missing(tmp_path: Path) -> None:
    result = command(tmp_path / "missing.csv", "--output", tmp_path / "bundle")

    assert result.exit_code == 1
    assert re.search(r"missing\.csv: does not\s+exist", result.output)


def test_where_frauds_are_too_few_to_measure_on_others_that_is_said(tmp_path: Path, history: History) -> None:
    # One of the last day's alone is left.
    last = history.frame.filter((pl.col("occurred_at") >= at(13, 0)) & (pl.col("fraud") == 1))["transaction_id"][0]
    is_fraud = (pl.col("fraud") == 1) & ((pl.col("occurred_at") < at(13, 0)) | (pl.col("transaction_id") == last))
    write_transactions(history.frame.with_columns(is_fraud.cast(pl.Int8).alias("fraud")), tmp_path / "history.parquet")

    result = command(tmp_path / "history.parquet", "--output", tmp_path / "bundle", "--alerts-per-day", "0.5")

    manifest = Bundle.load(tmp_path / "bundle").manifest
    assert manifest.metrics.is_in_sample
    assert manifest.data.measuring == manifest.data.calibration
    assert (manifest.data.calibration.first, manifest.data.calibration.last) == (at(12).date(), at(13).date())
    assert "in sample" in result.output
    assert "alerts a day of at most 0.5" in plain(result.output)


def test_trees_that_ended_at_the_most_there_can_be_are_told(
    tmp_path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_transactions(history.frame, tmp_path / "history.parquet")

    def told(folder: Path, recipe: Recipe) -> list[bool]:
        monkeypatch.setattr("fraudline.cli.train.STANDARD", recipe)
        result = command(tmp_path / "history.parquet", "--output", folder)
        return ["ended at max_trees" in text for text in (plain(result.output), (folder / "model-card.md").read_text())]

    assert told(tmp_path / "capped", dataclasses.replace(SMALL, max_trees=3)) == [True, True]
    patient = dataclasses.replace(SMALL, max_trees=60, early_stopping_rounds=2)
    assert told(tmp_path / "stopped", patient) == [False, False]
