"""`fraudline dead list` says what it did not find."""

import pytest
from typer.testing import CliRunner

from fraudline.cli.dead import dead


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no open dead letter"),
        (["--all"], "no dead letter matches"),
        (["--state", "dropped"], "no dead letter matches"),
        (["--reason", "transaction_id_conflict"], "no dead letter matches"),
        (["--older-than", "2d"], "no dead letter matches"),
    ],
)
def test_nothing_to_list_is_said_and_no_failure(
    database_url: str, monkeypatch: pytest.MonkeyPatch, options: list[str], said: str
) -> None:
    monkeypatch.setenv("FRAUDLINE_DATABASE_URL", database_url)

    listed = CliRunner().invoke(dead, ["list", *options])

    assert (listed.exit_code, listed.output) == (0, f"{said}\n")


def test_an_age_that_is_none_is_refused_with_the_way_out() -> None:
    refused = CliRunner().invoke(dead, ["list", "--older-than", "soon"])

    assert refused.exit_code == 2
    assert "like 7d" in refused.output
