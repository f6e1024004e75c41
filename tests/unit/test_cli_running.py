"""How commands find the system to work on, and what they say when there is none."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from fraudline.cli.running import (
    RunningSystem,
    alerts_url,
    amqp_url,
    database_url,
    forget,
    given_alerts_url,
    ingest_target,
    model_folder,
)
from fraudline.errors import ConfigurationError

SYSTEM = RunningSystem(
    ingest_url="http://127.0.0.1:8080",
    alerts_url="http://127.0.0.1:8082",
    api_key="flk_commands",
    database_url="postgresql://database",
    amqp_url="amqp://broker",
    model="/models/starter",
)
VARIABLES = (
    "FRAUDLINE_URL",
    "FRAUDLINE_API_KEY",
    "FRAUDLINE_DATABASE_URL",
    "FRAUDLINE_AMQP_URL",
    "FRAUDLINE_MODEL",
    "FRAUDLINE_ALERTS_URL",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FRAUDLINE_STATE_DIR", str(tmp_path))
    return tmp_path


def test_commands_work_on_the_system_that_runs_from_the_state_folder(folder: Path) -> None:
    SYSTEM.write(folder)
    assert ingest_target().url == SYSTEM.ingest_url
    assert ingest_target().api_key == SYSTEM.api_key
    assert database_url() == SYSTEM.database_url
    assert amqp_url() == SYSTEM.amqp_url
    assert model_folder() == Path(SYSTEM.model)
    assert alerts_url() == SYSTEM.alerts_url


def test_only_the_owner_of_the_folder_can_read_the_word(folder: Path) -> None:
    SYSTEM.write(folder)
    assert stat.S_IMODE((folder / "running.json").stat().st_mode) == 0o600


def test_variables_outrank_the_running_system(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SYSTEM.write(folder)
    monkeypatch.setenv("FRAUDLINE_URL", "http://elsewhere:1/")
    monkeypatch.setenv("FRAUDLINE_API_KEY", "flk_elsewhere")
    monkeypatch.setenv("FRAUDLINE_DATABASE_URL", "postgres://elsewhere")
    assert ingest_target().url == "http://elsewhere:1"
    assert ingest_target().api_key == "flk_elsewhere"
    assert database_url() == "postgres://elsewhere"
    monkeypatch.setenv("FRAUDLINE_ALERTS_URL", "https://alerts.example.org/")
    assert alerts_url() == "https://alerts.example.org"


def test_no_link_leads_from_one_database_to_the_page_of_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SYSTEM.write(folder)
    monkeypatch.setenv("FRAUDLINE_DATABASE_URL", "postgresql://elsewhere")
    with pytest.raises(ConfigurationError, match="FRAUDLINE_ALERTS_URL: is not set, but FRAUDLINE_DATABASE_URL is"):
        alerts_url()

    monkeypatch.setenv("FRAUDLINE_DATABASE_URL", SYSTEM.database_url)
    assert alerts_url() == SYSTEM.alerts_url


def test_the_key_of_one_system_never_goes_to_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SYSTEM.write(folder)
    monkeypatch.setenv("FRAUDLINE_URL", "http://elsewhere")
    with pytest.raises(ConfigurationError, match="FRAUDLINE_API_KEY"):
        ingest_target()


@pytest.mark.parametrize("find", [ingest_target, database_url, amqp_url, model_folder, alerts_url])
def test_without_a_system_the_sentence_names_the_ways_out(folder: Path, find: object) -> None:
    assert callable(find)
    with pytest.raises(ConfigurationError) as error:
        find()
    assert "fraudline up" in str(error.value)
    assert error.value.variable.startswith("FRAUDLINE_")
    assert str(folder) in str(error.value)


@pytest.mark.parametrize(
    ("variable", "find"),
    [("FRAUDLINE_DATABASE_URL", database_url), ("FRAUDLINE_AMQP_URL", amqp_url), ("FRAUDLINE_URL", ingest_target)],
)
@pytest.mark.usefixtures("folder")
def test_a_url_of_another_kind_is_refused_by_its_variable(
    variable: str, find: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(find)
    monkeypatch.setenv(variable, "mysql://x")
    with pytest.raises(ConfigurationError, match=variable):
        find()


@pytest.mark.parametrize(
    "url", ["alerts.example.org", "https://", "https://[", "ftp://x", "http://x/?a", "http://x/#a", "http://x/a"]
)
@pytest.mark.usefixtures("folder")
def test_what_no_browser_could_open_is_no_address_of_the_page(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDLINE_ALERTS_URL", url)
    with pytest.raises(ConfigurationError, match="FRAUDLINE_ALERTS_URL: must be an address like https://"):
        given_alerts_url()


@pytest.mark.parametrize(
    "stale",
    [
        replace(SYSTEM, pid=2**22 + 1),
        replace(SYSTEM, pid=os.getpid(), started=psutil.Process().create_time() - 3600),
    ],
    ids=["its process is gone", "another process has its number"],
)
def test_what_a_killed_system_left_behind_is_recognised(folder: Path, stale: RunningSystem) -> None:
    stale.write(folder)
    assert RunningSystem.read(folder) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"pid": 1})])
def test_a_damaged_word_is_no_system(folder: Path, text: str) -> None:
    (folder / "running.json").write_text(text)
    assert RunningSystem.read(folder) is None


def test_a_word_taken_back_leaves_nothing(folder: Path) -> None:
    SYSTEM.write(folder)
    forget(folder)
    forget(folder)
    assert list(folder.iterdir()) == []
