"""`fraudline up`: everything on this machine, in order, until Ctrl-C.

claimed → ports chosen → servers and starter model (at once) → migrated → keyed → services (at once; what needs no
broker loads while that boots) → ready → told; back in the reverse order: nothing told, demo and services stopped,
servers stopped, folder free. Whatever dies between is started again. A kill of this process takes its children along (a
broker that runs in a container ends at the next start instead); what they stored is there at the next start.
"""

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import httpx2
import typer

from fraudline.cli.demo import DemoCounts, demo_process
from fraudline.cli.introduction import introduction
from fraudline.cli.model import Model
from fraudline.cli.own_keys import OwnKeys, own_keys
from fraudline.cli.running import STATE_VARIABLE, RunningSystem, forget, given_alerts_url, state_folder
from fraudline.cli.servers import Broker, DatabaseServer
from fraudline.cli.services import ALERTS, INGEST, SERVICES, Ports, Service, choose_ports, service_environment
from fraudline.cli.sign_in import link_into
from fraudline.cli.supervisor import Keeper, ServiceFailed, ServiceProcess
from fraudline.errors import ConfigurationError
from fraudline.local.state_folder import Claim, tail
from fraudline.postgres.database import Database
from fraudline.postgres.migrations import migrate
from fraudline.service.settings import AlertsSettings, IngestSettings, ScorerSettings, load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

READY_SECONDS = 90.0
READY_LOOK_SECONDS = 0.1
EXIT_INTERRUPTED = 130


def up(
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Also stream simulated transactions, 20 a second.")] = False,
) -> None:
    """Run RabbitMQ, PostgreSQL and all services on this machine; Ctrl-C stops them in order."""
    asyncio.run(_until_interrupted(System(state_folder(), has_demo=demo)))


async def _until_interrupted(system: "System") -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, interrupted, system, stop)
    await system.run(stop)


def interrupted(system: "System", stop: asyncio.Event) -> None:
    """Stop in order; asked twice, at once."""
    if stop.is_set() and not system.must_finish():
        # The children go with us, and repair themselves at the next start.
        os._exit(EXIT_INTERRUPTED)
    stop.set()


class System:
    """One installation over one state folder."""

    def __init__(self, folder: Path, *, has_demo: bool = False) -> None:
        self._folder = folder
        self._has_demo = has_demo
        self._started = time.monotonic()
        self._broker = Broker(folder / "rabbitmq", tell=self._tell)
        self._servers: list[Keeper] = []
        self._processes: dict[str, ServiceProcess] = {}
        self._services: list[Keeper] = []
        self._model = Model(folder, tell=self._tell)
        self._word: RunningSystem | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Start everything, keep it running until `stop`, then stop it in order.

        Raises:
            ConfigurationError: A variable cannot be used, by us or by a service.
            LocalServerError: A server cannot be had, or the state folder is in use.
            ServiceFailed: A service cannot run like this.
        """
        claim = self._claim()
        try:
            forget(self._folder)
            running = asyncio.create_task(self._run(), name="system")
            stopped = asyncio.create_task(stop.wait(), name="stop")
            try:
                await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if stop.is_set():
                    self._tell("stopping; what is stored is there at the next start (Ctrl-C again: at once)")
            finally:
                stopped.cancel()
                running.cancel()
                await asyncio.wait({running, stopped})
                await self._stop()
            if not running.cancelled():
                running.result()
            self._tell("stopped")
        finally:
            claim.release()

    def must_finish(self) -> bool:
        """Return whether something is under way that no haste may cut short, and tell what it is."""
        if self._broker.is_installing:
            self._tell("RabbitMQ is being installed; that comes to its end first: half done it is of no use")
        return self._broker.is_installing

    def _claim(self) -> Claim:
        try:
            # Passable for the account that PostgreSQL runs under where we are root; every secret has its own mode.
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o711)
            return Claim(self._folder)
        except OSError as error:
            raise ConfigurationError(STATE_VARIABLE, f"{self._folder} cannot be used: {error.strerror}") from error

    async def _run(self) -> None:
        # Before anything is started: what the services would refuse.
        page_url = given_alerts_url()
        ports = choose_ports()
        to_be_started = {
            "database_url": "postgresql://to/be/started",
            "amqp_url": "amqp://to-be-started",
            "model": Path("to/be/trained"),
        }
        for settings in (IngestSettings, ScorerSettings, AlertsSettings):
            load(settings, **to_be_started)
        given_broker, given_database = os.environ.get("FRAUDLINE_AMQP_URL"), os.environ.get("FRAUDLINE_DATABASE_URL")
        database = DatabaseServer(self._folder / "postgres")
        async with _together() as together:
            broker = together.create_task(self._start_broker(given_broker))
            preparing = together.create_task(self._prepare_database(database, given_database))
            finding = together.create_task(self._model.find())
            keys, model = await preparing, await finding
            self._word = word = RunningSystem(
                ingest_url=ports.public_url(INGEST),
                alerts_url=page_url or ports.public_url(ALERTS),
                api_key=keys.commands,
                database_url=given_database or database.url,
                amqp_url=given_broker or await self._broker_url(),
                model=str(model),
                admin_urls=ports.admin_urls(),
            )
            await self._start_services(word, ports, broker)
        self._write_word()
        self._tell("everything is ready")
        # Made now, so that all of its minutes are to come.
        typer.echo(introduction(self._folder, word, keys, link=await link_into(word)))
        await self._serve(ports)

    async def _prepare_database(self, database: DatabaseServer, given_url: str | None) -> OwnKeys:
        """Start the database where none is given, bring its schema up to date, and return our keys in it."""
        if not given_url:
            await self._start_server(database)
        url = given_url or database.url
        if steps := await migrate(url):
            self._tell(f"the database is up to date: {', '.join(steps)}")
        pool = await Database.connect(url, name="fraudline up", pool_size=1)
        try:
            return await own_keys(self._folder, pool)
        finally:
            await pool.close()

    async def _start_server(self, server: Broker | DatabaseServer) -> None:
        self._servers.append(Keeper(server, tell=self._tell))
        await self._servers[-1].start()
        self._tell(f"{server.name} is ready")

    async def _start_broker(self, given_url: str | None) -> None:
        """Bring up the broker where none is given; return when it lets us in."""
        if not given_url:
            await self._start_server(self._broker)

    async def _broker_url(self) -> str:
        """Return the URL of our own broker, which is known as soon as its start has begun."""
        while True:
            try:
                return self._broker.url
            except RuntimeError:
                # It is still looked for, or being installed.
                await asyncio.sleep(READY_LOOK_SECONDS)

    async def _start_services(self, word: RunningSystem, ports: Ports, broker: "asyncio.Task[None]") -> None:
        """Start all services, each as soon as what it needs is there, and return when each says that it can work."""
        environment = service_environment(
            self._folder,
            ports,
            FRAUDLINE_AMQP_URL=word.amqp_url,
            FRAUDLINE_DATABASE_URL=word.database_url,
            FRAUDLINE_MODEL=word.model,
        )
        async with httpx2.AsyncClient(timeout=2.0, trust_env=False) as http, _together() as together:

            async def start(service: Service) -> None:
                if service.needs_broker:
                    # They would wait for it by themselves, but in ever longer pauses.
                    await broker
                process = ServiceProcess(service.name, service.command, environment=environment, folder=self._folder)
                keeper = self._keep(process)
                await keeper.start()
                await self._wait_until_ready(http, keeper, f"{ports.url(service.admin)}/readyz")

            for service in SERVICES:
                together.create_task(start(service))
            if self._has_demo:
                # It waits for ingest, and has as much to load as a service: that is done while the broker boots.
                process = demo_process(self._folder, environment, url=word.ingest_url, api_key=word.api_key)
                together.create_task(self._keep(process).start())

    def _keep(self, process: ServiceProcess) -> Keeper:
        self._processes[process.name] = process
        self._services.append(Keeper(process, tell=self._tell, on_start=self._write_word_again))
        return self._services[-1]

    async def _wait_until_ready(self, http: httpx2.AsyncClient, keeper: Keeper, url: str) -> None:
        last = "it does not answer"
        give_up_at = time.monotonic() + READY_SECONDS
        while time.monotonic() < give_up_at:
            if (failure := keeper.failure()) is not None:
                # It may be the bundle's fault.
                self._model.doubt()
                raise failure
            try:
                answer = await http.get(url)
            except httpx2.HTTPError as error:
                last = f"it does not answer: {type(error).__name__}"
            else:
                if answer.is_success:
                    self._tell(f"{keeper.kept.name} is ready")
                    return
                last = answer.text.strip()
            await asyncio.sleep(READY_LOOK_SECONDS)
        log = self._processes[keeper.kept.name].log
        raise ServiceFailed(
            f"{keeper.kept.name} was not ready within {READY_SECONDS:g} s ({last}); the end of {log}:\n{tail(log, 5)}"
        )

    async def _serve(self, ports: Ports) -> None:
        """Watch over what runs until this is cancelled."""
        async with _together() as together:
            if self._has_demo:
                self._tell(f"demo: simulated payments are posted; its log is {self._processes['demo'].log}")
                counts = DemoCounts(ports.admin_urls())
                together.create_task(counts.tell(self._tell, started=self._started))
            together.create_task(self._watch())

    async def _watch(self) -> None:
        """Raise as soon as something is kept no longer."""
        while True:
            for keeper in (*self._servers, *self._services):
                if (failure := keeper.failure()) is not None:
                    raise failure
            await asyncio.sleep(1.0)

    async def _stop(self) -> None:
        """Stop what was started, services before servers; what cannot be stopped keeps nothing else from it."""
        forget(self._folder)
        self._word = None
        await self._model.stop()
        for group in (self._services, self._servers):
            results = await asyncio.gather(*(keeper.stop() for keeper in group), return_exceptions=True)
            for keeper, result in zip(group, results, strict=True):
                if isinstance(result, BaseException):
                    self._tell(f"{keeper.kept.name} did not stop in order: {result}")

    def _write_word(self) -> None:
        if self._word is None:
            return
        pids = {name: process.pid for name, process in self._processes.items()}
        word = RunningSystem(
            **{name: getattr(self._word, name) for name in self._word.__slots__ if name != "pids"},
            pids={name: pid for name, pid in pids.items() if pid is not None},
        )
        word.write(self._folder)

    def _write_word_again(self) -> None:
        """Tell the new process number, once everything was told."""
        if self._word is not None and RunningSystem.read(self._folder) is not None:
            self._write_word()

    def _tell(self, sentence: str) -> None:
        typer.echo(f"{time.monotonic() - self._started:7.1f} s  {sentence}")


@asynccontextmanager
async def _together() -> "AsyncIterator[asyncio.TaskGroup]":
    """Run tasks at once; their first error comes out as itself, since a person is told of it in one sentence."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        raise _first_of(errors) from errors


def _first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
