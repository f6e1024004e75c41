"""What dies is started again, what is stopped stays stopped, what can never run says so."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fraudline.cli import supervisor
from fraudline.cli.supervisor import Keeper, ServiceFailed, ServiceProcess
from fraudline.errors import ConfigurationError
from servers.eventually import eventually

RUNS_FOR_EVER = "import signal; print('up', flush=True); signal.pause()"


def a_process(folder: Path, program: str) -> ServiceProcess:
    return ServiceProcess("ingest", [sys.executable, "-c", program], environment={}, folder=folder)


def kill(process: ServiceProcess) -> None:
    child = process._child  # noqa: SLF001 - to kill it as a crash would
    assert child is not None
    child.kill()


@pytest.fixture
def told() -> list[str]:
    return []


async def test_a_service_that_dies_is_started_again_and_said_so(tmp_path: Path, told: list[str]) -> None:
    process = a_process(tmp_path, RUNS_FOR_EVER)
    starts: list[int | None] = []
    keeper = Keeper(process, tell=told.append, on_start=lambda: starts.append(process.pid))
    await keeper.start()
    await asyncio.to_thread(kill, process)
    await eventually(lambda: len(starts) == 2)
    assert starts[0] != starts[1]
    assert "ingest died (signal SIGKILL" in told[0]
    assert str(process.log) in told[0]
    assert told[1] == "ingest runs again."
    await keeper.stop()
    assert not process.is_running
    assert keeper.failure() is None


async def test_pauses_grow_while_it_keeps_dying(
    tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_SECONDS", 0.01)
    keeper = Keeper(a_process(tmp_path, "raise SystemExit(1)"), tell=told.append)
    await keeper.start()
    deaths = await eventually(lambda: [line for line in told if "died" in line], until=lambda seen: len(seen) >= 3)
    await keeper.stop()
    for line, pause in zip(deaths, ("0.01", "0.02", "0.04"), strict=False):
        assert f"exit code 1; its log is {tmp_path / 'logs' / 'ingest.log'}); it is started again in {pause} s." in line


@pytest.mark.parametrize(
    ("said", "kind", "told_once"),
    [
        ("fraudline ingest: FRAUDLINE_X: is wrong", ConfigurationError, "FRAUDLINE_X: is wrong"),
        ("something else", ServiceFailed, "ingest cannot run like this: something else"),
    ],
)
async def test_a_configuration_that_cannot_be_used_ends_the_matter_in_the_services_own_words(
    tmp_path: Path, told: list[str], said: str, kind: type[Exception], told_once: str
) -> None:
    program = f"import sys; sys.stderr.write({said!r} + '\\n'); sys.exit(78)"
    keeper = Keeper(a_process(tmp_path, program), tell=told.append)
    await keeper.start()
    failure = await eventually(keeper.failure)
    assert isinstance(failure, kind)
    assert str(failure) == told_once
    await keeper.stop()
    assert told == []


async def test_a_stop_during_the_pause_starts_nothing_any_more(tmp_path: Path, told: list[str]) -> None:
    process = a_process(tmp_path, "raise SystemExit(1)")
    keeper = Keeper(process, tell=told.append)
    await keeper.start()
    await eventually(lambda: told)
    await keeper.stop()
    assert process.starts == 1


async def test_what_an_earlier_run_left_behind_is_ended_before_the_start(tmp_path: Path) -> None:
    first, second = a_process(tmp_path, RUNS_FOR_EVER), a_process(tmp_path, RUNS_FOR_EVER)
    await asyncio.to_thread(first.start)
    await asyncio.to_thread(second.start)
    assert not first.is_running
    assert second.is_running
    await asyncio.to_thread(second.stop)


def a_long_log(process: ServiceProcess) -> None:
    process.log.parent.mkdir(parents=True, exist_ok=True)
    process.log.write_bytes(b"x" * (supervisor.MAX_LOG_BYTES + 1))


@pytest.mark.parametrize("act", [ServiceProcess.start, ServiceProcess.look_after], ids=["start", "while it runs"])
async def test_a_long_log_is_set_aside(tmp_path: Path, act: Callable[[ServiceProcess], None]) -> None:
    process = a_process(tmp_path, RUNS_FOR_EVER)
    a_long_log(process)
    await asyncio.to_thread(act, process)
    assert process.log.with_name("ingest.log.1").stat().st_size > supervisor.MAX_LOG_BYTES
    assert not process.log.exists() or process.log.stat().st_size < 100
    await asyncio.to_thread(process.stop)
