"""The servers of a test run: started once and together, never a user's own; per test a virtual host and a database."""

import asyncio
import importlib
import itertools
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import httpx2
import pytest

from fraudline.local.broker import private_broker
from fraudline.local.container import RabbitMQContainer
from fraudline.local.postgres import Postgres
from fraudline.local.rabbitmq import RabbitMQ
from servers.broker_view import BrokerView

TEMPLATE = "fraudline_template"
# Nothing of a test run has to survive a power cut.
UNSAFE_BUT_FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "autovacuum_naptime": "600",
}
# An installation of RabbitMQ by apt may be part of the start.
START_SECONDS = 900.0
REQUEST_SECONDS = 10.0


class TestRunServers:
    """The run's servers, each started in the background as soon as a collected test is known to need it."""

    __test__ = False

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="test-servers")
        self._rabbitmq: Future[RabbitMQ | RabbitMQContainer] | None = None
        self._postgres: Future[Postgres] | None = None

    @property
    def folder(self) -> Path:
        """A folder that the account of PostgreSQL can enter, unlike pytest's own; gone after the run."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="fraudline-tests-"))
            self._folder.chmod(0o711)
        return self._folder

    def begin_rabbitmq(self) -> Future[RabbitMQ | RabbitMQContainer]:
        self._rabbitmq = self._rabbitmq or self._pool.submit(_start_rabbitmq, self.folder)
        return self._rabbitmq

    def begin_postgres(self) -> Future[Postgres]:
        self._postgres = self._postgres or self._pool.submit(_start_postgres, self.folder)
        return self._postgres

    def close(self) -> None:
        self._pool.shutdown(wait=True)
        if self._postgres is not None and self._postgres.exception() is None:
            self._postgres.result().remove()
        if self._rabbitmq is not None and self._rabbitmq.exception() is None:
            # Nothing of it is kept: there is no order to keep either.
            self._rabbitmq.result().kill()
            self._rabbitmq.result().stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _start_rabbitmq(folder: Path) -> RabbitMQ | RabbitMQContainer:
    broker = private_broker(folder / "rabbitmq", management=True)
    broker.start()
    return broker


def _start_postgres(folder: Path) -> Postgres:
    postgres = Postgres(folder / "postgres", settings=UNSAFE_BUT_FAST)
    postgres.start()
    return postgres


@pytest.fixture(scope="session", autouse=True)
def test_run_servers(request: pytest.FixtureRequest) -> Iterator[TestRunServers]:
    servers = TestRunServers()
    needed = {name for item in request.session.items if isinstance(item, pytest.Function) for name in item.fixturenames}
    if "postgres" in needed:
        servers.begin_postgres()
    if "rabbitmq" in needed:
        servers.begin_rabbitmq()
    yield servers
    servers.close()


@pytest.fixture(scope="session")
def rabbitmq(test_run_servers: TestRunServers) -> RabbitMQ | RabbitMQContainer:
    """The run's broker. A test that kills or pauses it starts or resumes it again before it ends."""
    return test_run_servers.begin_rabbitmq().result(START_SECONDS)


@pytest.fixture(scope="session")
def postgres(test_run_servers: TestRunServers) -> Postgres:
    """The run's database server. A test that kills or pauses it starts or resumes it again before it ends."""
    return test_run_servers.begin_postgres().result(START_SECONDS)


@pytest.fixture(scope="session")
def names() -> Iterator[str]:
    """Names for what belongs to one test."""
    prefix = secrets.token_hex(3)
    return (f"test_{prefix}_{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def management(rabbitmq: RabbitMQ | RabbitMQContainer) -> Iterator[httpx2.Client]:
    """The broker's management API; one client for the run, since to make one takes a tenth of a second."""
    with httpx2.Client(base_url=rabbitmq.management_url, timeout=REQUEST_SECONDS) as client:
        yield client


@pytest.fixture
def broker_view(management: httpx2.Client, names: Iterator[str]) -> Iterator[BrokerView]:
    """A look into the test's own virtual host, the one of `amqp_url`."""
    view = BrokerView(management, next(names))
    view.create_virtual_host("fraudline")
    yield view
    view.delete_virtual_host()


@pytest.fixture
def amqp_url(rabbitmq: RabbitMQ | RabbitMQContainer, broker_view: BrokerView) -> str:
    """A virtual host of the test's own."""
    return rabbitmq.url_of(broker_view.virtual_host)


class Urls(NamedTuple):
    """Where a broker and a database are."""

    amqp_url: str
    database_url: str


@pytest.fixture(scope="module")
def module_urls(
    rabbitmq: RabbitMQ | RabbitMQContainer,
    management: httpx2.Client,
    postgres: Postgres,
    database_template: str,
    names: Iterator[str],
) -> Iterator[Urls]:
    """A virtual host and a migrated database for all tests of a module: none of them may break it."""
    name = next(names)
    view = BrokerView(management, name)
    view.create_virtual_host("fraudline")
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE {database_template}")
    yield Urls(rabbitmq.url_of(name), postgres.url(name))
    view.delete_virtual_host()
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def database_template(postgres: Postgres) -> str:
    """A migrated database that each test's own is copied from."""
    # Imported here: tests of this folder's servers alone need none of it.
    migrations = importlib.import_module("fraudline.postgres.migrations")
    postgres.execute(f"CREATE DATABASE {TEMPLATE}")
    # In a thread of its own: the event loop of this one belongs to the tests.
    with ThreadPoolExecutor(max_workers=1) as pool:
        pool.submit(asyncio.run, migrations.migrate(postgres.url(TEMPLATE))).result()
    return TEMPLATE


@pytest.fixture
def database_url(postgres: Postgres, database_template: str, names: Iterator[str]) -> Iterator[str]:
    """A migrated database of the test's own."""
    name = next(names)
    postgres.execute(f"CREATE DATABASE {name} TEMPLATE {database_template} STRATEGY FILE_COPY")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_database_url(postgres: Postgres, names: Iterator[str]) -> Iterator[str]:
    """A database of the test's own that no migration has seen."""
    name = next(names)
    postgres.execute(f"CREATE DATABASE {name}")
    yield postgres.url(name)
    postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
