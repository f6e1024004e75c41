"""A private Prometheus on this machine: Debian's or Homebrew's programs, over a folder and a configuration of ours."""

import contextlib
import http.client
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from fraudline.local import install
from fraudline.local.errors import NoServerFoundError, ServerDidNotStartError
from fraudline.local.ports import LOOPBACK, free_port
from fraudline.local.processes import Child, end_leftover, plain_environment
from fraudline.local.state_folder import Claim, keep_log_bounded, tail

START_SECONDS = 30.0
ASK_SECONDS = 2.0
POLL_SECONDS = 0.05

KNOWN_PLACES = ("/usr/bin", "/opt/homebrew/bin", "/usr/local/bin", "/home/linuxbrew/.linuxbrew/bin")
WAYS_OUT = """Prometheus is needed, and this machine has none. Ways out:
  install it (Debian, Ubuntu: sudo apt-get install prometheus; macOS: brew install prometheus), or
  put the programs prometheus and promtool of a release on the path.
Then run the same command again."""


@dataclass(frozen=True, slots=True)
class PrometheusPrograms:
    """The server, and the tool that checks what the server is given."""

    server: Path
    promtool: Path


def find_prometheus() -> PrometheusPrograms | None:
    """Both programs of an installed Prometheus, those on the path first."""
    server, promtool = (_find(name) for name in ("prometheus", "promtool"))
    return None if server is None or promtool is None else PrometheusPrograms(server, promtool)


def bring_prometheus(tell: Callable[[str], None] = install.say) -> PrometheusPrograms:
    """The programs of a Prometheus, installed first where there is none."""
    found, tried = install.bring(find_prometheus, packages=["prometheus"], formula="prometheus", tell=tell)
    if found is None:
        raise NoServerFoundError("\n".join([WAYS_OUT, *tried]))
    return found


class Prometheus:
    """One server over one folder; what it has scraped stays there from start to start.

    `configuration` is the file that it reads, which names its rules by itself; what lies in `pages` it shows below
    `/user/`, as `runbook_url` expects it.
    """

    def __init__(
        self, folder: Path, *, programs: PrometheusPrograms, configuration: Path, pages: Path | None = None
    ) -> None:
        """Nothing is started or written yet."""
        self.folder = folder.resolve()
        self._programs = programs
        self._configuration = configuration.resolve()
        self._pages = pages
        self._claim: Claim | None = None
        self._port: int | None = None
        self._server: Child | None = None

    def start(self, timeout_seconds: float = START_SECONDS) -> None:
        """Start the server and return when it answers queries."""
        if self.is_running:
            return
        deadline = time.monotonic() + timeout_seconds
        if self._claim is None:
            self._claim = Claim(self.folder)
        try:
            end_leftover(self.folder / "server.process")
            keep_log_bounded(self.folder / "prometheus.log")
            self._start_server(deadline)
        except BaseException:
            # Ctrl-C too: nothing half started is left to run, and the folder is free for the next try.
            self.stop()
            raise

    def stop(self) -> None:
        """End the server in order, by SIGKILL when it takes too long, and give the folder free."""
        if self._server is not None:
            self._server.stop()
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    @property
    def is_running(self) -> bool:
        """Whether the server's process is there."""
        return self._server is not None and self._server.is_running

    @property
    def url(self) -> str:
        """Where it answers, on the loopback interface alone."""
        if self._port is None:
            raise RuntimeError("a Prometheus has its URL once it was started")
        return f"http://{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _start_server(self, deadline: float) -> None:
        self._port = free_port(self._port)
        self._server = Child(
            "prometheus",
            [
                self._programs.server,
                f"--config.file={self._configuration}",
                f"--storage.tsdb.path={self.folder / 'data'}",
                f"--web.listen-address={LOOPBACK}:{self._port}",
                f"--web.external-url={self.url}",
                *([] if self._pages is None else [f"--web.user-assets={self._pages}"]),
            ],
            environment=plain_environment(),
            folder=self.folder,
            log=self.folder / "prometheus.log",
            pid_file=self.folder / "server.process",
        )
        while not _is_ready(self._port):
            if self._server.wait(POLL_SECONDS):
                raise self._failure(f"ended at its start with code {self._server.returncode}")
            if time.monotonic() > deadline:
                raise self._failure("was not ready in time")

    def _failure(self, reason: str) -> ServerDidNotStartError:
        return ServerDidNotStartError("Prometheus", reason, tail(self.folder / "prometheus.log"))


def _is_ready(port: int) -> bool:
    with contextlib.closing(http.client.HTTPConnection(LOOPBACK, port, timeout=ASK_SECONDS)) as connection:
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False


def _find(program: str) -> Path | None:
    on_path = shutil.which(program) or shutil.which(program, path=":".join(KNOWN_PLACES))
    return None if on_path is None else Path(on_path)
