"""The compose file as an engine would read it: anchors merged, variables put in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = DEPLOY / "compose.yaml"

DOCUMENT: dict[str, Any] = YAML(typ="safe").load(COMPOSE)
SERVICES: dict[str, dict[str, Any]] = DOCUMENT["services"]
OURS = {name for name, service in SERVICES.items() if str(service["image"]).startswith("fraudline:")}
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<how>[?-])(?P<other>[^}]*))?\}")


def variables(text: str) -> dict[str, str | None]:
    """Return every variable in a text with what stands in for it; None where it has to be given."""
    return {
        found["name"]: found["other"] if found["how"] == "-" else None
        for found in _VARIABLE.finditer(text)
        if found["how"] is not None
    }


def is_guarded(text: str) -> bool:
    """Whether each variable in a text has something to stand in for it, or a sentence that says that it is missing."""
    return all(found["how"] is not None and found["other"] for found in _VARIABLE.finditer(text))


def filled(text: str, given: Mapping[str, str]) -> str:
    """Put the variables in."""

    def value(found: re.Match[str]) -> str:
        return given.get(found["name"]) or (found["other"] if found["how"] == "-" else "")

    return _VARIABLE.sub(value, text)


def environment_of(service: str, given: Mapping[str, str]) -> dict[str, str]:
    """Return what the processes of a service are told."""
    return {name: filled(str(text), given) for name, text in SERVICES[service].get("environment", {}).items()}


def seconds(duration: str) -> float:
    """Return a duration as compose writes it."""
    units = {"s": 1, "m": 60, "h": 3600}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"(\d+)([smh])", duration))
