"""The compose file agrees with the schema, with the code that it runs, and with what it promises about safety."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from deploy.compose import (
    COMPOSE,
    DEPLOY,
    DOCUMENT,
    ONE_SHOT,
    OURS,
    SERVICES,
    environment_of,
    filled,
    is_guarded,
    seconds,
    variables,
)
from deploy.containerfile import is_exact
from fraudline.local.rabbitmq_node import bounds
from fraudline.service.settings import (
    AlertsSettings,
    ExplainerSettings,
    IngestSettings,
    ScorerSettings,
    ServiceSettings,
    load,
    variable_of,
)

SETTINGS: dict[str, type[ServiceSettings]] = {
    "ingest": IngestSettings,
    "scorer-1": ScorerSettings,
    "scorer-2": ScorerSettings,
    "explainer": ExplainerSettings,
    "alerts": AlertsSettings,
}
# Read by the command `fraudline` inside the container.
OF_COMMANDS = {"FRAUDLINE_ALERTS_URL"}
# Twice what was measured with broker and database away.
LONGEST_STOP_SECONDS = 2 * 13.5
SECRETS = dict.fromkeys(
    ("FRAUDLINE_DATABASE_PASSWORD", "FRAUDLINE_BROKER_PASSWORD", "FRAUDLINE_GRAFANA_PASSWORD"), "0" * 48
)
EVERYWHERE = "0.0.0.0"  # noqa: S104 - inside a container, where the network is the compose file's


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Read a service's settings from the environment that its container has."""

    def read(service: str) -> Any:
        for name, value in (environment_of(service, SECRETS) | {"FRAUDLINE_STATE_DIR": "/state"}).items():
            monkeypatch.setenv(name, value)
        return load(SETTINGS[service])

    return read


def test_the_file_is_valid_by_the_compose_specification() -> None:
    checker = Path(sys.executable).with_name("check-jsonschema")

    checked = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", COMPOSE], check=False, capture_output=True, text=True
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("service", SETTINGS)
def test_every_setting_is_one_that_the_service_reads_and_makes_it_start(service: str, settings_of: Any) -> None:
    told = {name for name in environment_of(service, SECRETS) if name.startswith("FRAUDLINE_")}
    read = {variable_of(SETTINGS[service], field) for field in SETTINGS[service].model_fields}

    assert told - OF_COMMANDS <= read
    settings = settings_of(service)
    assert settings.admin_host == EVERYWHERE
    # A service with a port of its own is reached from the network too.
    assert getattr(settings, "host", EVERYWHERE) == EVERYWHERE


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_runs_a_module_that_there_is_and_is_asked_whether_it_is_ready(service: str, settings_of: Any) -> None:
    command = SERVICES[service]["command"]
    settings = settings_of(service)

    assert command[:2] == ["python", "-m"]
    assert importlib.util.find_spec(f"{command[2]}.__main__") or importlib.util.find_spec(command[2])
    assert f"http://127.0.0.1:{settings.admin_port}/readyz" in SERVICES[service]["healthcheck"]["test"][-1]
    for published in SERVICES[service].get("ports", []):
        assert published == f"127.0.0.1:{settings.port}:{settings.port}"


def test_what_prometheus_scrapes_and_the_status_page_shows_are_the_admin_ports_of_all_processes(
    settings_of: Any,
) -> None:
    scraped: dict[str, Any] = YAML(typ="safe").load(DEPLOY / "prometheus" / "prometheus.yml")
    targets = {
        target for job in scraped["scrape_configs"] for places in job["static_configs"] for target in places["targets"]
    }
    processes = {f"{service}:{settings_of(service).admin_port}" for service in SETTINGS}

    assert targets == processes | {"rabbitmq:15692"}
    assert set(settings_of("alerts").status_urls.split()) == {f"http://{process}" for process in processes}


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_can_do_no_more_than_its_work(service: str) -> None:
    container = SERVICES[service]

    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert container["ulimits"] == {"core": 0}
    assert not {"privileged", "cap_add", "network_mode", "pid", "devices"} & set(container)
    assert container["mem_limit"]
    assert container["pids_limit"] > 0
    assert set(container["logging"]["options"]) == {"max-size", "max-file"}
    # What lies on the machine is never written.
    assert all(volume.endswith(":ro") for volume in container.get("volumes", []) if volume.startswith((".", "/")))


def test_only_loopback_is_published_and_servers_are_on_a_network_without_a_way_out() -> None:
    published = [port for container in SERVICES.values() for port in container.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert DOCUMENT["networks"]["inside"] == {"internal": True}
    for service, container in SERVICES.items():
        assert container["networks"] == (["inside", "outside"] if "ports" in container else ["inside"]), service


def test_no_password_is_built_in_and_each_is_asked_for_by_a_sentence() -> None:
    text = COMPOSE.read_text()
    needed = {name for name, other in variables(text).items() if other is None}

    assert is_guarded(text)
    assert needed == set(SECRETS)
    assert re.findall(r"(?:PASS|PASSWORD|SECRET|TOKEN): (?!\$\{\w+:\?)", text) == []
    assert re.findall(r"://[^/@\s]*:(?!\$\{\w+:\?)[^/@\s]+@", text) == []


def test_the_readme_makes_every_secret_that_is_needed() -> None:
    readme = (DEPLOY / "README.md").read_text()

    assert set(re.findall(r"^(\w+)=\$\(openssl rand -hex 24\)$", readme, re.MULTILINE)) == set(SECRETS)
    assert ".env" in (DEPLOY / ".gitignore").read_text().split()


def test_every_service_that_the_readme_and_the_runbooks_name_is_there() -> None:
    pages = [DEPLOY / "README.md", *(DEPLOY / "runbooks").iterdir()]
    verbs = r"docker compose (?:exec|logs --tail 50|restart|ps|run --rm(?: --volume \S+)?) ([a-z][\w-]*)"
    named = {name for page in pages for name in re.findall(verbs, page.read_text())}

    assert named >= {"alerts", "rabbitmq", "postgres", "starter-model", "migrate"}
    assert named <= set(SERVICES)


@pytest.mark.parametrize("service", SERVICES.keys() - ONE_SHOT)
def test_what_runs_on_is_watched_started_again_and_given_the_time_to_stop(service: str) -> None:
    container = SERVICES[service]

    assert container["restart"] == "unless-stopped"
    assert container["healthcheck"]["test"][0] == "CMD"
    assert seconds(container["healthcheck"]["timeout"]) <= seconds(container["healthcheck"]["interval"]) * 2
    if service in OURS:
        assert seconds(container["stop_grace_period"]) > LONGEST_STOP_SECONDS


def test_services_start_after_what_they_need() -> None:
    def waits_for(service: str) -> dict[str, str]:
        return {name: waited["condition"] for name, waited in SERVICES[service]["depends_on"].items()}

    assert waits_for("migrate") == {"postgres": "service_healthy"}
    for service in SETTINGS:
        needs_model = "FRAUDLINE_MODEL" in SERVICES[service]["environment"]
        model = {"starter-model": "service_completed_successfully"} if needs_model else {}
        assert (
            waits_for(service)
            == {
                "rabbitmq": "service_healthy",
                "migrate": "service_completed_successfully",
            }
            | model
        )


def test_scorers_and_explainer_read_the_model_that_the_starter_makes() -> None:
    trained = SERVICES["starter-model"]
    readers = [name for name in SETTINGS if "FRAUDLINE_MODEL" in SERVICES[name]["environment"]]

    assert readers == ["scorer-1", "scorer-2", "explainer"]
    assert trained["volumes"] == ["models:/models"]
    assert trained["command"][-1] == "/models"
    for reader in readers:
        assert "models:/models:ro" in SERVICES[reader]["volumes"]
        assert environment_of(reader, SECRETS)["FRAUDLINE_MODEL"] == "/models/current"
    # Two scorers, one folder: what took one of them down is known to the other.
    assert SERVICES["scorer-1"] == SERVICES["scorer-2"]
    assert "scorer-state:/state" in SERVICES["scorer-1"]["volumes"]


def test_every_folder_and_volume_that_is_named_is_there() -> None:
    mounted = [volume.split(":")[0] for container in SERVICES.values() for volume in container.get("volumes", [])]
    places = [place for place in mounted if place.startswith(".")]

    assert {place for place in mounted if place not in places} == set(DOCUMENT["volumes"])
    assert all((DEPLOY / place).exists() for place in places)
    build = SERVICES["ingest"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).exists()


def test_every_image_of_others_is_exact_and_the_broker_is_bounded_as_one_of_ours() -> None:
    assert all(is_exact(SERVICES[service]["image"]) for service in SERVICES.keys() - OURS)
    assert {filled(SERVICES[service]["image"], {}) for service in OURS} == {"fraudline:0.1.0"}
    configured = (DEPLOY / "rabbitmq" / "fraudline.conf").read_text().splitlines()
    assert [line for line in configured if not line.startswith("#")] == bounds(management=False)


def test_prometheus_serves_the_pages_that_the_rules_lead_to() -> None:
    command = SERVICES["prometheus"]["command"]
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["prometheus"]["volumes"])

    assert mounted["./runbooks"] == "/runbooks"
    assert mounted["./prometheus"] == "/etc/prometheus"
    assert "--web.user-assets=/runbooks" in command
    assert "--config.file=/etc/prometheus/prometheus.yml" in command
    (port,) = SERVICES["prometheus"]["ports"]
    assert f"--web.external-url=http://{port.rsplit(':', 1)[0]}" in command


def test_grafana_finds_its_data_source_and_the_dashboards() -> None:
    mounted = dict(volume.split(":")[:2] for volume in SERVICES["grafana"]["volumes"])
    provisioning = DEPLOY / "grafana" / "provisioning"
    source: dict[str, Any] = YAML(typ="safe").load(provisioning / "datasources" / "fraudline.yml")
    dashboards: dict[str, Any] = YAML(typ="safe").load(provisioning / "dashboards" / "fraudline.yml")

    assert mounted["./grafana/provisioning"] == "/etc/grafana/provisioning"
    assert dashboards["providers"][0]["options"]["path"] == mounted["./grafana/dashboards"]
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
