"""Prometheus for the tests: its programs, installed where they are missing, and servers over a test's own folder."""

import math
from typing import Any

import httpx2
import pytest

from fraudline.local.prometheus import PrometheusPrograms, bring_prometheus

REQUEST_SECONDS = 10.0


@pytest.fixture(scope="session")
def prometheus_programs() -> PrometheusPrograms:
    """The server and promtool; a machine where they cannot be had fails the test."""
    return bring_prometheus()


class PrometheusView:
    """What a running server knows, by its HTTP interface."""

    def __init__(self, url: str) -> None:
        self.url = url

    def samples(self, expression: str) -> list[float]:
        """Return the values that an expression has now; a fault in it fails the test."""
        answer = httpx2.get(f"{self.url}/api/v1/query", params={"query": expression}, timeout=REQUEST_SECONDS)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return [float(series["value"][1]) for series in data["result"]]

    def numbers(self, expression: str) -> list[float]:
        """Return those of them that are numbers."""
        return [value for value in self.samples(expression) if not math.isnan(value)]

    def targets(self) -> dict[str, str]:
        """Return the health of everything that is scraped, by its address."""
        answer = httpx2.get(f"{self.url}/api/v1/targets", timeout=REQUEST_SECONDS).json()
        return {target["labels"]["instance"]: target["health"] for target in answer["data"]["activeTargets"]}

    def page(self, path: str) -> httpx2.Response:
        return httpx2.get(f"{self.url}{path}", timeout=REQUEST_SECONDS)
