"""The link that the command prints: alone, for the right system, under a name that people can read."""

from __future__ import annotations

import asyncio
import getpass
import re
from typing import TYPE_CHECKING

import pytest

from fraudline.cli.main import main
from fraudline.cli.sign_in import UNNAMED, own_name

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

PAGE = "https://alerts.example.org"


@pytest.fixture
def given_system(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDLINE_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("FRAUDLINE_DATABASE_URL", database_url)
    monkeypatch.setenv("FRAUDLINE_ALERTS_URL", f"{PAGE}/")


def exit_code(*arguments: str) -> object:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return left.value.code


@pytest.mark.usefixtures("given_system")
def test_the_link_is_alone_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("sign-in", "--name", "Ada Lovelace", "--role", "lead") == 0

    told = capsys.readouterr()
    assert re.fullmatch(rf"{PAGE}/sign-in\?token=[\w-]{{43}}\n", told.out)
    assert told.err == "It signs in Ada Lovelace (lead) and works once, within 10 minutes.\n"


@pytest.mark.usefixtures("given_system")
async def test_without_a_name_it_is_for_who_runs_the_command(
    database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "ada")

    assert await asyncio.to_thread(exit_code, "sign-in") == 0

    (made,) = await database.fetch("select name, role from fraudline.sign_in_links")
    assert tuple(made) == ("ada", "analyst")


@pytest.mark.usefixtures("given_system")
def test_a_name_that_nobody_could_read_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("sign-in", "--name", " ") == 1
    assert capsys.readouterr().err.startswith("fraudline: --name: a person's name has 1 to 64 printable characters")


@pytest.mark.usefixtures("given_system")
async def test_a_link_that_nobody_can_be_shown_is_not_made(
    database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("FRAUDLINE_ALERTS_URL")

    assert await asyncio.to_thread(exit_code, "sign-in") == 78

    assert "FRAUDLINE_ALERTS_URL" in capsys.readouterr().err
    assert await database.fetchval("select count(*) from fraudline.sign_in_links") == 0


@pytest.mark.parametrize("known", ["", "a" * 65, "ada\n", None])
def test_an_account_without_a_name_that_can_be_used_is_an_analyst(
    known: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def getuser() -> str:
        if known is None:
            raise KeyError("getpwuid(): uid not found: 1000700000")
        return known

    monkeypatch.setattr(getpass, "getuser", getuser)
    assert own_name() == UNNAMED
