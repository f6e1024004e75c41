"""Ctrl-C: once in order, twice at once, but never in the middle of an installation."""

import asyncio
import os
from pathlib import Path

import pytest

from fraudline.cli.servers import Broker
from fraudline.cli.up import System, interrupted


class LeftError(Exception):
    """The process would have ended here and now."""


@pytest.fixture(autouse=True)
def leaving(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(code: int) -> None:
        raise LeftError(code)

    monkeypatch.setattr(os, "_exit", leave)


def test_the_first_stops_in_order_and_the_second_at_once(tmp_path: Path) -> None:
    system, stop = System(tmp_path), asyncio.Event()

    interrupted(system, stop)

    assert stop.is_set()
    with pytest.raises(LeftError, match="130"):
        interrupted(system, stop)


def test_an_installation_comes_to_its_end_however_often_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    system, stop = System(tmp_path), asyncio.Event()

    def install(_folder: Path, *, tell: object) -> None:
        del tell
        for _ in range(3):
            interrupted(system, stop)
        raise OSError("nothing was installed")

    monkeypatch.setattr("fraudline.cli.servers.private_broker", install)
    broker = system._broker  # noqa: SLF001 - whose start is what may not be cut short
    assert isinstance(broker, Broker)
    with pytest.raises(OSError, match="nothing was installed"):
        broker.start()

    assert capsys.readouterr().out.count("RabbitMQ is being installed") == 2
    with pytest.raises(LeftError):
        interrupted(system, stop)
