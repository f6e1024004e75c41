"""RabbitMQ in a container of podman or docker, for machines that can neither run nor install it."""

import hashlib
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from fraudline.local.amqp_handshake import HandshakeError, log_in
from fraudline.local.errors import LocalServerError, ServerDidNotStartError
from fraudline.local.ports import LOOPBACK, free_port
from fraudline.local.processes import Child, Step
from fraudline.local.rabbitmq_node import VIRTUAL_HOST, Identity, bounds, erlang_machine
from fraudline.local.state_folder import Claim, write_private

IMAGE = "docker.io/library/rabbitmq:4"
# Fetching the image is part of the first start.
START_SECONDS = 600.0
COMMAND_SECONDS = 60.0
STOP_SECONDS = 30
POLL_SECONDS = 0.25
LOG_IN_SECONDS = 5.0
KILL_SECONDS = 10.0
WATCH_ORDERLY = (Step(signal.SIGTERM, 2.0),)
# Read after the image's own files, which are 10-….
CONFIGURATION = "/etc/rabbitmq/conf.d/50-fraudline.conf"


class RabbitMQContainer:
    """One container over one volume, both named after the state folder; only the loopback interface reaches it.

    The engine runs it, so it outlives us when we are killed; the next start over the folder ends that one first.
    """

    def __init__(self, folder: Path, *, engine: str, management: bool = False) -> None:
        """Nothing is started or written yet; `engine` is `podman` or `docker`."""
        self.folder = folder.resolve()
        self._engine = engine
        self._name = f"fraudline-{hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]}"
        self._claim: Claim | None = None
        self._watch: Child | None = None
        self._identity: Identity | None = None
        self._port: int | None = None
        self._management_port: int | None = None
        self._has_management = management

    def start(self, timeout_seconds: float = START_SECONDS) -> None:
        """Start the container and return when the broker lets us in."""
        if self.is_running:
            return
        deadline = time.monotonic() + timeout_seconds
        if self._claim is None:
            self._claim = Claim(self.folder)
        try:
            self._identity = Identity.of(self.folder)
            self._port = self._port or free_port()
            if self._has_management:
                self._management_port = self._management_port or free_port(taken=[self._port])
            # The container of an earlier run, which died without ending it; what it stored is in the volume.
            self._ask("rm", "--force", self._name, must_succeed=False)
            self._run_container(deadline)
            self._start_watch()
            self._await_login(deadline)
        except BaseException:
            # Ctrl-C too: nothing half started is left to run. What went wrong first is what has to be told.
            with suppress(LocalServerError):
                self.stop()
            raise

    def stop(self) -> None:
        """End the broker in order, and give the folder free."""
        try:
            self._ask("stop", "-t", str(STOP_SECONDS), self._name, must_succeed=False)
            self._ask("rm", "--force", self._name, must_succeed=False)
        finally:
            if self._watch is not None:
                self._watch.stop(WATCH_ORDERLY)
            if self._claim is not None:
                self._claim.release()
                self._claim = None

    def kill(self) -> None:
        """End the broker by SIGKILL, as a crash would."""
        self._ask("kill", "--signal", "KILL", self._name)
        if self._watch is not None:
            self._watch.wait(KILL_SECONDS)

    def pause(self) -> None:
        """Freeze the broker: its connections stay open, and nothing answers."""
        self._ask("pause", self._name)

    def resume(self) -> None:
        """Let the broker go on after a pause."""
        self._ask("unpause", self._name)

    @property
    def is_running(self) -> bool:
        """Whether the container is there and has not ended; a paused one has not."""
        return self._watch is not None and self._watch.is_running

    @property
    def url(self) -> str:
        """Where clients connect, user and password included."""
        return self.url_of(VIRTUAL_HOST)

    def url_of(self, virtual_host: str) -> str:
        """The same for another virtual host; its name must need no quoting."""
        identity, port = self._known()
        return f"amqp://{identity.user}:{identity.password}@{LOOPBACK}:{port}/{virtual_host}"

    @property
    def management_url(self) -> str:
        """The management API, user and password included."""
        if self._management_port is None:
            raise RuntimeError("this container runs without the management plugin: ask for it by management=True")
        identity, _ = self._known()
        return f"http://{identity.user}:{identity.password}@{LOOPBACK}:{self._management_port}/api"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _run_container(self, deadline: float) -> None:
        identity, port = self._known()
        management = [] if self._management_port is None else [f"--publish={LOOPBACK}:{self._management_port}:15672"]
        environment = self.folder / "container.env"
        values = {
            "RABBITMQ_DEFAULT_USER": identity.user,
            "RABBITMQ_DEFAULT_PASS": identity.password,
            "RABBITMQ_DEFAULT_VHOST": VIRTUAL_HOST,
        } | erlang_machine(management=self._has_management)
        write_private(environment, "".join(f"{name}={value}\n" for name, value in values.items()))
        configuration = self.folder / "container.conf"
        configuration.write_text("\n".join(bounds(management=self._has_management)) + "\n")
        # The container's account is another than ours. Nothing in it is secret.
        configuration.chmod(0o644)
        self._ask(
            "run",
            "--detach",
            f"--name={self._name}",
            # RabbitMQ's data are bound to the node's name, and that to the host's.
            f"--hostname={self._name}",
            f"--env-file={environment}",
            f"--volume={self._name}:/var/lib/rabbitmq",
            # Z: where SELinux keeps containers from our files, this one is for the container.
            f"--volume={configuration}:{CONFIGURATION}:ro,Z",
            f"--publish={LOOPBACK}:{port}:5672",
            *management,
            f"{IMAGE}-management" if management else IMAGE,
            timeout_seconds=max(1.0, deadline - time.monotonic()),
        )

    def _start_watch(self) -> None:
        """Start what ends with the container: to ask for that costs nothing, even while the engine hangs."""
        if self._watch is not None:
            self._watch.stop(WATCH_ORDERLY)
        self._watch = Child(
            "container watch",
            [self._engine, "wait", self._name],
            environment=dict(os.environ),
            folder=self.folder,
            log=self.folder / "container-watch.log",
        )

    def _await_login(self, deadline: float) -> None:
        identity, port = self._known()
        last = "nothing listens yet"
        while time.monotonic() < deadline:
            try:
                log_in(port, identity.user, identity.password, VIRTUAL_HOST, LOG_IN_SECONDS)
            except (OSError, HandshakeError) as error:
                last = str(error)
            else:
                return
            if not self.is_running:
                last = "the container ended"
                break
            time.sleep(POLL_SECONDS)
        log = self._ask("logs", "--tail", "25", self._name, must_succeed=False)
        raise ServerDidNotStartError("RabbitMQ's container", f"is not ready ({last})", log)

    def _ask(self, *arguments: str, must_succeed: bool = True, timeout_seconds: float | None = None) -> str:
        limit = COMMAND_SECONDS if timeout_seconds is None else timeout_seconds
        asked = f"`{self._engine} {arguments[0]}`"
        try:
            done = subprocess.run(  # noqa: S603 - the engine's commands stand in this file
                [self._engine, *arguments],
                check=False,
                env=dict(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=limit,
            )
        except subprocess.TimeoutExpired as error:
            raise LocalServerError(f"{asked} took longer than {limit:.0f} s: does its engine run?") from error
        except OSError as error:
            raise LocalServerError(f"{asked} cannot be run: {error.strerror}") from error
        answer = done.stdout.decode(errors="replace")
        if must_succeed and done.returncode != 0:
            raise LocalServerError(f"{asked} failed with code {done.returncode}: {answer.strip()}")
        return answer

    def _known(self) -> tuple[Identity, int]:
        if self._identity is None or self._port is None:
            raise RuntimeError("a RabbitMQ container has its URL once it was started")
        return self._identity, self._port
