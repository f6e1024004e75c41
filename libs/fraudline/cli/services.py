"""The services of one installation, in one table: what `up` starts, where each listens, where it logs."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fraudline.errors import ConfigurationError
from fraudline.local.ports import LOOPBACK, free_port, is_free

HIGHEST_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens, by the variables that say so."""

    host_variable: str
    port_variable: str
    default_port: int


@dataclass(frozen=True, slots=True)
class Service:
    """One service: `python -m module` with a public port, where it has one, and an admin port."""

    name: str
    module: str
    admin: Address
    public: Address | None = None

    @property
    def command(self) -> list[str]:
        """What starts it."""
        return [sys.executable, "-m", self.module]

    @property
    def addresses(self) -> list[Address]:
        """All ports that it takes."""
        return [self.admin] if self.public is None else [self.public, self.admin]


INGEST = Service(
    "ingest",
    "fraudline_ingest",
    admin=Address("FRAUDLINE_INGEST_ADMIN_HOST", "FRAUDLINE_INGEST_ADMIN_PORT", 9080),
    public=Address("FRAUDLINE_INGEST_HOST", "FRAUDLINE_INGEST_PORT", 8080),
)
SCORER = Service(
    "scorer",
    "fraudline_scorer",
    admin=Address("FRAUDLINE_SCORER_ADMIN_HOST", "FRAUDLINE_SCORER_ADMIN_PORT", 9081),
)
SERVICES = (INGEST, SCORER)


@dataclass(frozen=True, slots=True)
class Ports:
    """Which port each variable stands for in this run, all of them free when it began."""

    chosen: Mapping[str, int]

    def url(self, address: Address) -> str:
        """Return where this machine reaches an address; one that listens everywhere is reached by loopback."""
        host = os.environ.get(address.host_variable) or LOOPBACK
        shown = LOOPBACK if host in {"0.0.0.0", "::"} else host  # noqa: S104 - told apart, not listened on
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.chosen[address.port_variable]}"

    def environment(self) -> dict[str, str]:
        """Return the variables as the services read them."""
        return {variable: str(port) for variable, port in self.chosen.items()}


def choose_ports(services: tuple[Service, ...] = SERVICES) -> Ports:
    """Return the ports of all services; 0 takes a free one.

    Raises:
        ConfigurationError: A variable holds no port, or something listens there already.
    """
    chosen: dict[str, int] = {}
    for address in (address for service in services for address in service.addresses):
        variable = address.port_variable
        port = _port(variable, address.default_port)
        if port == 0:
            port = free_port(taken=chosen.values())
        elif port in chosen.values():
            raise ConfigurationError(variable, f"{port} is given to two services; choose another")
        elif not is_free(port, os.environ.get(address.host_variable) or LOOPBACK):
            raise ConfigurationError(
                variable, f"port {port} is taken by another program; stop it, or set {variable} to a free port (0: any)"
            )
        chosen[variable] = port
    return Ports(chosen)


def service_environment(folder: Path, ports: Ports, **values: str) -> dict[str, str]:
    """Return what a service's process sees: our own environment, and what this run decides."""
    environment = dict(os.environ) | ports.environment() | values
    environment["FRAUDLINE_STATE_DIR"] = str(folder)
    environment["PYTHONUNBUFFERED"] = "1"
    if "NUMBA_CACHE_DIR" not in environment and not _can_cache_kernel():
        environment["NUMBA_CACHE_DIR"] = str(folder / "numba")
    return environment


def _can_cache_kernel() -> bool:
    """Return whether compiled kernels can be kept where numba keeps them by itself: beside their source."""
    import fraudline  # noqa: PLC0415 - the package asks where it lies itself

    return os.access(Path(fraudline.__file__).parent / "kernel", os.W_OK)


def _port(variable: str, default: int) -> int:
    text = os.environ.get(variable) or str(default)
    if not (text.isascii() and text.isdigit()) or int(text) > HIGHEST_PORT:
        raise ConfigurationError(variable, f"{text!r} is no port; write a number from 0 to {HIGHEST_PORT}")
    return int(text)
