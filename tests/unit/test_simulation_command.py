"""`fraudline simulate` into a file."""

from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from fraudline.cli.simulate import simulate
from fraudline.models.histories.files import read_history


def command(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(simulate)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet"])
def test_it_writes_a_file_that_can_be_read_and_says_what_is_in_it(tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"payments.{suffix}"

    result = command("--output", file, "--days", 3, "--customers", 100, "--seed", 5, "--start", "2026-02-01")

    history = read_history(file)
    assert result.exit_code == 0
    assert f"{len(history):,} transactions" in result.output
    assert history.is_labelled
    assert str(history.first_day) == "2026-02-01"
    assert str(history.last_day) == "2026-02-03"


def test_it_writes_the_same_bytes_again(tmp_path: Path) -> None:
    for name in ("one.csv", "two.csv"):
        command("--output", tmp_path / name, "--days", 2, "--customers", 50)

    assert (tmp_path / "one.csv").read_bytes() == (tmp_path / "two.csv").read_bytes()


@pytest.mark.parametrize("arguments", [(), ("--output", "a.csv", "--rate", "5")])
def test_it_wants_either_a_file_or_a_rate(arguments: tuple[str, ...]) -> None:
    result = command(*arguments)

    assert result.exit_code == 2
    assert "--rate R" in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--output", "payments.xlsx"), ".parquet"),
        (("--output", "payments.csv", "--start", "1950-01-01"), "1970"),
        (("--output", "nowhere/payments.csv"), "cannot be written"),
    ],
)
def test_it_says_in_a_sentence_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)

    result = command(*arguments, "--days", 1, "--customers", 10)

    assert result.exit_code == 1
    assert told in result.output
    assert not list(tmp_path.iterdir())
