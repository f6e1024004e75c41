"""Calls ingest as a payment system does: patient while it is away or full, and always with the same ids again."""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx2

from fraudline.cli.running import IngestTarget, ingest_target
from fraudline.errors import DependencyAway, FraudlineError

REQUEST_SECONDS = 15.0
CONNECT_SECONDS = 3.0
PATIENCE_SECONDS = 60.0
MAX_CONNECTIONS = 16
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
MAX_SHOWN_FAULTS = 5

_NDJSON = {"content-type": "application/x-ndjson"}
_NOT_YET = b"not_found_or_not_yet_scored"
_RANDOM = secrets.SystemRandom()

Transaction = Mapping[str, Any]


class Refused(FraudlineError):  # noqa: N818 - told as one word: the call was refused
    """Ingest understood the call and said no; the same call will not do better. `status` is HTTP's."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True, slots=True)
class Rejection:
    """One transaction of a batch that was not taken: its place in the batch, its id, and why."""

    index: int
    transaction_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What became of a batch."""

    accepted: int
    rejected: list[Rejection]


class Client:
    """Posts to one ingest over connections that stay open.

    Args:
        target: Where ingest listens and a key with the role `ingest`; None takes FRAUDLINE_URL and FRAUDLINE_API_KEY,
            or what stands in for them in the system that `up` runs.
        patience_seconds: How long one call is tried again while ingest is away, full or limits us.
        max_in_flight: How many calls run at once at most; more wait for their turn.
    """

    def __init__(
        self,
        target: IngestTarget | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        max_in_flight: int = MAX_CONNECTIONS,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        target = target or ingest_target()
        self._url = target.url
        self._patience_seconds = patience_seconds
        self._turns = asyncio.Semaphore(max_in_flight)
        self._http = httpx2.AsyncClient(
            base_url=target.url,
            headers={"authorization": f"Bearer {target.api_key}"},
            timeout=httpx2.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=max_in_flight, max_keepalive_connections=max_in_flight),
            # A proxy of the environment is for the world outside.
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def post(self, transaction: Transaction) -> None:
        """Post one transaction; return when it is accepted.

        Raises:
            Refused: It is not valid, or the key is not.
            DependencyAway: Ingest was away or full for longer than our patience.
        """
        await self._post("/v1/transactions", _json(transaction), {"content-type": "application/json"})

    async def post_batch(self, transactions: Sequence[Transaction]) -> BatchResult:
        """Post up to 1,000 transactions; those that are not valid are in the result, the others are accepted.

        Raises:
            Refused: The batch as a whole, or the key, was refused.
            DependencyAway: Ingest was away or full for longer than our patience.
        """
        body = b"\n".join(_json(transaction) for transaction in transactions)
        answer = (await self._post("/v1/transactions/batch", body, _NDJSON)).json()
        rejected = [
            Rejection(entry["index"], entry.get("transaction_id"), _faults(entry.get("errors", ())))
            for entry in answer["rejected"]
        ]
        return BatchResult(answer["accepted"], rejected)

    async def post_label(self, label: Mapping[str, str]) -> None:
        """Post one label; return when it is accepted.

        Raises:
            Refused: It is not valid, or the key is not.
            DependencyAway: Ingest was away or full for longer than our patience.
        """
        await self._post("/v1/labels", _json(label), {"content-type": "application/json"})

    async def get(self, transaction_id: str) -> dict[str, Any] | None:
        """Return a transaction with its verdict; None where there is no verdict yet.

        Raises:
            Refused: The key is not valid.
            DependencyAway: Ingest was away or full for longer than our patience.
        """
        path = f"/v1/transactions/{quote(transaction_id, safe='')}"
        answer = await self._patiently(lambda: self._http.get(path))
        if answer.status_code == HTTPStatus.NOT_FOUND and _NOT_YET in answer.content:
            return None
        found: dict[str, Any] = _accepted(answer).json()
        return found

    async def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        return _accepted(await self._patiently(lambda: self._http.post(path, content=body, headers=headers)))

    async def _patiently(self, call: Callable[[], Awaitable[httpx2.Response]]) -> httpx2.Response:
        """Call until ingest has an answer of its own: it may be away, full, or ask us to slow down."""
        give_up_at = time.monotonic() + self._patience_seconds
        pause = FIRST_PAUSE_SECONDS
        async with self._turns:
            while True:
                try:
                    answer = await call()
                except httpx2.TransportError as error:
                    wanted, why = 0.0, type(error).__name__
                else:
                    if answer.status_code not in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
                        return answer
                    wanted, why = _retry_after(answer), _detail(answer)
                # Spread, so that those who were sent away together do not come back together.
                wait = max(wanted, pause) * _RANDOM.uniform(1.0, 1.3)
                if time.monotonic() + wait > give_up_at:
                    raise DependencyAway(f"ingest at {self._url}", why)
                await asyncio.sleep(wait)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def _accepted(answer: httpx2.Response) -> httpx2.Response:
    if answer.is_success:
        return answer
    reason = _detail(answer)
    if answer.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        reason = f"the API key was not accepted: {reason} Set FRAUDLINE_API_KEY to one with the role ingest."
    raise Refused(answer.status_code, reason)


def _retry_after(answer: httpx2.Response) -> float:
    told = answer.headers.get("retry-after", "")
    return min(float(told), LONGEST_PAUSE_SECONDS) if told.isascii() and told.isdigit() else 0.0


def _detail(answer: httpx2.Response) -> str:
    """Return what an answer that is none of a problem's form, or one that is, says in plain words."""
    try:
        problem = answer.json()
        detail = str(problem["detail"])
        faults = _faults(problem.get("errors", ()))
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the answer was {answer.status_code} {answer.reason_phrase}."
    return f"{detail} {faults}".strip()


def _faults(errors: Any) -> str:
    shown = [_fault(error) for error in list(errors)[:MAX_SHOWN_FAULTS]]
    more = len(errors) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more > 0 else "")


def _fault(error: Any) -> str:
    """Return one fault: the field and what is wrong with it; the whole document has no field."""
    if not isinstance(error, Mapping):
        return str(error)
    return f"{error.get('field') or ''} {error.get('message') or ''}".strip()
