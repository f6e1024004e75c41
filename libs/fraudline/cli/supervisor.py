"""Keeps processes running: one that dies is started again after a growing pause, until all are told to stop."""

import asyncio
import contextlib
import re
import shutil
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from fraudline.errors import ConfigurationError, FraudlineError
from fraudline.local.errors import LocalServerError
from fraudline.local.processes import Child, Step, end_leftover
from fraudline.local.state_folder import keep_log_bounded, tail

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
# Who ran for so long had recovered: the next death is a new one.
WELL_SECONDS = 60.0
LOOK_SECONDS = 0.1
LOG_LOOK_SECONDS = 10.0
MAX_LOG_BYTES = 16 << 20
EXIT_CONFIGURATION = 78
ORDERLY = (Step(signal.SIGTERM, 15.0),)
# How a process of ours says which setting it cannot use, before it leaves with 78.
_SETTING_REFUSED = re.compile(r"fraudline(?: \w+)?: (\w+): (.+)")

Tell = Callable[[str], None]


class ServiceFailed(FraudlineError):  # noqa: N818 - what happened, told as such
    """A process can never run like this; the end of its log is in the message."""


class Kept(Protocol):
    """Something that runs until it is stopped; `start` and `stop` may block."""

    @property
    def name(self) -> str:
        """What people call it."""

    @property
    def is_running(self) -> bool:
        """Whether it runs."""

    def start(self) -> None:
        """Start it, also after it has died."""

    def stop(self) -> None:
        """End it in order."""

    def epitaph(self) -> str:
        """Return how it ended and where to read more.

        Raises:
            ConfigurationError: A setting keeps it from running: another start is of no use.
            ServiceFailed: Something else does, with the same end.
        """

    def look_after(self) -> None:
        """Do what has to be done now and then while it runs."""


class ServiceProcess:
    """A service of ours as a child process, with a log file of bounded size.

    Args:
        name: What people call it.
        command: What starts it.
        environment: All that it sees.
        folder: The state folder; it is also where the process runs.
    """

    def __init__(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / "logs" / f"{name}.log"
        self.starts = 0
        self._command = list(command)
        self._environment = dict(environment)
        self._folder = folder
        self._child: Child | None = None

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._child is not None and self._child.is_running

    @property
    def pid(self) -> int | None:
        """The number of the process while it runs."""
        return self._child.pid if self._child is not None and self._child.is_running else None

    def start(self) -> None:
        """Start it; one that a killed run left behind is ended first, since it holds the ports."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        keep_log_bounded(self.log, MAX_LOG_BYTES)
        pid_file = self._folder / f"{self.name}.process"
        end_leftover(pid_file, ORDERLY)
        self._child = Child(
            self.name,
            self._command,
            environment=self._environment,
            folder=self._folder,
            log=self.log,
            pid_file=pid_file,
        )
        self.starts += 1

    def stop(self) -> None:
        """End it: SIGTERM, then SIGKILL after 15 s."""
        if self._child is not None:
            self._child.stop(ORDERLY)

    def epitaph(self) -> str:
        """Return how it ended and where to read more.

        Raises:
            ConfigurationError: It said at its first start which setting it cannot use; the sentence is its own.
            ServiceFailed: It ended as if it had, but what its log ends with names none.
        """
        code = self._child.returncode if self._child is not None else None
        if code == EXIT_CONFIGURATION and self.starts == 1:
            last = tail(self.log, 1)
            if (refused := _SETTING_REFUSED.fullmatch(last)) is not None:
                raise ConfigurationError(*refused.groups())
            raise ServiceFailed(f"{self.name} cannot run like this: {last}")
        how = f"signal {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit code {code}"
        return f"{how}; its log is {self.log}"

    def look_after(self) -> None:
        """Set a log aside that has grown long: the process goes on writing to the same, emptied file."""
        # Where somebody removed the log, there is nothing that could be too long.
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > MAX_LOG_BYTES:
                shutil.copyfile(self.log, self.log.with_name(f"{self.log.name}.1"))
                with self.log.open("r+b") as log:
                    log.truncate()


class Keeper:
    """Keeps one thing running.

    Args:
        kept: What is kept.
        tell: Is told, in a sentence, of each death and each start after it.
        on_start: Is called after each start.
    """

    def __init__(self, kept: Kept, *, tell: Tell, on_start: Callable[[], None] = lambda: None) -> None:
        self.kept = kept
        self._tell = tell
        self._on_start = on_start
        self._stopping = asyncio.Event()
        self._starting: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it for the first time, and keep it running from then on; an error is the caller's."""
        await self._start()
        self._keeping = asyncio.create_task(self._keep(), name=f"keeping {self.kept.name}")

    def failure(self) -> BaseException | None:
        """Return why it is kept no longer; None while it is, or after a stop."""
        task = self._keeping
        return task.exception() if task is not None and task.done() and not task.cancelled() else None

    async def stop(self) -> None:
        """End it in order; a start that is under way comes to its end first."""
        self._stopping.set()
        if self._keeping is not None:
            await asyncio.wait({self._keeping})
        elif self._starting is not None:
            await asyncio.wait({self._starting})
        await asyncio.to_thread(self.kept.stop)

    async def _start(self) -> None:
        # A thread cannot be cancelled: it is waited for at the stop, so that nothing is left that just came up.
        self._starting = asyncio.create_task(asyncio.to_thread(self.kept.start), name=f"start of {self.kept.name}")
        await asyncio.shield(self._starting)
        self._on_start()

    async def _keep(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        since = time.monotonic()
        looked_at = since
        while not await self._is_stopping_within(LOOK_SECONDS):
            if self.kept.is_running:
                if time.monotonic() - looked_at > LOG_LOOK_SECONDS:
                    looked_at = time.monotonic()
                    await asyncio.to_thread(self.kept.look_after)
                continue
            if time.monotonic() - since > WELL_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            self._tell(f"{self.kept.name} died ({self.kept.epitaph()}); it is started again in {pause:g} s.")
            if await self._is_stopping_within(pause):
                return
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            since = time.monotonic()
            try:
                await self._start()
            except (LocalServerError, OSError) as error:
                self._tell(f"{self.kept.name} could not be started: {error}")
            else:
                self._tell(f"{self.kept.name} runs again.")

    async def _is_stopping_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        return self._stopping.is_set()
