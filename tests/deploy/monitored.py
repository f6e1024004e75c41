"""A system under load, watched by a Prometheus that reads the configuration as it is shipped."""

import asyncio
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from ruamel.yaml import YAML

from fraudline.local.prometheus import Prometheus, PrometheusPrograms
from servers.prometheus import PrometheusView
from system.payments import a_transaction
from system.services import Service, System

DEPLOY = Path(__file__).parents[2] / "deploy"
CONFIGURATION = DEPLOY / "prometheus" / "prometheus.yml"
CLIENT_SECONDS = 10.0
ROUND_SECONDS = 0.2


def configuration_for(system: System, folder: Path) -> Path:
    """Write the shipped configuration with this system's addresses in place of the containers', and a shorter interval.

    Without the broker's own metrics: the tests' broker has none.
    """
    shipped: dict[str, Any] = YAML(typ="safe").load(CONFIGURATION)
    shipped["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    shipped["rule_files"] = [str(CONFIGURATION.parent / pattern) for pattern in shipped["rule_files"]]
    processes: dict[str, list[Service]] = {
        "ingest": [system.ingest],
        "scorer": system.scorers,
        "explainer": system.explainers,
        "alerts": system.alerts,
        "rabbitmq": [],
    }
    for job in shipped["scrape_configs"]:
        (places,) = job["static_configs"]
        services = processes.pop(job["job_name"])
        places["targets"] = [f"127.0.0.1:{service.admin_port}" for service in services]
    assert processes == {}, f"not scraped: {sorted(processes)}"
    written = folder / "prometheus.yml"
    YAML(typ="safe").dump(shipped, written)
    return written


class Watched:
    """A running system, its load, and what Prometheus knows of both."""

    def __init__(self, system: System, server: Prometheus, analyst_key: str) -> None:
        self.system = system
        self.server = server
        self.prometheus = PrometheusView(server.url)
        self._analyst_key = analyst_key

    @classmethod
    def start(cls, system: System, programs: PrometheusPrograms, folder: Path, analyst_key: str) -> "Watched":
        folder.mkdir()
        server = Prometheus(
            folder / "server",
            programs=programs,
            configuration=configuration_for(system, folder),
            pages=DEPLOY / "runbooks",
        )
        server.start()
        return cls(system, server, analyst_key)

    async def load(self) -> None:
        """Post what a day brings, round after round: payments, repeats, conflicts, nonsense, labels, decisions."""
        pause = asyncio.Event()
        numbers = itertools.count(1)
        async with self.system.client as shop, self._analyst() as analyst:
            while True:
                await self._post_round(shop, numbers)
                await self._decide_one(analyst)
                try:
                    async with asyncio.timeout(ROUND_SECONDS):
                        await pause.wait()
                except TimeoutError:
                    continue

    async def _post_round(self, shop: httpx2.AsyncClient, numbers: Iterator[int]) -> None:
        payments = [a_transaction(next(numbers)) for _ in range(20)]
        # No rate is known for it: a person has to look.
        unknown = [a_transaction(next(numbers), currency="SEK") for _ in range(5)]
        conflict = payments[1] | {"amount": "999999.99"}
        invalid = a_transaction(next(numbers), amount="-1")
        label = {"label": "fraud", "source": "chargeback", "reported_at": "2026-02-01T00:00:00Z"}
        for answer in (
            await shop.post("/v1/transactions/batch", json=[*payments, *unknown]),
            await shop.post("/v1/transactions/batch", json=[payments[0], conflict, invalid]),
            await shop.post("/v1/labels", json=label | {"transaction_id": payments[2]["transaction_id"]}),
        ):
            answer.raise_for_status()

    async def _decide_one(self, analyst: httpx2.AsyncClient) -> None:
        listed = (await analyst.get("/v1/alerts", params={"status": "open", "limit": 1})).raise_for_status()
        for alert in listed.json()["alerts"]:
            decided = await analyst.post(f"/v1/alerts/{alert['id']}/disposition", json={"disposition": "fraud"})
            decided.raise_for_status()

    def _analyst(self) -> httpx2.AsyncClient:
        headers = {"Authorization": f"Bearer {self._analyst_key}"}
        return httpx2.AsyncClient(base_url=self.system.alerts[0].url, headers=headers, timeout=CLIENT_SECONDS)
