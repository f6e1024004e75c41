"""The command as a whole: quick to ask, plain when it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fraudline.cli.main import COMMANDS, load, main
from fraudline.errors import ConfigurationError, DependencyAway

HEAVY = ("lightgbm", "numba", "polars", "aio_pika", "asyncpg")


def test_help_lists_every_command_and_loads_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from fraudline.cli.main import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "finally:\n"
        f"    print('loaded:', [name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0
    assert "loaded: []" in done.stdout
    for name in COMMANDS:
        assert f" {name} " in done.stdout


@pytest.mark.parametrize("name", list(COMMANDS))
def test_every_command_loads_and_has_a_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert load(name).name == name
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert f"fraudline {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code"),
    [(ConfigurationError("FRAUDLINE_X", "is wrong"), 78), (DependencyAway("PostgreSQL", "Timeout"), 1)],
)
def test_an_error_of_ours_is_one_sentence_and_an_exit_code(
    error: Exception, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("fraudline.cli.main.app", fail)
    with pytest.raises(SystemExit) as left:
        main(["migrate"])
    assert left.value.code == code
    assert capsys.readouterr().err == f"fraudline: {error}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["replay"],
        ["keys", "create", "--role", "king", "--name", "x"],
        ["dead", "retry"],
        ["dead", "retry", "--all", "--reason", "expired"],
        ["dead", "list", "--older-than", "soon"],
        ["replay", "x.csv", "--rate", "1", "--speed", "2"],
        ["replay", "x.csv", "--label-delay", "soon"],
    ],
)
def test_a_command_line_that_cannot_be_used_is_told_and_leaves_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert "Error" in capsys.readouterr().err


def test_a_database_that_refuses_is_a_sentence_without_a_traceback(tmp_path: Path) -> None:
    environment = dict(os.environ) | {"FRAUDLINE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    for command in (["migrate"], ["keys", "list"], ["dead", "list"]):
        done = subprocess.run(
            [sys.executable, "-m", "fraudline.cli.main", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env=environment,
            cwd=tmp_path,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("fraudline: PostgreSQL is away")
        assert len(done.stderr.splitlines()) == 1
