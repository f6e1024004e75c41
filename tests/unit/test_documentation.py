"""The public surface is documented completely, and nothing else is: compared both ways."""

import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from typer.main import get_command

from fraudline.amqp.letters import DeadReason
from fraudline.amqp.topology import ALERTS_QUEUE, dead_queue, events_queue, reply_queue
from fraudline.cli.main import app
from fraudline.domain.partition import PARTITIONS
from fraudline.domain.reasons import REGISTRY
from fraudline.drain.graveyard import dead_letters_counter
from fraudline.postgres.migrations import migrations
from fraudline.service.log import LogEvent
from fraudline.service.settings import (
    AlertsSettings,
    ExplainerSettings,
    IngestSettings,
    ScorerSettings,
    variable_of,
)
from fraudline_alerts.api import build_api as build_alerts
from fraudline_alerts.metrics import AlertsMetrics
from fraudline_ingest.api import build_described_api as build_ingest
from fraudline_ingest.metrics import IngestMetrics
from fraudline_scorer.explainer.metrics import ExplainerMetrics
from fraudline_scorer.metrics import ScorerMetrics

ROOT = Path(__file__).parents[2]
# Read by commands alone.
COMMAND_VARIABLES = {"FRAUDLINE_URL", "FRAUDLINE_API_KEY", "FRAUDLINE_ALERTS_URL"}
# Made by every service's registry, and by the migrations themselves.
COMMON_METRICS = {"fraudline_build_info"}
OWN_TABLE = "migrations"


def first_column(document: str, heading: str) -> set[str]:
    section = (ROOT / document).read_text().split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    cells = re.findall(r"^\| (`.*?`) \| ", section, re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


def test_every_setting_is_in_the_readme() -> None:
    variables = {
        variable_of(settings, field)
        for settings in (AlertsSettings, ExplainerSettings, IngestSettings, ScorerSettings)
        for field in settings.model_fields
    }
    assert first_column("README.md", "Settings") == variables | COMMAND_VARIABLES


def test_every_command_is_in_the_readme() -> None:
    documented = {line.split()[1] for line in first_column("README.md", "The command")}
    assert documented == set(get_command(app).list_commands(None))  # type: ignore[attr-defined, arg-type] # it is a group


def test_every_metric_is_in_the_operations_guide() -> None:
    names = set()
    # A registry each: some metrics are several services'.
    for metrics in (ScorerMetrics, ExplainerMetrics, dead_letters_counter, IngestMetrics, AlertsMetrics):
        registry = CollectorRegistry()
        metrics(registry)
        names |= {
            f"{family.name}_total" if family.type == "counter" else family.name
            for family in registry.collect()
            if family.name.startswith("fraudline_")
        }
    assert first_column("docs/operations.md", "Metrics") == names | COMMON_METRICS


def test_every_table_is_in_the_operations_guide() -> None:
    sql = "\n".join(step.sql for step in migrations())
    tables = set(re.findall(r"create table fraudline\.(\w+) \(", sql))
    assert first_column("docs/operations.md", "PostgreSQL") == tables | {OWN_TABLE}


def test_every_log_event_is_in_the_operations_guide() -> None:
    assert first_column("docs/operations.md", "Logs") == {event.value for event in LogEvent}


def test_every_reason_for_a_dead_letter_is_in_the_operations_guide() -> None:
    assert first_column("docs/operations.md", "Dead letters") == {reason.value for reason in DeadReason}


def test_every_code_of_a_reason_is_in_the_operations_guide_with_what_it_is_about() -> None:
    assert first_column("docs/operations.md", "Reasons") == set(REGISTRY)
    guide = (ROOT / "docs/operations.md").read_text()
    assert [code for code, about in REGISTRY.items() if f"| `{code}` | {about} |" not in guide] == []


@pytest.mark.parametrize(
    ("heading", "api"),
    [
        ("The first transaction", lambda: build_ingest(MagicMock(), IngestMetrics(CollectorRegistry()))),
        ("Alerts", lambda: build_alerts(MagicMock(), MagicMock(), AlertsMetrics(CollectorRegistry()))),
    ],
)
def test_every_route_is_in_the_readme(heading: str, api: Callable[[], FastAPI]) -> None:
    paths = api().openapi()["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert first_column("README.md", heading) == routes


@pytest.mark.parametrize("partition", range(PARTITIONS))
def test_every_exchange_and_queue_is_in_the_operations_guide(partition: int) -> None:
    source = (ROOT / "libs/fraudline/amqp/topology.py").read_text()
    exchanges = set(re.findall(r': Final = "(fraudline\.\w+)"', source))
    own = {events_queue(partition), ALERTS_QUEUE}
    queues = own | {dead_queue(queue) for queue in own}
    replies = reply_queue("<process>", 0).replace("0", "<number>")
    assert first_column("docs/operations.md", "RabbitMQ") == exchanges | queues | {replies}
