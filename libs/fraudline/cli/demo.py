"""What `up --demo` adds: a child that posts simulated payments, and a line of counts now and then."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from fraudline.cli.supervisor import ServiceProcess

RATE_PER_SECOND = 20
# Few enough for a card to be seen again, many enough for none to pay at an odd pace; and the habits of those whose
# cards are stolen, so that an alert has something to tell.
CUSTOMERS = 60_000
HISTORY_DAYS = 14
COUNT_EVERY_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.2
REQUEST_SECONDS = 2.0

Tell = Callable[[str], None]


def demo_process(folder: Path, environment: Mapping[str, str], *, url: str, api_key: str) -> ServiceProcess:
    """Return the process that posts simulated payments to ingest."""
    return ServiceProcess(
        "demo",
        [
            *(sys.executable, "-m", "fraudline.cli.main", "simulate", "--rate", str(RATE_PER_SECOND)),
            *("--customers", str(CUSTOMERS), "--history", str(HISTORY_DAYS)),
        ],
        environment=dict(environment) | {"FRAUDLINE_URL": url, "FRAUDLINE_API_KEY": api_key},
        folder=folder,
    )


class Growth:
    """How far a counter of another process has grown since this began; one that starts anew does not take back."""

    def __init__(self) -> None:
        self.total = 0.0
        self._last = 0.0

    def see(self, value: float) -> None:
        """Take in what the counter shows now."""
        self.total += value - self._last if value >= self._last else value
        self._last = value


class DemoCounts:
    """Accepted, scored, flagged since the services were started, and alerts that wait, from the services' metrics."""

    def __init__(self, admin_urls: Mapping[str, str]) -> None:
        self.accepted, self.scored, self.flagged = Growth(), Growth(), Growth()
        self.open_alerts = 0.0
        self._urls = {name: f"{url}/metrics" for name, url in admin_urls.items()}

    async def tell(self, tell: Tell, *, started: float) -> None:
        """Tell of the first verdict, and then of all of them every ten seconds, for ever."""
        said_at, has_first = time.monotonic(), False
        async with httpx2.AsyncClient(timeout=REQUEST_SECONDS, trust_env=False) as http:
            while True:
                # A service that is away is told of by who keeps it; its counts stay as they were until it is back.
                with contextlib.suppress(httpx2.HTTPError, ValueError):
                    await self._look(http)
                if self.scored.total and not has_first:
                    has_first = True
                    tell(f"the first verdict is stored, {time.monotonic() - started:.1f} s after the start")
                if time.monotonic() - said_at >= COUNT_EVERY_SECONDS:
                    said_at = time.monotonic()
                    tell(
                        f"since the start: {self.accepted.total:,.0f} accepted, {self.scored.total:,.0f} scored, "
                        f"{self.flagged.total:,.0f} flagged; {self.open_alerts:,.0f} alerts are open"
                    )
                await asyncio.sleep(COUNT_EVERY_SECONDS / 10 if has_first else LOOK_EVERY_SECONDS)

    async def _look(self, http: httpx2.AsyncClient) -> None:
        ingest, scorer = await self._metrics(http, "ingest"), await self._metrics(http, "scorer")
        self.accepted.see(_sum(ingest, "fraudline_events_accepted_total", lambda labels: labels["kind"] != "label"))
        self.scored.see(_sum(scorer, "fraudline_verdicts_total", lambda _: True))
        self.flagged.see(_sum(scorer, "fraudline_verdicts_total", lambda labels: labels["decision"] != "approve"))
        self.open_alerts = _sum(await self._metrics(http, "alerts"), "fraudline_alerts_open", lambda _: True)

    async def _metrics(self, http: httpx2.AsyncClient, service: str) -> str:
        return (await http.get(self._urls[service])).raise_for_status().text


def _sum(text: str, name: str, counts: Callable[[Mapping[str, str]], bool]) -> float:
    """Return the sum of a metric over the labels that count."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and counts(sample.labels)
    )
