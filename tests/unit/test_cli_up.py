"""Ctrl-C: once in order, twice at once, but never in the middle of an installation; bad settings before all else."""

import asyncio
import os
from pathlib import Path

import pytest

from fraudline.cli.servers import Broker
from fraudline.cli.services import SERVICES
from fraudline.cli.up import System, interrupted
from fraudline.errors import ConfigurationError


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


async def test_what_a_service_would_refuse_is_told_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (address.port_variable for service in SERVICES for address in service.addresses):
        monkeypatch.setenv(variable, "0")
    monkeypatch.setenv("FRAUDLINE_MAX_ENTITIES", "many")

    with pytest.raises(ConfigurationError, match="FRAUDLINE_MAX_ENTITIES: is no whole number"):
        await System(tmp_path).run(asyncio.Event())

    assert not (tmp_path / "postgres").exists()
