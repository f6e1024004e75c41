"""Fraudline's services as processes of their own, started, killed and frozen by tests."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil

from fraudline.local.ports import free_port
from servers.broker_view import BrokerView
from servers.eventually import eventually

START_SECONDS = 30.0


@dataclass
class Service:
    """One process of a service; what it logs goes to a file that a failing test can be read with."""

    module: str
    environment: dict[str, str]
    admin_port: int
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None)
    port: int | None = None

    @property
    def url(self) -> str:
        """Where its public port is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                env=os.environ | self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def readiness(self) -> dict[str, object]:
        """Return what /readyz says; what it cannot say now is no answer."""
        try:
            answer = httpx2.get(f"http://127.0.0.1:{self.admin_port}/readyz", timeout=2)
        except httpx2.TransportError as error:
            return {"ready": False, "error": type(error).__name__}
        body: dict[str, object] = answer.json()
        return body

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def until_ready(self, seconds: float = START_SECONDS) -> None:
        await eventually(lambda: self.readiness() if self.readiness().get("ready") else None, within=seconds)

    def metric(self, name: str) -> float:
        """Return the sum of a metric's samples."""
        text = httpx2.get(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=2).text
        lines = (line for line in text.splitlines() if line.startswith((f"{name} ", f"{name}{{")))
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def logged(self, event: str) -> list[dict[str, object]]:
        """Return the lines that it has logged under an event's name."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def reason(self, check: str) -> object:
        """Return what /readyz says keeps a part from being ready; None where nothing does."""
        checks = self.readiness().get("checks")
        assert isinstance(checks, dict), "no answer from /readyz"
        return checks[check]["reason"] if check in checks else None

    @property
    def is_frozen(self) -> bool:
        return psutil.Process(self.pid).status() == psutil.STATUS_STOPPED

    def kill(self) -> None:
        """SIGKILL, as a crash or an out-of-memory killer would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def stop(self, seconds: float = 15.0) -> int:
        """SIGTERM, and the exit code; one that does not leave in time is killed and fails the test."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGCONT)
            self.process.kill()
            self.process.wait()


@dataclass
class System:
    """One ingest, scorers of which one owns the partition, explainers, alerts, over servers of the test's own."""

    folder: Path
    broker: BrokerView
    amqp_url: str
    database_url: str
    model: Path
    api_key: str
    ingest: Service = field(init=False)
    scorers: list[Service] = field(default_factory=list)
    explainers: list[Service] = field(default_factory=list)
    alerts: list[Service] = field(default_factory=list)
    ports: set[int] = field(default_factory=set)
    ingest_port: int = field(init=False)

    def __post_init__(self) -> None:
        self.ingest_port = self._new_port()
        admin_port = self._new_port()
        self.ingest = Service(
            "fraudline_ingest",
            self._environment()
            | {"FRAUDLINE_INGEST_PORT": str(self.ingest_port), "FRAUDLINE_INGEST_ADMIN_PORT": str(admin_port)},
            admin_port,
            self.folder / "ingest.log",
        )

    def _environment(self) -> dict[str, str]:
        return {
            "FRAUDLINE_AMQP_URL": self.amqp_url,
            "FRAUDLINE_DATABASE_URL": self.database_url,
            "FRAUDLINE_MODEL": str(self.model),
            "FRAUDLINE_STATE_DIR": str(self.folder / "state"),
        }

    def _new_port(self) -> int:
        """Take a port that no client is given by chance, each one once."""
        port = free_port(taken=self.ports)
        self.ports.add(port)
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ingest_port}"

    @property
    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.url, headers={"Authorization": f"Bearer {self.api_key}"}, timeout=10)

    def new_scorer(self, *, fail_at: str | None = None, heartbeat_seconds: int | None = None) -> Service:
        """Return a scorer that is not started yet.

        `fail_at` puts a fault into it (see `scorer_that_fails`); the shorter its heartbeat, the sooner the broker gives
        up one that is frozen.
        """
        admin_port = self._new_port()
        fault = {} if fail_at is None else {"FAIL_AT": fail_at, "PYTHONPATH": str(Path(__file__).parents[1])}
        heartbeat = "" if heartbeat_seconds is None else f"?heartbeat={heartbeat_seconds}"
        scorer = Service(
            "fraudline_scorer" if fail_at is None else "system.scorer_that_fails",
            self._environment()
            | {"FRAUDLINE_SCORER_ADMIN_PORT": str(admin_port), "FRAUDLINE_AMQP_URL": f"{self.amqp_url}{heartbeat}"}
            | fault,
            admin_port,
            self.folder / f"scorer-{len(self.scorers)}.log",
        )
        self.scorers.append(scorer)
        return scorer

    def new_explainer(self) -> Service:
        """Return an explainer that is not started yet."""
        admin_port = self._new_port()
        explainer = Service(
            "fraudline_scorer.explainer",
            self._environment() | {"FRAUDLINE_EXPLAINER_ADMIN_PORT": str(admin_port)},
            admin_port,
            self.folder / f"explainer-{len(self.explainers)}.log",
        )
        self.explainers.append(explainer)
        return explainer

    def new_alerts(self, *, fail_at: str | None = None) -> Service:
        """Return a process of alerts that is not started yet; `fail_at` kills it there (see `alerts_that_fail`)."""
        port, admin_port = self._new_port(), self._new_port()
        others = (self.ingest, *self.scorers, *self.explainers)
        status_urls = " ".join(f"http://127.0.0.1:{number}" for number in (*(s.admin_port for s in others), admin_port))
        fault = {} if fail_at is None else {"FAIL_AT": fail_at, "PYTHONPATH": str(Path(__file__).parents[1])}
        alerts = Service(
            "fraudline_alerts" if fail_at is None else "system.alerts_that_fail",
            self._environment()
            | {
                "FRAUDLINE_ALERTS_PORT": str(port),
                "FRAUDLINE_ALERTS_ADMIN_PORT": str(admin_port),
                "FRAUDLINE_STATUS_URLS": status_urls,
            }
            | fault,
            admin_port,
            self.folder / f"alerts-{len(self.alerts)}.log",
            port=port,
        )
        self.alerts.append(alerts)
        return alerts

    async def start(self, *, scorers: int = 1, explainers: int = 0, alerts: int = 0) -> None:
        started = [
            self.ingest,
            *(self.new_scorer() for _ in range(scorers)),
            *(self.new_explainer() for _ in range(explainers)),
            *(self.new_alerts() for _ in range(alerts)),
        ]
        for service in started:
            service.start()
        for service in started:
            await service.until_ready()

    def queue_names(self) -> list[str]:
        """Return the queues that last, as the broker names them on its disk."""
        lasting = (queue for queue in self.broker.queues() if not queue.startswith("ingest.replies."))
        return [f"{self.broker.virtual_host}_{queue}" for queue in lasting]

    def owner(self) -> Service | None:
        """Return the scorer that owns the partition now."""
        for scorer in self.scorers:
            if scorer.is_running:
                with contextlib.suppress(httpx2.TransportError):
                    if scorer.metric("fraudline_scorer_is_owner") == 1:
                        return scorer
        return None

    def end(self) -> None:
        for service in (self.ingest, *self.scorers, *self.explainers, *self.alerts):
            service.end()
