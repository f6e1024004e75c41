"""The services of one installation, in one table: what `up` starts, where each listens, where it logs."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fraudline.errors import ConfigurationError
from fraudline.local.ports import LOOPBACK, free_port, is_free

HIGHEST_PORT = 65_535
STATUS_VARIABLE = "FRAUDLINE_STATUS_URLS"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service listens, by the variables that say so."""

    host_variable: str
    port_variable: str
    default_port: int


@dataclass(frozen=True, slots=True)
class Service:
    """One service: `python -m module` with a public port, where it has one, and an admin port.

    `needs_broker`: whether it can do nothing without RabbitMQ.
    """

    name: str
    module: str
    admin: Address
    public: Address | None = None
    needs_broker: bool = True

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
# A process of its own in the scorer's service: reasons take their time, and no verdict waits for them.
EXPLAINER = Service(
    "explainer",
    "fraudline_scorer.explainer",
    admin=Address("FRAUDLINE_EXPLAINER_ADMIN_HOST", "FRAUDLINE_EXPLAINER_ADMIN_PORT", 9083),
    needs_broker=False,
)
ALERTS = Service(
    "alerts",
    "fraudline_alerts",
    admin=Address("FRAUDLINE_ALERTS_ADMIN_HOST", "FRAUDLINE_ALERTS_ADMIN_PORT", 9082),
    public=Address("FRAUDLINE_ALERTS_HOST", "FRAUDLINE_ALERTS_PORT", 8082),
)
# In the order in which a payment meets them; the status page shows them so.
SERVICES = (INGEST, SCORER, EXPLAINER, ALERTS)


@dataclass(frozen=True, slots=True)
class Ports:
    """Which port each variable stands for in this run, all of them free when it began."""

    chosen: Mapping[str, int]

    def url(self, address: Address) -> str:
        """Return where this machine reaches an address; one that listens everywhere is reached by loopback."""
        host = os.environ.get(address.host_variable) or LOOPBACK
        shown = LOOPBACK if host in {"0.0.0.0", "::"} else host  # noqa: S104 - told apart, not listened on
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.chosen[address.port_variable]}"

    def public_url(self, service: Service) -> str:
        """Return where this machine reaches what a service is for."""
        return self.url(service.public or service.admin)

    def admin_urls(self) -> dict[str, str]:
        """Return where this machine reaches the metrics and the readiness of each service, by its name."""
        return {service.name: self.url(service.admin) for service in SERVICES}

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
    # Who names others shows more than this run on the page, a second scorer perhaps.
    environment[STATUS_VARIABLE] = environment.get(STATUS_VARIABLE) or " ".join(ports.admin_urls().values())
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
