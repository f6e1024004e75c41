"""An evaluation says what counts, repeats itself, tells better from chance, and refuses in a sentence."""

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import typer
from click.testing import Result
from typer.testing import CliRunner

from fraudline.cli.evaluate import evaluate as evaluate_command
from fraudline.models.errors import EvaluationRefused
from fraudline.models.evaluation.evaluation import Evaluation
from fraudline.models.evaluation.figures import FIGURES
from fraudline.models.evaluation.known_cards import is_known
from fraudline.models.evaluation.measuring import Candidate, compare, evaluate
from fraudline.models.evaluation.outcomes import Outcomes
from fraudline.models.evaluation.scored import DAY_MICROSECONDS, Scored
from fraudline.models.evaluation.verdict_file import verdict_frame, write_verdicts
from fraudline.models.histories.files import Mapping, read_history, write_transactions
from fraudline.models.histories.history import History
from fraudline.models.starter_rates import starter_rates
from model_builders import a_history, a_simulated_history, at
from scored_builders import many_scored, some_scored

HANDBOOK = Path(__file__).parents[3] / "shared" / "data" / "handbook-2018-04-01--2018-08-14.parquet"


def an_evaluation(scored: Scored, **options: int) -> Evaluation:
    return evaluate(Candidate("some.parquet", scored), base_currency="EUR", **options)


def with_scores(scored: Scored, score: np.ndarray) -> Scored:
    return Scored(scored.time, scored.card, scored.amount, scored.is_fraud, score, scored.decision, scored.cards)


# What counts.


def test_a_card_is_left_out_from_the_day_after_its_label_is_due() -> None:
    # A fraud on day 10, a delay of 7 days: the label is known from day 18 on.
    time = np.array([day * DAY_MICROSECONDS + 1 for day in (9, 17, 18, 30)])

    def known(known_from: int, label_delay: timedelta = timedelta(days=7)) -> list[bool]:
        return is_known(
            time,
            np.zeros(4, np.int64),
            fraud_time=np.array([10 * DAY_MICROSECONDS + 5]),
            fraud_card=np.array([0]),
            known_from=date(1970, 1, 1) + timedelta(days=known_from),
            label_delay=label_delay,
        ).tolist()

    assert known(10) == [False, False, True, True]
    assert known(11) == [False, False, False, False]
    assert known(0, timedelta(hours=12)) == [False, True, True, True]


@pytest.mark.skipif(not HANDBOOK.exists(), reason="the handbook's file is not here")
def test_the_handbooks_protocol_leaves_its_rows() -> None:
    history = read_history(HANDBOOK, Mapping.HANDBOOK)
    outcomes = Outcomes.of(history, starter_rates(), file=HANDBOOK)
    week = history.frame["transaction_id"][history.index_of(date(2018, 8, 8)) :]
    verdicts = verdict_frame(week, np.full(len(week), 0.5), ["approve"] * len(week))
    scored = outcomes.scored(verdicts, outcomes.rows_of(verdicts, name="all"))

    counts = scored.where(~outcomes.of_known_cards(scored, date(2018, 7, 25), timedelta(days=7)))

    assert (len(counts), int(counts.is_fraud.sum())) == (58_264, 385)


# What it says.


def test_an_evaluation_repeats_itself_and_its_intervals_hold_its_values() -> None:
    scored = many_scored()
    first, again = an_evaluation(scored), an_evaluation(scored)

    assert first == again
    assert list(first.figures) == [figure.name for figure in FIGURES]
    assert all(found.low <= found.value <= found.high for found in first.figures.values())
    assert first.without_score == np.isnan(scored.score).sum() > 0
    assert sum(day.transactions for day in first.by_day) == first.transactions == len(scored)


def test_resampling_in_small_parts_changes_no_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    scored = many_scored(cards=50)
    whole = an_evaluation(scored, resamples=20)

    monkeypatch.setattr("fraudline.models.evaluation.resampling._VALUES_AT_ONCE", 3 * len(scored))

    assert an_evaluation(scored, resamples=20) == whole


def test_better_scores_are_told_from_chance_and_equal_ones_are_the_same() -> None:
    scored = many_scored()
    worse = with_scores(scored, np.random.default_rng(5).permutation(scored.score))

    better = compare(Candidate("worse", worse), Candidate("better", scored), base_currency="EUR")
    same = compare(Candidate("one", scored), Candidate("two", scored), base_currency="EUR")

    assert better.differences["auc_roc"].low > 0
    assert better.differences["average_precision"].low > 0
    assert all(found.low == found.value == found.high == 0 for found in same.differences.values())


@pytest.mark.parametrize(
    ("scored", "told"),
    [
        (some_scored([0.1, 0.2], [False, False]), "holds no fraud among its 2 transactions from 2024-10-04"),
        (some_scored([0.1, 0.2], [True, True]), "holds nothing but fraud"),
        (some_scored([], []), "has no transaction to measure"),
        (some_scored([float("nan"), 0.1], [True, False]), "has scores for 1 of 2 transactions"),
    ],
)
def test_what_cannot_be_measured_is_refused(scored: Scored, told: str) -> None:
    with pytest.raises(EvaluationRefused, match=told):
        an_evaluation(scored)


# The command.


@pytest.fixture(scope="module")
def history() -> History:
    return a_simulated_history(days=4, customers=300)


@pytest.fixture(scope="module")
def transactions(tmp_path_factory: pytest.TempPathFactory, history: History) -> Path:
    file = tmp_path_factory.mktemp("histories") / "transactions.parquet"
    write_transactions(history.frame, file)
    return file


def verdicts_on(history: History, seed: int = 1, first: int = 0) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    part = history.frame[first:]
    scores = np.clip(
        0.4 * part["fraud"].to_numpy() * random.random(part.height) + 0.2 * random.random(part.height), 0, 1
    )
    decisions = np.array(["approve", "review", "decline"])[np.digitize(scores, [0.15, 0.3])]
    return verdict_frame(part["transaction_id"], scores, decisions.tolist())


def evaluated(*arguments: object) -> Result:
    app = typer.Typer()
    app.command()(evaluate_command)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ndjson"])
def test_verdicts_of_each_format_are_measured_alike(
    tmp_path: Path, history: History, transactions: Path, suffix: str
) -> None:
    file = tmp_path / f"verdicts.{suffix}"
    verdicts = verdicts_on(history).with_columns(
        pl.when(pl.col("score") < 0.01).then(None).otherwise(pl.col("score")).alias("score")
    )
    write_verdicts(verdicts, file)

    result = evaluated(file, transactions)

    missing = verdicts["score"].null_count()
    expected = an_evaluation(
        (outcomes := Outcomes.of(history, starter_rates(), file=transactions)).scored(
            verdicts, outcomes.rows_of(verdicts, name="all")
        )
    )
    assert result.exit_code == 0
    assert f"{missing:,} transactions have no score" in result.output
    assert f"{expected.figures['auc_roc'].value:.3f}" in result.output
    assert f"{expected.frauds:,} frauds" in result.output
    foreign = int((history.frame["currency"] != "EUR").sum())
    assert f"{foreign:,} amounts are converted by invented exchange rates" in result.output


def test_two_files_are_compared_on_what_both_judged(tmp_path: Path, history: History, transactions: Path) -> None:
    own, other, report = tmp_path / "own.parquet", tmp_path / "other.csv", tmp_path / "report.html"
    write_verdicts(verdicts_on(history), own)
    write_verdicts(verdicts_on(history, seed=2, first=100), other)

    result = evaluated(
        own, transactions, "--against", other, "--known-from", "2026-01-01", "--label-delay", "1d", "--report", report
    )

    assert result.exit_code == 0
    assert "own.parquet (second) against other.csv (first)" in result.output
    assert "100 verdicts are left out" in result.output
    assert "their cards were known to be compromised" in result.output
    page = report.read_text()
    assert "own.parquet" in page
    assert "amounts are converted by invented exchange rates" in page


def test_the_report_draws_the_costs_that_it_is_told(tmp_path: Path, history: History, transactions: Path) -> None:
    verdicts, report = tmp_path / "verdicts.parquet", tmp_path / "report.html"
    write_verdicts(verdicts_on(history), verdicts)

    evaluated(verdicts, transactions, "--report", report, "--review-cost", "4.5", "--decline-cost", "70")

    said = report.read_text().replace("\u202f", " ").replace("\u00a0", " ")
    assert "a review 4.50 EUR, a good customer turned away 70 EUR" in said


BROKEN = {
    "has no column `decision`": lambda frame: frame.drop("decision"),
    "holds no verdict": lambda frame: frame.head(0),
    "stands in more than one row, first in row 1": lambda frame: pl.concat([frame, frame.head(1)]),
    "`decision` is none of approve, review and decline in row 2": lambda frame: frame.with_columns(
        decision=pl.Series(["approve", "maybe", *["approve"] * (frame.height - 2)])
    ),
    "`score` is no probability from 0 to 1 in row 1": lambda frame: frame.with_columns(score=pl.lit(1.5)),
    "`transaction_id` holds Struct, not text": lambda frame: frame.with_columns(transaction_id=pl.struct("decision")),
    "`score` holds List, not numbers": lambda frame: frame.with_columns(score=pl.concat_list("score")),
    "`decision` holds List, not text": lambda frame: frame.with_columns(decision=pl.concat_list("decision")),
    "1 of its": lambda frame: pl.concat([frame, frame.head(1).with_columns(transaction_id=pl.lit("stranger"))]),
    "and not for both frauds and others": lambda frame: frame.with_columns(score=pl.lit(float("nan"))),
}


@pytest.mark.parametrize("told", BROKEN)
def test_verdicts_that_cannot_be_used_are_refused_in_a_sentence(
    tmp_path: Path, history: History, transactions: Path, told: str
) -> None:
    file = tmp_path / "verdicts.parquet"
    BROKEN[told](verdicts_on(history)).write_parquet(file)

    result = evaluated(file, transactions)

    assert result.exit_code == 1
    assert told in result.output
    assert "Traceback" not in result.output


def test_files_that_do_not_fit_are_refused_in_a_sentence(tmp_path: Path, history: History, transactions: Path) -> None:
    file, unlabelled, elsewhere = tmp_path / "v.parquet", tmp_path / "u.parquet", tmp_path / "e.parquet"
    write_verdicts(verdicts_on(history), file)
    write_transactions(history.frame.drop("fraud"), unlabelled)
    write_verdicts(verdicts_on(history).tail(10), elsewhere)
    write_verdicts(verdicts_on(history).head(10), tmp_path / "first.parquet")

    for arguments, told in (
        ((tmp_path / "none.parquet", transactions), "does not exist"),
        ((transactions, transactions), "has no column `score`, `decision`"),
        ((file, unlabelled), "does not say which transactions are fraud"),
        ((elsewhere, transactions, "--against", tmp_path / "first.parquet"), "no transaction in common"),
        ((file, transactions, "--label-delay", "soon"), "is no delay"),
        ((file, transactions, "--decline-cost", "-1"), "--decline-cost is -1"),
        ((file, transactions, "--report", transactions), "is what is read"),
        ((file, transactions, "--report", unlabelled), "is there already; choose another name"),
        ((file, transactions, "--report", tmp_path / "none" / "r.html"), "its folder does not exist"),
        ((file, transactions, "--rates", tmp_path / "none.json"), "cannot be read"),
    ):
        result = evaluated(*arguments)
        assert result.exit_code == 1
        assert told in result.output


def test_amounts_without_a_rate_are_told(tmp_path: Path) -> None:
    history = a_history((at(0), True), (at(1), False), currency="MRU")
    transactions, verdicts = tmp_path / "t.parquet", tmp_path / "v.parquet"
    write_transactions(history.frame, transactions)
    write_verdicts(
        verdict_frame(history.frame["transaction_id"], np.array([0.9, 0.1]), ["decline", "approve"]), verdicts
    )

    assert "2 amounts are unknown" in evaluated(verdicts, transactions).output
