"""The status board: every two seconds it asks all processes how they are, and keeps what five minutes said."""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx2
from pydantic import BaseModel, ValidationError

from fraudline.service.run import stopped_within
from fraudline_alerts.status.figures import Board, Sample, board_of
from fraudline_alerts.status.growth import added, quantile
from fraudline_alerts.status.process import Answer, Check, Process
from fraudline_alerts.status.reading import HISTOGRAMS, read

if TYPE_CHECKING:
    from collections.abc import Iterable

EVERY_SECONDS = 2.0
WITHIN_SECONDS = 1.5
KEPT_SAMPLES = 150
MAX_ANSWER_BYTES = 1 << 20
# One round brings too few payments for a quantile that says something: those of ten seconds are taken together.
QUANTILE_ROUNDS = 5
_TYPICAL, _SLOWEST = 0.5, 0.99


class _CheckAnswer(BaseModel):
    reason: str | None


class _ReadyzAnswer(BaseModel):
    checks: dict[str, _CheckAnswer]


class _NoAnswer(Exception):  # noqa: N818 - what happened, told as such
    """A process gave no answer that can be used; the text says why."""


@dataclass(frozen=True, slots=True)
class _Round:
    """One look at all processes."""

    sample: Sample
    buckets: dict[str, dict[float, float]]


class StatusBoard:
    """What flows, how fast, and how each process is, from the admin ports under `urls`."""

    def __init__(self, urls: tuple[str, ...]) -> None:
        self._processes = [Process(url.rstrip("/")) for url in urls]
        self._rounds: deque[_Round] = deque(maxlen=KEPT_SAMPLES)
        self._shown: Board | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Look every two seconds until `stop` is set; whatever a process says or does not say, this goes on."""
        async with new_client() as http:
            while not stop.is_set():
                began_at = time.monotonic()
                await self.look(http)
                await stopped_within(stop, max(0.0, EVERY_SECONDS - (time.monotonic() - began_at)))

    async def look(self, http: httpx2.AsyncClient, *, within_seconds: float = WITHIN_SECONDS) -> None:
        """Ask all processes once, at the same time, and note what they said."""
        await asyncio.gather(*(_ask(http, process, within_seconds) for process in self._processes))
        answering = [process for process in self._processes if process.health.state != "away"]
        buckets = {name: added(process.buckets().get(name, {}) for process in answering) for name in HISTOGRAMS}
        recent = [*self._rounds][-(QUANTILE_ROUNDS - 1) :]
        together = {name: added([*(earlier.buckets[name] for earlier in recent), buckets[name]]) for name in HISTOGRAMS}
        self._rounds.append(_Round(_sample(answering, together), buckets))
        self._shown = None

    def snapshot(self) -> Board:
        """Return what the page shows; the same object until the next look."""
        if self._shown is None:
            samples = [each.sample for each in self._rounds]
            self._shown = board_of(samples, [process.health for process in self._processes])
        return self._shown


def new_client() -> httpx2.AsyncClient:
    """Return a client that asks admin ports: no proxy, no compression, nothing that follows a redirect."""
    return httpx2.AsyncClient(
        timeout=WITHIN_SECONDS, trust_env=False, headers={"accept": "text/plain", "accept-encoding": "identity"}
    )


async def _ask(http: httpx2.AsyncClient, process: Process, within_seconds: float) -> None:
    try:
        async with asyncio.timeout(within_seconds):
            readyz, metrics = await asyncio.gather(
                _get(http, f"{process.url}/readyz", (200, 503)), _get(http, f"{process.url}/metrics", (200,))
            )
        answer = Answer(read(metrics.decode(), time.monotonic()), _checks(readyz))
    except (TimeoutError, httpx2.TimeoutException):
        process.note_away(f"it did not answer within {within_seconds:g} s", datetime.now(UTC))
    except (OSError, httpx2.HTTPError, httpx2.InvalidURL):
        process.note_away("nobody answers there", datetime.now(UTC))
    except _NoAnswer as reason:
        process.note_away(str(reason), datetime.now(UTC))
    except Exception:  # noqa: BLE001 - whatever stands at that address, it must not take this service down
        process.note_away("its answer cannot be read", datetime.now(UTC))
    else:
        process.note(answer)


async def _get(http: httpx2.AsyncClient, url: str, statuses: tuple[int, ...]) -> bytes:
    body = bytearray()
    async with http.stream("GET", url) as answer:
        if answer.status_code not in statuses:
            raise _NoAnswer(f"{answer.url.path} answers {answer.status_code}")
        async for piece in answer.aiter_raw():
            body += piece
            if len(body) > MAX_ANSWER_BYTES:
                raise _NoAnswer("its answer is larger than 1 MiB")
    return bytes(body)


def _checks(body: bytes) -> tuple[Check, ...]:
    try:
        answer = _ReadyzAnswer.model_validate_json(body)
    except ValidationError:
        raise _NoAnswer("its /readyz cannot be read") from None
    return tuple(Check(name, check.reason) for name, check in answer.checks.items())


def _sample(answering: list[Process], buckets: dict[str, dict[float, float]]) -> Sample:
    end_to_end = buckets["fraudline_end_to_end_seconds"]
    return Sample(
        at=datetime.now(UTC),
        accepted=_sum(
            process.rate("fraudline_events_accepted_total", where=lambda labels: labels.get("kind") == "transaction")
            for process in answering
        ),
        scored=_sum(process.rate("fraudline_verdicts_total") for process in answering),
        flagged=_sum(
            process.rate("fraudline_verdicts_total", where=lambda labels: labels.get("decision") != "approve")
            for process in answering
        ),
        latency_typical=quantile(_TYPICAL, end_to_end),
        latency_slowest=quantile(_SLOWEST, end_to_end),
        backlog_age=_highest(process.gauge("fraudline_backlog_age_seconds") for process in answering),
        alerts_open=_highest(process.gauge("fraudline_alerts_open") for process in answering),
        opened=_sum(process.rate("fraudline_alerts_opened_total") for process in answering),
        decided=_sum(process.rate("fraudline_dispositions_total") for process in answering),
        alert_delay=quantile(_SLOWEST, buckets["fraudline_alert_delay_seconds"]),
        reasons_delay=quantile(_SLOWEST, buckets["fraudline_explanation_delay_seconds"]),
    )


def _sum(rates: "Iterable[float | None]") -> float | None:
    known = [rate for rate in rates if rate is not None]
    return sum(known) if known else None


def _highest(values: "Iterable[float | None]") -> float | None:
    return max((value for value in values if value is not None), default=None)
