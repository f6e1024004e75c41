"""Which ports the services get, and what is said when one is taken."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from fraudline.cli.services import ALERTS, INGEST, SCORER, SERVICES, choose_ports, service_environment
from fraudline.errors import ConfigurationError
from fraudline.local.ports import free_port

STATUS_VARIABLE = "FRAUDLINE_STATUS_URLS"
VARIABLES = [address.port_variable for service in SERVICES for address in service.addresses]


@pytest.fixture(autouse=True)
def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in VARIABLES:
        monkeypatch.setenv(variable, "0")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        yield port


def test_zero_takes_free_ports_all_different() -> None:
    chosen = choose_ports().chosen
    assert list(chosen) == VARIABLES
    assert len(set(chosen.values())) == len(VARIABLES)


def test_a_port_that_is_taken_is_told_by_its_variable(taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDLINE_SCORER_ADMIN_PORT", str(taken_port))
    with pytest.raises(ConfigurationError, match=f"FRAUDLINE_SCORER_ADMIN_PORT: port {taken_port} is taken"):
        choose_ports()


def test_one_port_for_two_services_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    port = str(free_port())
    monkeypatch.setenv("FRAUDLINE_INGEST_PORT", port)
    monkeypatch.setenv("FRAUDLINE_SCORER_ADMIN_PORT", port)
    with pytest.raises(ConfigurationError, match="two services"):
        choose_ports()


@pytest.mark.parametrize("text", ["-1", "65536", "http", "80 80", "٨٠"])
def test_what_is_no_port_is_refused_by_its_variable(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDLINE_INGEST_PORT", text)
    with pytest.raises(ConfigurationError, match="FRAUDLINE_INGEST_PORT"):
        choose_ports()


def test_a_service_that_listens_everywhere_is_reached_by_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    assert INGEST.public is not None
    monkeypatch.setenv("FRAUDLINE_INGEST_HOST", "0.0.0.0")  # noqa: S104 - what a user may set
    ports = choose_ports()
    assert ports.url(INGEST.public) == f"http://127.0.0.1:{ports.chosen['FRAUDLINE_INGEST_PORT']}"
    assert ports.url(SCORER.admin).startswith("http://127.0.0.1:")
    assert ports.public_url(INGEST) == ports.url(INGEST.public)
    assert ports.public_url(SCORER) == ports.url(SCORER.admin)


def test_a_service_sees_our_environment_and_what_the_run_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUDLINE_LOG_LEVEL", "debug")
    monkeypatch.setenv("FRAUDLINE_STATE_DIR", "somewhere/relative")
    ports = choose_ports()
    environment = service_environment(tmp_path, ports, FRAUDLINE_MODEL="/model")
    assert environment["FRAUDLINE_LOG_LEVEL"] == "debug"
    assert environment["FRAUDLINE_STATE_DIR"] == str(tmp_path)
    assert environment["FRAUDLINE_MODEL"] == "/model"
    assert environment["FRAUDLINE_INGEST_PORT"] == str(ports.chosen["FRAUDLINE_INGEST_PORT"])


def test_the_status_page_shows_every_service_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATUS_VARIABLE, "")
    monkeypatch.setenv(ALERTS.admin.host_variable, "::1")
    ports = choose_ports()
    told = service_environment(tmp_path, ports)[STATUS_VARIABLE]
    assert told.split() == [ports.url(service.admin) for service in SERVICES]
    assert f"http://[::1]:{ports.chosen[ALERTS.admin.port_variable]}" in told


def test_the_status_page_shows_what_its_owner_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STATUS_VARIABLE, "http://10.0.0.1:9081 http://10.0.0.2:9081")
    told = service_environment(tmp_path, choose_ports())[STATUS_VARIABLE]
    assert told == "http://10.0.0.1:9081 http://10.0.0.2:9081"
