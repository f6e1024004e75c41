"""A backtest says what production would have said: the same code, and nothing of what came later."""

import re
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from fraudline.cli.backtest import backtest as backtest_command
from fraudline.domain.money import base_amount
from fraudline.domain.policy import Decision, decide
from fraudline.kernel.events import TRANSACTION
from fraudline.models.backtest import backtest
from fraudline.models.bundle import Bundle
from fraudline.models.errors import BacktestRefused
from fraudline.models.evaluation.verdict_file import read_verdicts
from fraudline.models.histories.files import write_transactions
from fraudline.models.histories.history import History
from fraudline.models.histories.point_in_time import point_in_time
from fraudline.models.judged_days import known_already
from fraudline.state.partition_state import PartitionState
from model_builders import FIRST_DAY, a_simulated_history, a_trained_bundle

DAYS = 8
FROM, UNTIL = FIRST_DAY + timedelta(days=5), FIRST_DAY + timedelta(days=6)
ONE_DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def history() -> History:
    return a_simulated_history(days=DAYS, customers=500)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, history: History) -> Path:
    return a_trained_bundle(tmp_path_factory.mktemp("bundles") / "small", history, label_delay=ONE_DAY)


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Bundle:
    return Bundle.load(folder)


@pytest.fixture(scope="module")
def verdicts(history: History, bundle: Bundle) -> pl.DataFrame:
    return backtest(history, bundle, first_day=FROM, last_day=UNTIL, label_delay=ONE_DAY)


def test_a_backtest_gives_the_scorers_scores_bit_for_bit(
    history: History, bundle: Bundle, verdicts: pl.DataFrame
) -> None:
    # The scorer's state, fed in batches of a size that fits nothing.
    events = point_in_time(history.until(UNTIL), bundle.rates, ONE_DAY)
    state, scores = PartitionState(0, bundle), []
    for start in range(0, len(events), 701):
        scores.append(state.score(events.part(start, min(start + 701, len(events))))[1])
        state.settle(start)

    expected = np.concatenate(scores)[history.index_of(FROM) :]

    assert (events.kind != TRANSACTION).any()
    assert verdicts["score"].to_numpy().tobytes() == expected.tobytes()


class AskedError(Exception):
    """Ends what made a kernel, once it is known how."""


def test_training_backtest_and_scorer_all_say_when_frauds_are_known_as_the_model_learned_it(
    history: History, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def made(_max_entities: int, known_after_days: int) -> None:
        asked.append(known_after_days)
        raise AskedError

    for module in ("models.backtest", "models.training.examples", "state.partition_state"):
        monkeypatch.setattr(f"fraudline.{module}.Kernel", made)

    with pytest.raises(AskedError):
        a_trained_bundle(tmp_path / "model", history, label_delay=ONE_DAY)
    with pytest.raises(AskedError):
        backtest(history, bundle, first_day=FROM, last_day=UNTIL, label_delay=5 * ONE_DAY)
    with pytest.raises(AskedError):
        PartitionState(0, bundle)
    assert asked == [2, 2, 2]


def test_its_decisions_are_the_policys(history: History, bundle: Bundle, verdicts: pl.DataFrame) -> None:
    start = history.index_of(FROM)
    rows = history.frame[start : start + verdicts.height]
    assert verdicts["transaction_id"].equals(rows["transaction_id"])
    for row, score, decision in zip(rows.iter_rows(named=True), verdicts["score"], verdicts["decision"], strict=True):
        rate = bundle.rate(row["currency"], row["occurred_at"].date())
        has_rate = base_amount(Decimal(row["amount"]), rate) is not None
        assert decision == decide(score, has_rate=has_rate, thresholds=bundle.thresholds)[0]
    assert verdicts["decision"].n_unique() > 1


def test_what_comes_later_changes_no_verdict(history: History, bundle: Bundle, verdicts: pl.DataFrame) -> None:
    # The last days turn out otherwise, and the frauds of the judged days are labelled only after them.
    is_later = pl.col("occurred_at").dt.date() >= UNTIL
    changed = History(
        history.frame.with_columns(
            pl.when(is_later).then(1 - pl.col("fraud")).otherwise(pl.col("fraud")).alias("fraud")
        )
    )

    assert backtest(changed, bundle, first_day=FROM, last_day=UNTIL, label_delay=ONE_DAY).equals(verdicts)


def test_labels_that_have_arrived_change_verdicts(history: History, bundle: Bundle, verdicts: pl.DataFrame) -> None:
    unlabelled = History(history.frame.drop("fraud"))

    assert not backtest(unlabelled, bundle, first_day=FROM, last_day=UNTIL).equals(verdicts)
    late = backtest(history, bundle, first_day=FROM, last_day=UNTIL, label_delay=timedelta(days=30))
    assert backtest(unlabelled, bundle, first_day=FROM, last_day=UNTIL).equals(late)


def test_what_cannot_be_compared_or_scored_is_for_a_person(
    history: History, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = History(history.frame.with_columns(currency=pl.lit("MRU")))
    without_rate = backtest(unknown, bundle, first_day=FROM, last_day=FROM)

    def fail(_features: np.ndarray) -> np.ndarray:
        raise MemoryError

    monkeypatch.setattr(bundle, "predict", fail)
    without_score = backtest(history, bundle, first_day=FROM, last_day=FROM)

    assert set(without_rate["decision"]) == set(without_score["decision"]) == {Decision.REVIEW}
    assert without_rate["score"].null_count() == 0
    assert without_score["score"].null_count() == without_score.height


def test_days_without_a_transaction_are_refused(history: History, bundle: Bundle) -> None:
    held = f"{history.first_day} to {history.last_day}"
    with pytest.raises(BacktestRefused, match=f"no transaction from 2030-01-01 to 2030-01-02.*{held}"):
        backtest(history, bundle, first_day=date(2030, 1, 1), last_day=date(2030, 1, 2))
    with pytest.raises(BacktestRefused, match=f"reversed: {UNTIL} is after {FROM}.*holds {held}"):
        backtest(history, bundle, first_day=UNTIL, last_day=FROM)


def test_days_that_the_model_knows_are_told(bundle: Bundle) -> None:
    manifest = bundle.manifest
    learned_until, known = manifest.data.calibration.last, manifest.data.labels_known_until.date()

    def headings(first: date, last: date) -> list[str]:
        return [heading for heading, _ in known_already(manifest, first, last)]

    assert not manifest.growth.is_refit
    assert learned_until < known
    assert headings(learned_until, known) == ["learned from", "labels learned"]
    assert headings(learned_until + ONE_DAY, known) == ["labels learned"]
    assert headings(known, known) == []
    everything = manifest.data.training.model_copy(update={"last": known})
    grown = manifest.growth.model_copy(update={"is_refit": True, "grown_on": everything})
    refit = manifest.model_copy(update={"growth": grown})
    assert [heading for heading, _ in known_already(refit, known, known)] == ["learned from"]


# The command.


@pytest.fixture(scope="module")
def transactions(tmp_path_factory: pytest.TempPathFactory, history: History) -> Path:
    file = tmp_path_factory.mktemp("histories") / "transactions.parquet"
    write_transactions(history.frame, file)
    return file


def backtested(
    file: Path, folder: Path, output: Path, *options: object, days: tuple[date, date] = (FROM, UNTIL)
) -> Result:
    app = typer.Typer()
    app.command()(backtest_command)
    arguments = [file, "--model", folder, "--output", output, "--from", days[0], "--until", days[1], *options]
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ndjson"])
def test_the_file_holds_the_verdicts_to_the_last_bit(
    tmp_path: Path, transactions: Path, folder: Path, verdicts: pl.DataFrame, suffix: str
) -> None:
    output = tmp_path / f"verdicts.{suffix}"

    result = backtested(transactions, folder, output)

    assert result.exit_code == 0
    assert read_verdicts(output).equals(verdicts)
    assert f"{verdicts.height:,}" in result.output
    assert "figures over these days flatter" in result.output
    assert "UTC; judge from then on" in result.output
    assert "where the model was trained" not in result.output
    assert [file.name for file in tmp_path.iterdir()] == [output.name]


def test_what_is_not_as_where_the_model_was_trained_is_told(tmp_path: Path, transactions: Path, folder: Path) -> None:
    output = tmp_path / "verdicts.parquet"

    result = backtested(transactions, folder, output, "--label-delay", "36h", "--max-entities", "2000")

    assert result.exit_code == 0
    assert "36h here, 1d where the model was trained" in result.output
    assert re.search(r"at most 2,000 here, [\d,]+ where the model was trained", result.output)


def test_what_the_model_died_of_first_is_told(
    tmp_path: Path, transactions: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_bundle: Bundle, _features: np.ndarray) -> np.ndarray:
        raise MemoryError("no room for [a] row")

    monkeypatch.setattr(Bundle, "predict", fail)
    monkeypatch.setattr(Bundle, "_check_golden", lambda *_given, **_named: None)

    result = backtested(transactions, folder, tmp_path / "verdicts.parquet")

    assert "a person decides; first of MemoryError: no room for [a] row" in re.sub(r"[\s│]+", " ", result.output)


def test_what_cannot_be_done_is_one_sentence_and_writes_nothing(
    tmp_path: Path, transactions: Path, folder: Path
) -> None:
    output = tmp_path / "verdicts.parquet"
    later = (date(2030, 1, 1), date(2030, 1, 2))
    for result, told in (
        (backtested(tmp_path / "none.csv", folder, output), "does not exist"),
        (backtested(transactions, tmp_path / "none", output), "is no folder"),
        (backtested(transactions, folder, tmp_path / "verdicts.xls"), "is of no known format"),
        (backtested(transactions, folder, tmp_path / "none" / "verdicts.csv"), "its folder does not exist"),
        (backtested(transactions, folder, transactions), "is what is read"),
        (backtested(transactions, folder, output, days=later), "There is no transaction from 2030-01-01"),
        (backtested(transactions, folder, output, "--label-delay", "soon"), "is no delay"),
    ):
        assert result.exit_code == 1
        assert told in result.output
        assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path, folder: Path) -> None:
    output = tmp_path / "verdicts.parquet"
    output.write_text("precious")

    result = backtested(tmp_path / "none.csv", folder, output)

    assert result.exit_code == 1
    assert "is there already; choose another name or remove it first." in " ".join(result.output.split())
    assert output.read_text() == "precious"
