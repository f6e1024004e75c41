"""What `up` prints at the end: the page first, and lines that can be copied."""

from pathlib import Path

import pytest

from fraudline.cli.introduction import introduction
from fraudline.cli.own_keys import OwnKeys
from fraudline.cli.running import RunningSystem

LINK = "http://127.0.0.1:8082/sign-in?token=abc"
ADMIN_URLS = {"ingest": "http://127.0.0.1:9080", "alerts": "http://127.0.0.1:9082"}


def told(alerts_url: str = "http://127.0.0.1:8082") -> str:
    system = RunningSystem(
        ingest_url="http://127.0.0.1:8080",
        alerts_url=alerts_url,
        api_key="flk_commands",
        database_url="postgresql://database",
        amqp_url="amqp://broker",
        model="/models/starter",
        admin_urls=ADMIN_URLS,
    )
    keys = OwnKeys(commands="flk_commands", first_call="flk_first", made_at="2026-11-23T18:00:00Z")
    return introduction(Path("/state"), system, keys, link=LINK)


def test_the_page_comes_first_with_a_link_that_signs_its_reader_in() -> None:
    lines = [line for line in told().splitlines() if line]
    assert lines[0].split()[:4] == ["open", "the", "page:", LINK]
    assert "works once, within 10 minutes; another: fraudline sign-in" in lines[0]
    assert "http://127.0.0.1:8082/status" in told()
    for url in ADMIN_URLS.values():
        assert f"{url}/metrics" in told()


@pytest.mark.parametrize(
    ("called", "shown"),
    [
        (".venv/bin/fraudline", ".venv/bin/fraudline"),
        ("/opt/fraud line/fraudline", "'/opt/fraud line/fraudline'"),
        ("/on/the/path/fraudline", "fraudline"),
        ("/site-packages/fraudline/cli/main.py", "fraudline"),
    ],
)
def test_another_link_is_had_by_the_command_as_it_was_called(
    called: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", [called, "up"])
    monkeypatch.setattr("shutil.which", lambda _name: "/on/the/path/fraudline")
    assert f"another: {shown} sign-in)" in told()


def test_the_lines_that_post_and_read_can_be_copied_as_they_stand() -> None:
    curl = [line for line in told().splitlines() if line.startswith("curl ")]
    assert len(curl) == 2
    assert all("Authorization: Bearer flk_first" in line for line in curl)
    assert "flk_commands" not in told()


@pytest.mark.parametrize("host", ["", "127.0.0.1", "::1", "localhost"])
def test_a_page_for_this_machine_needs_no_word_about_others(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDLINE_ALERTS_HOST", host)
    assert "https" not in told()


def test_who_opens_the_page_to_others_is_told_what_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDLINE_ALERTS_HOST", "0.0.0.0")  # noqa: S104 - what a user may set
    assert "listens on 0.0.0.0; other machines sign in over https alone" in told()
    assert "other machines" not in told(alerts_url="https://alerts.example.org")
