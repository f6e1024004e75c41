"""Children end when told to, and never outlive the process that started them."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from fraudline.local.processes import Child, Step, end_leftover, is_alive, plain_environment
from servers.eventually import eventually_sync

IMPATIENT = (Step(signal.SIGTERM, 0.2),)
SLEEPER = ["sleep", "60"]
# Two sleepers below one shell, as a server has its helpers.
FAMILY = ["sh", "-c", "sleep 60 & sleep 60"]
# Says when it is deaf.
DEAF = [sys.executable, "-c", "import signal; signal.signal(15, signal.SIG_IGN); print('deaf'); signal.pause()"]


@contextmanager
def a_child(command: list[str], folder: Path, **options: Path) -> Iterator[Child]:
    child = Child("child", command, environment=plain_environment(PYTHONUNBUFFERED="1"), folder=folder, **options)
    # The launcher takes a moment to become the program.
    eventually_sync(lambda: psutil.Process(child.pid).name(), until=lambda name: name == Path(command[0]).name)
    try:
        yield child
    finally:
        child.kill()


def test_a_child_ends_in_order_when_told_to(tmp_path: Path) -> None:
    with a_child(SLEEPER, tmp_path) as child:
        assert child.is_running
        assert child.returncode is None

        child.stop()

        assert not child.is_running
        assert child.returncode == -signal.SIGTERM


def test_a_child_that_hears_no_order_is_killed_in_time(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with a_child(DEAF, tmp_path, log=log) as child:
        eventually_sync(lambda: "deaf" in log.read_text())

        child.stop(IMPATIENT)

        assert child.returncode == -signal.SIGKILL


def test_a_kill_takes_all_that_the_child_started(tmp_path: Path) -> None:
    with a_child(FAMILY, tmp_path) as child:
        family = eventually_sync(child.family, until=lambda processes: len(processes) == 3)

        child.kill()

        assert [process for process in family if is_alive(process)] == []


def test_a_paused_child_stands_still_with_all_that_it_started_and_can_be_stopped(tmp_path: Path) -> None:
    with a_child(FAMILY, tmp_path) as child:
        family = eventually_sync(child.family, until=lambda processes: len(processes) == 3)

        child.pause()
        assert {process.status() for process in family} == {psutil.STATUS_STOPPED}
        child.resume()
        assert psutil.STATUS_STOPPED not in {process.status() for process in family}
        child.pause()
        child.stop()

        assert child.returncode == -signal.SIGTERM


def test_ctrl_c_at_the_terminal_does_not_reach_a_child(tmp_path: Path) -> None:
    with a_child(SLEEPER, tmp_path) as child:
        assert os.getsid(child.pid) == child.pid
        assert os.getsid(0) != child.pid


def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    children: list[Child] = []

    def start() -> None:
        children.append(Child("child", SLEEPER, environment=plain_environment(), folder=tmp_path))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()

    assert not children[0].wait(0.3)
    children[0].kill()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children of their parent's death on Linux alone")
def test_a_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom fraudline.local.processes import Child, plain_environment\n"
        "child = Child('child', ['sleep', '60'], environment=plain_environment(), folder=Path(sys.argv[1]))\n"
        "print(child.pid, flush=True)\nsys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        eventually_sync(child.name, until=lambda name: name == "sleep")
        parent.send_signal(signal.SIGKILL)

    eventually_sync(lambda: is_alive(child), until=lambda lives: not lives)


def test_what_an_earlier_run_left_is_ended_by_its_pid_file(tmp_path: Path) -> None:
    pid_file = tmp_path / "child.process"
    with a_child(SLEEPER, tmp_path, pid_file=pid_file) as child:
        assert end_leftover(pid_file)

        assert child.wait(5)
        assert not end_leftover(pid_file)


def test_another_process_that_got_the_number_since_is_spared(tmp_path: Path) -> None:
    pid_file = tmp_path / "child.process"
    with a_child(SLEEPER, tmp_path, pid_file=pid_file) as child:
        noted = json.loads(pid_file.read_text())
        pid_file.write_text(json.dumps({**noted, "started": noted["started"] - 60}))

        assert not end_leftover(pid_file)

        assert child.is_running


@pytest.mark.parametrize("content", ["", "{}", "no json", '{"pid": 4194305, "started": 1}'])
def test_a_pid_file_that_names_nobody_ends_nobody(tmp_path: Path, content: str) -> None:
    pid_file = tmp_path / "child.process"
    pid_file.write_text(content)

    assert not end_leftover(pid_file)


def test_what_a_child_writes_is_for_its_owner_alone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child(
        "child", ["sh", "-c", "echo hello; : > made"], environment=plain_environment(), folder=tmp_path, log=log
    )

    assert child.wait(5)

    assert log.read_text() == "hello\n"
    assert [path.stat().st_mode & 0o077 for path in (log, tmp_path / "made")] == [0, 0]


def test_a_program_that_is_not_there_is_told_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = Child("child", ["no-such-program"], environment=plain_environment(), folder=tmp_path, log=log)

    assert child.wait(5)

    assert child.returncode != 0
    assert "no-such-program" in log.read_text() or "FileNotFoundError" in log.read_text()


def test_a_folder_that_is_not_there_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Child("child", SLEEPER, environment=plain_environment(), folder=tmp_path / "absent")
