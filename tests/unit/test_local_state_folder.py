"""A state folder belongs to one living process; its secrets to its owner; its logs stay small."""

import os
from pathlib import Path

import pytest

from fraudline.local.errors import FolderInUseError
from fraudline.local.ports import FIRST_PORT, LAST_PORT, free_port, is_free
from fraudline.local.rabbitmq_node import Identity, Ports, environment, write_configuration
from fraudline.local.state_folder import Claim, keep_log_bounded, tail, write_private


def test_a_folder_is_claimed_by_one_process_until_it_gives_it_free(tmp_path: Path) -> None:
    first = Claim(tmp_path / "state")

    with pytest.raises(FolderInUseError, match=f"in use by process {os.getpid()}"):
        Claim(tmp_path / "state")
    first.release()

    Claim(tmp_path / "state").release()


def test_a_secret_is_written_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("old")
    path.chmod(0o644)

    write_private(path, "new")

    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"line {number}\n" for number in range(20_000)))

    assert tail(log, 2) == "line 19998\nline 19999"
    assert tail(tmp_path / "none") == ""


def test_a_long_log_is_set_aside_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    for text in ("first", "second", "third"):
        log.write_text(text)
        keep_log_bounded(log, max_bytes=3)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"log.1": "third"}


def test_a_free_port_is_the_preferred_one_where_possible() -> None:
    port = free_port()

    assert FIRST_PORT <= port < LAST_PORT
    assert is_free(port)
    assert free_port(port) == port
    assert free_port(port, taken=[port]) != port


def test_a_node_keeps_its_name_user_and_password_from_start_to_start(tmp_path: Path) -> None:
    first = Identity.of(tmp_path)

    (tmp_path / "another").mkdir()

    assert Identity.of(tmp_path) == first
    assert Identity.of(tmp_path / "another") != first


def test_a_nodes_secrets_are_for_their_owner_alone(tmp_path: Path) -> None:
    identity, ports = Identity.of(tmp_path), Ports.of(tmp_path)
    write_configuration(tmp_path, identity, ports, management=True)

    for name in ("identity.json", "rabbitmq.conf", "home/.erlang.cookie"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name
    secrets = {identity.password, identity.cookie}
    assert not [value for value in environment(tmp_path, identity, ports, management=True).values() if value in secrets]


def test_a_nodes_configuration_binds_every_port_to_the_loopback_interface(tmp_path: Path) -> None:
    ports = Ports.of(tmp_path)
    write_configuration(tmp_path, Identity.of(tmp_path), ports, management=True)

    lines = (tmp_path / "rabbitmq.conf").read_text().splitlines()

    assert f"listeners.tcp.1 = 127.0.0.1:{ports.amqp}" in lines
    assert "management.tcp.ip = 127.0.0.1" in lines
    assert len({ports.amqp, ports.distribution, ports.epmd, ports.management}) == 4
