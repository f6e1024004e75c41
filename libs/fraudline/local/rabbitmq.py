"""A private RabbitMQ node on this machine, beside any other broker and unknown to it."""

import signal
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from fraudline.local import ports as local_ports
from fraudline.local.amqp_handshake import HandshakeError, log_in
from fraudline.local.errors import ServerDidNotStartError
from fraudline.local.processes import Child, Step, end_leftover
from fraudline.local.rabbitmq_node import VIRTUAL_HOST, Identity, Ports, environment, write_configuration
from fraudline.local.state_folder import Claim, keep_log_bounded, tail

START_SECONDS = 90.0
EPMD_START_SECONDS = 10.0
POLL_SECONDS = 0.05
LOG_IN_SECONDS = 5.0
ORDERLY = (Step(signal.SIGTERM, 30.0),)
EPMD_ORDERLY = (Step(signal.SIGTERM, 2.0),)


class RabbitMQ:
    """One node over one state folder; its messages, user and password stay there from start to start.

    A node's life: claimed → cleared of leftovers → configured → epmd up → node up → lets us in; back in the reverse
    order. The URL stays the same as long as the object lives, whatever happens to the node between.
    """

    def __init__(self, folder: Path, *, script: Path, epmd: Path, management: bool = False) -> None:
        """Nothing is started or written yet; `script` is RabbitMQ's own `rabbitmq-server`, not Debian's wrapper."""
        self.folder = folder.resolve()
        self._script = script
        self._epmd_program = epmd
        self._has_management = management
        self._claim: Claim | None = None
        self._identity: Identity | None = None
        self._ports: Ports | None = None
        self._epmd: Child | None = None
        self._node: Child | None = None

    def start(self, timeout_seconds: float = START_SECONDS) -> None:
        """Start the node and return when it lets us in; after a stop or a kill it comes back with all it had."""
        if self.is_running:
            return
        deadline = time.monotonic() + timeout_seconds
        if self._claim is None:
            self._claim = Claim(self.folder)
        try:
            self._prepare()
            self._start_epmd()
            self._start_node(deadline)
        except BaseException:
            # Ctrl-C too: nothing half started is left to run, and the folder is free for the next try.
            self.stop()
            raise

    def stop(self) -> None:
        """End the node in order, by SIGKILL when it takes too long, and give the folder free."""
        if self._node is not None:
            self._node.stop(ORDERLY)
        if self._epmd is not None:
            self._epmd.stop(EPMD_ORDERLY)
        if self._claim is not None:
            self._claim.release()
            self._claim = None

    def kill(self) -> None:
        """End the node by SIGKILL, as a crash would."""
        self._running_node().kill()

    def pause(self) -> None:
        """Freeze the node: its connections stay open, and nothing answers."""
        self._running_node().pause()

    def resume(self) -> None:
        """Let the node go on after a pause."""
        self._running_node().resume()

    @property
    def is_running(self) -> bool:
        """Whether the node's process is there; a paused one is."""
        return self._node is not None and self._node.is_running

    @property
    def pid(self) -> int:
        """The Erlang machine's process number."""
        return self._running_node().pid

    @property
    def pids(self) -> list[int]:
        """All processes of the node: epmd, the Erlang machine, its helpers."""
        children = [child for child in (self._epmd, self._node) if child is not None]
        return [process.pid for child in children for process in child.family()]

    @property
    def url(self) -> str:
        """Where clients connect, user and password included."""
        return self.url_of(VIRTUAL_HOST)

    def url_of(self, virtual_host: str) -> str:
        """The same for another virtual host; its name must need no quoting."""
        identity, ports = self._known()
        return f"amqp://{identity.user}:{identity.password}@{local_ports.LOOPBACK}:{ports.amqp}/{virtual_host}"

    @property
    def management_url(self) -> str:
        """The management API, user and password included."""
        if not self._has_management:
            raise RuntimeError("this node runs without the management plugin: ask for it by management=True")
        identity, ports = self._known()
        return f"http://{identity.user}:{identity.password}@{local_ports.LOOPBACK}:{ports.management}/api"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _prepare(self) -> None:
        # A node killed in this object's own life has left its epmd behind, which still knows the name.
        if self._epmd is not None:
            self._epmd.stop(EPMD_ORDERLY)
        end_leftover(self.folder / "node.process", ORDERLY)
        end_leftover(self.folder / "epmd.process", EPMD_ORDERLY)
        self._identity = Identity.of(self.folder)
        self._ports = self._ports or Ports.of(self.folder)
        write_configuration(self.folder, self._identity, self._ports, management=self._has_management)
        for name in ("rabbitmq.log", "console.log"):
            keep_log_bounded(self.folder / name)

    def _start_epmd(self) -> None:
        identity, ports = self._known()
        self._epmd = Child(
            "epmd",
            [self._epmd_program, "-port", str(ports.epmd), "-address", local_ports.LOOPBACK],
            environment=environment(self.folder, identity, ports, management=self._has_management),
            folder=self.folder,
            log=self.folder / "console.log",
            pid_file=self.folder / "epmd.process",
        )
        deadline = time.monotonic() + EPMD_START_SECONDS
        while not _epmd_answers(ports.epmd):
            if self._epmd.wait(POLL_SECONDS):
                raise self._failure("ended at its start because epmd, Erlang's port mapper, ended")
            if time.monotonic() > deadline:
                raise self._failure(f"has no epmd after {EPMD_START_SECONDS:.0f} s")

    def _start_node(self, deadline: float) -> None:
        identity, ports = self._known()
        self._node = Child(
            "rabbitmq",
            [self._script],
            environment=environment(self.folder, identity, ports, management=self._has_management),
            folder=self.folder,
            log=self.folder / "console.log",
            pid_file=self.folder / "node.process",
        )
        last = "nothing listens yet"
        while True:
            if self._node.wait(POLL_SECONDS):
                raise self._failure(f"ended at its start with code {self._node.returncode}")
            try:
                log_in(ports.amqp, identity.user, identity.password, VIRTUAL_HOST, LOG_IN_SECONDS)
            except (OSError, HandshakeError) as error:
                last = str(error)
            else:
                return
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready in time ({last})")

    def _failure(self, reason: str) -> ServerDidNotStartError:
        logs = [tail(self.folder / name) for name in ("console.log", "rabbitmq.log")]
        return ServerDidNotStartError("RabbitMQ", reason, "\n".join(log for log in logs if log))

    def _running_node(self) -> Child:
        if self._node is None:
            raise RuntimeError("the RabbitMQ node was never started")
        return self._node

    def _known(self) -> tuple[Identity, Ports]:
        if self._identity is None or self._ports is None:
            raise RuntimeError("a RabbitMQ node has its URL once it was started")
        return self._identity, self._ports


def _epmd_answers(port: int) -> bool:
    """Whether epmd tells the names it knows (NAMES_REQ, 110), as Erlang will ask it to."""
    try:
        with socket.create_connection((local_ports.LOOPBACK, port), 1.0) as wire:
            wire.sendall(b"\x00\x01n")
            return bool(wire.recv(4))
    except OSError:
        return False
