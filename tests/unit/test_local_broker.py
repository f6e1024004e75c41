"""The order in which a broker is looked for, and what is left on the machine by an installation."""

import os
import re
import shutil
import socket
import sys
import threading
from pathlib import Path

import pytest

from fraudline.local import broker, install
from fraudline.local.amqp_handshake import HandshakeError, log_in
from fraudline.local.container import RabbitMQContainer
from fraudline.local.errors import InstallFailedError, LocalServerError, NoServerFoundError
from fraudline.local.ports import LOOPBACK
from fraudline.local.rabbitmq import RabbitMQ
from fraudline.local.rabbitmq_node import Identity, Ports, write_configuration
from fraudline.local.state_folder import Claim

PROGRAMS = install.RabbitMQPrograms(script=Path("/opt/rabbitmq/sbin/rabbitmq-server"), epmd=Path("/usr/bin/epmd"))

# Above what Linux gives to a process.
DEAD_PROCESS = 2**22 + 1


class Machine:
    """A machine that offers what a test says; what is done to it is noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_installed = False
        self.offers: set[str] = set()
        self.apt_works = True
        self.done: list[str] = []
        monkeypatch.setattr(install, "find_rabbitmq", lambda: PROGRAMS if self.is_installed else None)
        monkeypatch.setattr(install, "can_apt", lambda: "apt" in self.offers)
        monkeypatch.setattr(install, "can_brew", lambda: "brew" in self.offers)
        monkeypatch.setattr(install, "install_by_apt", lambda _packages, _tell: self.install("apt"))
        monkeypatch.setattr(install, "install_by_brew", lambda _formula, _tell: self.install("brew"))
        monkeypatch.setattr(install, "does_succeed", lambda command: f"{command[0]} engine" in self.offers)
        monkeypatch.setattr(shutil, "which", lambda name: name if name in {"podman", "docker"} else None)

    def install(self, way: str) -> None:
        self.done.append(way)
        if way == "apt" and not self.apt_works:
            raise InstallFailedError("apt: no such package")
        self.is_installed = True


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


def quiet(_line: str) -> None:
    """Nobody listens."""


def test_an_installed_broker_is_taken_and_nothing_installed(machine: Machine, tmp_path: Path) -> None:
    machine.is_installed = True
    machine.offers = {"apt", "brew", "docker engine"}

    assert isinstance(broker.private_broker(tmp_path, tell=quiet), RabbitMQ)
    assert machine.done == []


@pytest.mark.parametrize("way", ["apt", "brew"])
def test_without_one_it_is_installed_by_the_machines_packages(machine: Machine, tmp_path: Path, way: str) -> None:
    machine.offers = {way, "docker engine"}

    assert isinstance(broker.private_broker(tmp_path, tell=quiet), RabbitMQ)
    assert machine.done == [way]


@pytest.mark.parametrize("engine", ["podman", "docker"])
def test_without_packages_it_runs_in_a_container(machine: Machine, tmp_path: Path, engine: str) -> None:
    machine.offers = {"apt", f"{engine} engine"}
    machine.apt_works = False
    told: list[str] = []

    assert isinstance(broker.private_broker(tmp_path, tell=told.append), RabbitMQContainer)
    assert told == [f"running RabbitMQ in a container of {engine}"]


def test_where_nothing_helps_the_ways_out_are_told_with_what_was_tried(machine: Machine, tmp_path: Path) -> None:
    machine.offers = {"apt"}
    machine.apt_works = False

    with pytest.raises(NoServerFoundError) as caught:
        broker.private_broker(tmp_path, tell=quiet)

    for way_out in (
        "apt-get install rabbitmq-server",
        "brew install",
        "podman",
        "FRAUDLINE_AMQP_URL",
        "no such package",
    ):
        assert way_out in str(caught.value)


def test_an_installation_starts_no_service_and_takes_its_policy_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "_as_root", list)
    policy = tmp_path / "policy-rc.d"

    def install_half_way() -> None:
        with install.no_service_started(policy):
            assert policy.stat().st_mode & 0o777 == 0o755
            assert "exit 101" in policy.read_text()
            raise InstallFailedError("half way")

    with pytest.raises(InstallFailedError, match="half way"):
        install_half_way()

    assert not policy.exists()


@pytest.mark.parametrize(
    ("process", "is_removed"), [(DEAD_PROCESS, True), (os.getpid(), True), (1, False)], ids=["dead", "ours", "alive"]
)
def test_a_policy_that_a_killed_installation_left_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, process: int, *, is_removed: bool
) -> None:
    monkeypatch.setattr(install, "_as_root", list)
    policy = tmp_path / "policy-rc.d"
    policy.write_text(install.DENY_ALL_SERVICES.format(pid=process))

    install.remove_leftover_policy(policy)

    assert policy.exists() is not is_removed


def test_the_next_start_takes_a_leftover_policy_away_also_where_nothing_is_to_be_installed(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed: list[str] = []
    monkeypatch.setattr(install, "remove_leftover_policy", lambda: removed.append("policy"))
    machine.is_installed = True

    broker.private_broker(tmp_path, tell=quiet)

    assert removed == ["policy"]


def test_ctrl_c_at_the_terminal_does_not_reach_an_installation(tmp_path: Path) -> None:
    group = tmp_path / "process-group"
    tell = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(str(os.getpgrp()))"

    install._run([sys.executable, "-c", tell, str(group)])  # noqa: SLF001 - runs apt

    # A terminal interrupts the process group in front of it.
    assert int(group.read_text()) != os.getpgrp()


def test_a_policy_of_the_machine_is_left_alone(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")

    install.remove_leftover_policy(policy)
    with install.no_service_started(policy):
        assert policy.read_text() == "#!/bin/sh\nexit 0\n"

    assert policy.exists()


def an_engine(folder: Path) -> Path:
    """Return an engine that notes in `asked` what it is asked and says yes; `wait` lasts until a kill or a stop."""
    engine, ended = folder / "engine", folder / "ended"
    os.mkfifo(ended)
    engine.write_text(
        f"""#!/bin/sh
echo "$@" >> {folder / "asked"}
case $1 in
wait) cat {ended} ;;
kill) echo 137 > {ended} ;;
esac
"""
    )
    engine.chmod(0o755)
    return engine


def test_a_container_is_bounded_as_a_node_of_ours_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraudline.local.container.log_in", lambda *_arguments: None)

    with RabbitMQContainer(tmp_path / "state", engine=str(an_engine(tmp_path))):
        mounted = re.search(r"--volume=(\S+):(/etc/rabbitmq/conf\.d/\S+\.conf):ro", (tmp_path / "asked").read_text())

    assert mounted is not None
    configuration = Path(mounted[1])
    assert configuration.stat().st_mode & 0o777 == 0o644
    write_configuration(tmp_path, Identity.of(tmp_path), Ports(1, 2, 3, 4), management=False)
    of_a_node = (tmp_path / "rabbitmq.conf").read_text().splitlines()
    lines = configuration.read_text().splitlines()
    assert {line.split(" ")[0] for line in lines} == {
        "disk_free_limit.absolute",
        "vm_memory_high_watermark.absolute",
        "raft.wal_max_size_bytes",
        "heartbeat",
    }
    assert set(lines) <= set(of_a_node)
    assert "default_pass" not in configuration.read_text()
    assert "ERL_CRASH_DUMP_SECONDS=0" in (tmp_path / "state" / "container.env").read_text()


@pytest.mark.parametrize("program", ["#!/bin/sh\nexec sleep 60\n", None], ids=["hangs", "is gone"])
def test_an_engine_that_does_not_answer_is_told_and_keeps_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    monkeypatch.setattr("fraudline.local.container.COMMAND_SECONDS", 0.2)
    engine = tmp_path / "engine"
    if program is not None:
        engine.write_text(program)
        engine.chmod(0o755)
    container = RabbitMQContainer(tmp_path / "state", engine=str(engine))

    with pytest.raises(LocalServerError, match=r"engine rm` (took longer|cannot be run)"):
        container.start()

    assert not container.is_running
    Claim(tmp_path / "state").release()


def test_a_container_is_reachable_by_the_loopback_interface_alone_and_keeps_its_password_off_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an engine that notes what it is asked and says yes, and a broker that lets in.
    engine = an_engine(tmp_path)
    monkeypatch.setattr("fraudline.local.container.log_in", lambda *_arguments: None)
    container = RabbitMQContainer(tmp_path / "state", engine=str(engine))

    container.start()
    assert container.is_running
    container.kill()
    assert not container.is_running
    container.stop()

    commands = (tmp_path / "asked").read_text()
    port = container.url.rsplit(":", 1)[1].split("/")[0]
    assert f"--publish={LOOPBACK}:{port}:5672" in commands
    asked = [line.split()[0] for line in commands.splitlines()]
    assert [verb for verb in asked if verb != "wait"] == ["rm", "run", "kill", "stop", "rm"]
    assert container.url.split(":")[2].split("@")[0] not in commands
    assert (tmp_path / "state" / "container.env").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak AMQP"),
        (b"", "closed the connection"),
        (b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x32\xce", "the broker sent 10.50"),
    ],
)
def test_what_is_no_broker_that_lets_us_in_is_told_apart(answer: bytes, message: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:

        def serve() -> None:
            wire, _ = server.accept()
            with wire:
                wire.recv(8)
                wire.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(HandshakeError, match=message):
            log_in(server.getsockname()[1], "user", "password", "/", 5.0)
        thread.join()
