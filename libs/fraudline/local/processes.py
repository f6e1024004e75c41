"""Child processes that end when told to, and do not outlive the process that started them."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from fraudline.local.errors import ServerDidNotStopError
from fraudline.local.state_folder import write_private

LAUNCH = Path(__file__).with_name("launch.py")
KILL_SECONDS = 10.0
PAUSE_SECONDS = 2.0
POLL_SECONDS = 0.02
# How far two readings of one process's start time may differ after the clock was set.
SAME_START_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the machine that a child runs under instead of root."""

    name: str
    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Step:
    """A signal, and how long to wait for the process to end by it."""

    signal: signal.Signals
    seconds: float


ORDERLY = (Step(signal.SIGTERM, 20.0),)


class Child:
    """One child process.

    It has a session of its own, so that Ctrl-C at the terminal reaches us alone and we stop it in order. On Linux the
    kernel sends it `death_signal` when we die, however we die. The kernel means the *thread* that started it, hence
    each child has a thread that starts it, waits for its end, and does nothing else.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str],
        folder: Path,
        log: Path | None = None,
        pid_file: Path | None = None,
        account: Account | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        """Start the process; `log` takes what it prints (ours otherwise), `pid_file` lets the next run find it."""
        self.name = name
        self.ended = threading.Event()
        self._command = _launch_command(command, account, death_signal)
        self._environment = dict(environment)
        self._folder = folder
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._error: OSError | None = None
        started = threading.Event()
        threading.Thread(target=self._live, args=(started,), name=f"child-{name}", daemon=True).start()
        started.wait()
        if self._error is not None:
            raise self._error
        if pid_file is not None:
            _note(self.pid, pid_file)

    @property
    def pid(self) -> int:
        """The process's number."""
        if self._process is None:
            message = f"{self.name} was not started"
            raise RuntimeError(message)
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """How it ended (negative: by that signal), None while it runs."""
        return self._process.returncode if self._process is not None and self.ended.is_set() else None

    @property
    def is_running(self) -> bool:
        """Whether it has not ended; a paused child runs."""
        return not self.ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Whether it ended within the time."""
        return self.ended.wait(seconds)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        if self._process is not None and self.is_running:
            self._process.send_signal(number)

    def stop(self, steps: Iterable[Step] = ORDERLY) -> None:
        """End it in order, step by step, in the end with SIGKILL for it and what it started."""
        for step in steps:
            self.send(step.signal)
            # A paused process takes its orders when it goes on.
            self.resume()
            if self.wait(step.seconds):
                return
        self.kill()

    def kill(self) -> None:
        """End it and all that it started, at once, as a power cut would."""
        family = self.family()
        # The parent first: it must not see its children die and act on it.
        for process in family:
            _signal(process, signal.SIGKILL)
        if await_end(family[1:], KILL_SECONDS) or not self.wait(KILL_SECONDS):
            message = f"{self.name} (process {self.pid}) is still there {KILL_SECONDS:.0f} s after SIGKILL"
            raise ServerDidNotStopError(message)

    def pause(self) -> None:
        """Freeze it and all that it started: connections stay open and nothing answers."""
        # The parent first, so that it starts none while we count them.
        self.send(signal.SIGSTOP)
        family = self.family()
        for process in family[1:]:
            _signal(process, signal.SIGSTOP)
        # One that is at work on another core stops a moment later.
        deadline = time.monotonic() + PAUSE_SECONDS
        while not all(_stands_still(process) for process in family) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def resume(self) -> None:
        """Let it go on after a pause."""
        for process in reversed(self.family()):
            _signal(process, signal.SIGCONT)

    def family(self) -> list[psutil.Process]:
        """The process, then all that it started and that still run; empty after its end."""
        if not self.is_running:
            return []
        return family(self.pid)

    def _live(self, started: threading.Event) -> None:
        try:
            self._process = self._spawn()
        except OSError as error:
            self._error = error
            self.ended.set()
            return
        finally:
            started.set()
        self._process.wait()
        self.ended.set()

    def _spawn(self) -> subprocess.Popen[bytes]:
        output = None if self._log is None else os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603 - the callers name the programs, no input does
                self._command,
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        finally:
            if output is not None:
                os.close(output)


def end_leftover(pid_file: Path, steps: Iterable[Step] = ORDERLY) -> bool:
    """End the process that an earlier run noted in the file, if it still runs; whether there was one.

    A number that another process has got since is told apart by the time at which that one started.
    """
    try:
        noted = json.loads(pid_file.read_text())
        process = psutil.Process(int(noted["pid"]))
        is_same = abs(process.create_time() - float(noted["started"])) < SAME_START_SECONDS
    except (FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
        return False
    if not is_same or not is_alive(process):
        return False
    end_processes(family(process.pid), steps)
    return True


def end_processes(processes: list[psutil.Process], steps: Iterable[Step] = ORDERLY) -> None:
    """End processes that are not our children: the first by the steps, then all of them by SIGKILL."""
    if not processes:
        return
    for step in steps:
        _signal(processes[0], step.signal)
        for process in processes:
            _signal(process, signal.SIGCONT)
        processes = await_end(processes, step.seconds)
        if not processes:
            return
    for process in processes:
        _signal(process, signal.SIGKILL)
    alive = await_end(processes, KILL_SECONDS)
    if alive:
        message = f"processes of an earlier run are still there after SIGKILL: {[process.pid for process in alive]}"
        raise ServerDidNotStopError(message)


def await_end(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes that are not our children; those that still run after the time.

    A dead process that nobody collects has ended for us: where we run as a container's first process nobody does.
    """
    deadline = time.monotonic() + seconds
    while True:
        processes = [process for process in processes if is_alive(process)]
        if not processes or time.monotonic() > deadline:
            return processes
        time.sleep(POLL_SECONDS)


def is_alive(process: psutil.Process) -> bool:
    """Whether the process runs or is paused."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[psutil.Process]:
    """A process, then its descendants."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def plain_environment(**values: str) -> dict[str, str]:
    """What a server of ours sees: a path, a language that changes nothing, and what it is given."""
    # Package managers call programs of the administrator's folders, which an ordinary login's path leaves out.
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
    return {"PATH": path, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"} | values


def _launch_command(
    command: Sequence[str | Path], account: Account | None, death_signal: signal.Signals
) -> list[str | Path]:
    user, group = ("-", "-") if account is None else (str(account.user), str(account.group))
    python = [sys.executable, "-I", "-S", str(LAUNCH)]
    return [*python, str(os.getpid()), str(int(death_signal)), user, group, *command]


def _note(pid: int, pid_file: Path) -> None:
    try:
        started = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return
    write_private(pid_file, json.dumps({"pid": pid, "started": started}))


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return


def _stands_still(process: psutil.Process) -> bool:
    try:
        return process.status() in {psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE}
    except psutil.NoSuchProcess:
        return True
