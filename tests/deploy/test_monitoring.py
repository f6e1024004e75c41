"""Rules and dashboard against a real Prometheus that watches a real system under load."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest
import pytest_asyncio

from deploy.monitored import DEPLOY, Watched
from fraudline.domain.api_key import Role
from fraudline.local.errors import ServerDidNotStartError
from fraudline.local.prometheus import Prometheus, PrometheusPrograms
from fraudline.postgres.api_keys import create_key
from servers.eventually import eventually
from system.services import System

DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "fraudline.json").read_text())
RULES = (DEPLOY / "prometheus" / "rules" / "fraudline.yml").read_text()
# What stands in for a series that begins with its first event. Under our load it does begin, but for these.
FALLBACK = re.compile(r" or (vector\(0\)|label_replace\(vector\(0\), .*\))$")
NEVER_BEGIN = {"fraudline_publish_failures_total"}
WINDOW = "10s"


def queries() -> list[str]:
    """Return every query of the dashboard as Grafana would send it, without what stands in for missing series."""
    found = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    return [
        (query if any(name in query for name in NEVER_BEGIN) else FALLBACK.sub("", query)).replace(
            "$__rate_interval", WINDOW
        )
        for query in found
    ]


def names(text: str) -> set[str]:
    """Return the metrics that are named, each as the family that it belongs to."""
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b(?:fraudline|process)_\w+", text)}


@pytest_asyncio.fixture
async def watched(
    system: System,
    database: asyncpg.Connection[asyncpg.Record],
    prometheus_programs: PrometheusPrograms,
    tmp_path: Path,
) -> AsyncIterator[Watched]:
    """The whole system with a standby, under load, and a Prometheus over it."""
    analyst_key = await create_key(database, name="anna", role=Role.ANALYST)
    await system.start(scorers=2, explainers=1, alerts=1)
    watched = Watched.start(system, prometheus_programs, tmp_path / "prometheus", analyst_key)
    load = asyncio.create_task(watched.load(), name="load")
    yield watched
    load.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await load
    watched.server.stop()


async def test_every_query_of_the_dashboard_has_an_answer_under_load_and_nothing_is_alarmed(watched: Watched) -> None:
    # Given a system under load, all of which is scraped by the configuration as it is shipped.
    prometheus = watched.prometheus
    await eventually(lambda: set(prometheus.targets().values()), until=lambda health: health == {"up"})
    assert len(prometheus.targets()) == 5

    # When it has run for as long as the queries look back, then each has at least one number.
    await eventually(
        lambda: [query for query in queries() if not prometheus.numbers(query)],
        until=lambda unanswered: not unanswered,
        within=60,
    )

    # Every name is one that a service has: a slip would be a line at 0 for ever, or an alert that never comes.
    services = [watched.system.ingest, *watched.system.scorers, *watched.system.explainers, *watched.system.alerts]
    known = {
        name
        for service in services
        for name in re.findall(
            r"^# HELP (\S+)", httpx2.get(f"http://127.0.0.1:{service.admin_port}/metrics").text, re.MULTILINE
        )
    }
    assert names(RULES) | names(json.dumps(DASHBOARD)) <= known
    # What we do not bring about has the form that the rules ask for: a status is a number of three digits.
    assert prometheus.numbers('fraudline_http_requests_total{status=~"2.."}')
    # The rules were evaluated, and only what we sent ourselves is told: conflicts are dead letters.
    rules = prometheus.page("/api/v1/rules").json()["data"]["groups"][0]["rules"]
    assert {rule["health"] for rule in rules} == {"ok"}
    assert {rule["name"] for rule in rules if rule["state"] != "inactive"} <= {"FraudlineDeadLetters"}
    # And each page is where its alert says.
    pages = {rule["name"]: prometheus.page(f"/user/{rule['name']}.md") for rule in rules}
    assert {name: page.text.splitlines()[0] for name, page in pages.items()} == {name: f"# {name}" for name in pages}


def test_the_dashboard_asks_the_data_source_that_is_provisioned() -> None:
    provisioned = (DEPLOY / "grafana" / "provisioning" / "datasources" / "fraudline.yml").read_text()
    asked = {
        part["datasource"]["uid"]
        for panel in DASHBOARD["panels"]
        for part in [panel, *panel.get("targets", [])]
        if "datasource" in part
    }

    assert asked == {"fraudline"}
    assert "uid: fraudline\n" in provisioned


def test_the_dashboards_panels_explain_themselves_and_do_not_overlap() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for cell in (
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        ):
            assert cell not in taken, f"{panel['title']} covers {taken[cell]}"
            taken[cell] = panel["title"]
        if panel["type"] != "row":
            assert panel["description"].endswith(".")
            assert panel["fieldConfig"]["defaults"]["unit"]
            assert all(target["legendFormat"] for target in panel["targets"])
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))


def test_a_configuration_that_prometheus_refuses_is_told_with_its_own_words(
    prometheus_programs: PrometheusPrograms, tmp_path: Path
) -> None:
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text("scrape_configs: nonsense\n")
    server = Prometheus(tmp_path / "server", programs=prometheus_programs, configuration=configuration)

    with pytest.raises(ServerDidNotStartError, match=r"(?s)ended at its start.*nonsense"):
        server.start()

    assert not server.is_running
