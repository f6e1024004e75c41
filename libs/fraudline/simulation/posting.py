"""Posting simulated payments as they take place, and the outcome of the fraudulent ones a little later."""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, TypeVar

import polars as pl

from fraudline.domain.label import LabelSource, LabelValue
from fraudline.domain.transaction import rfc3339
from fraudline.errors import DependencyAway
from fraudline.simulation.simulation import LiveStream

MAX_BATCH = 500
MAX_LABELS_WAITING = 10_000
TICK_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0

Answer = TypeVar("Answer")


class Rejected(Protocol):
    """A transaction that ingest refused."""

    @property
    def index(self) -> int:
        """Its place in the batch."""


class BatchAnswer(Protocol):
    """What ingest said to a batch."""

    @property
    def accepted(self) -> int:
        """How many it took."""

    @property
    def rejected(self) -> Sequence[Rejected]:
        """What it refused, with the reasons."""


class Receiver(Protocol):
    """Who takes transactions and labels: ingest's client."""

    async def post_batch(self, transactions: list[dict[str, Any]], /) -> BatchAnswer:
        """Post transactions; raise `DependencyAway` where that may work later."""

    async def post_label(self, label: dict[str, Any], /) -> object:
        """Post a label; raise `DependencyAway` where that may work later."""


@dataclass(slots=True)
class Posted:
    """What was posted so far. `outages` counts the times that ingest was away and the post was made again."""

    accepted: int = 0
    rejected: int = 0
    frauds: int = 0
    labels: int = 0
    outages: int = 0
    first_rejection: Rejected | None = None


class LivePosting:
    """Payments at a steady rate, each posted as it takes place; each fraud's label `label_delay_seconds` later.

    What is posted again after an outage has the same ids: ingest takes it once. Payments that fell due meanwhile are
    not made up for, so that an outage is not followed by a flood.
    """

    def __init__(
        self,
        receiver: Receiver,
        stream: LiveStream,
        *,
        as_posts: Callable[[pl.DataFrame], list[dict[str, Any]]],
        rate_per_second: float,
        label_delay_seconds: float,
    ) -> None:
        self.posted = Posted()
        self._receiver = receiver
        self._stream = stream
        self._as_posts = as_posts
        self._rate_per_second = rate_per_second
        self._label_delay_seconds = label_delay_seconds
        self._labels: deque[tuple[float, str]] = deque(maxlen=MAX_LABELS_WAITING)
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Let `run` return after what is in hand."""
        self._stop.set()

    async def run(self, duration_seconds: float | None = None, tell: Callable[[Posted], None] | None = None) -> Posted:
        """Post until `duration_seconds` have passed or `stop` is called; return what was posted."""
        clock = asyncio.get_running_loop().time
        last = clock()
        end = last + (math.inf if duration_seconds is None else duration_seconds)
        owed = 0.0
        while not self._stop.is_set() and (now := clock()) < end:
            owed = min(owed + (now - last) * self._rate_per_second, float(MAX_BATCH))
            last = now
            if count := int(owed):
                owed -= count
                await self._post_payments(count, end)
            await self._post_labels(end)
            if tell is not None:
                tell(self.posted)
            await self._pause(TICK_SECONDS)
        return self.posted

    async def post_past(self, payments: pl.DataFrame) -> None:
        """Post payments that took place before, as fast as they are taken; a stop ends it between two batches.

        Their frauds are reported as soon as `run` begins.
        """
        for start in range(0, payments.height, MAX_BATCH):
            some = payments.slice(start, MAX_BATCH)
            rows = self._as_posts(some)
            answer = await self._until_taken(partial(self._receiver.post_batch, rows), math.inf)
            if answer is None or self._stop.is_set():
                return
            self.posted.accepted += answer.accepted
            frauds = some.filter(pl.col("fraud") == 1)["transaction_id"].to_list()
            self.posted.frauds += len(frauds)
            self._labels.extend((0.0, transaction_id) for transaction_id in frauds)

    async def _post_payments(self, count: int, end: float) -> None:
        payments = self._stream.draw(count, datetime.now(UTC))
        rows = self._as_posts(payments)
        answer = await self._until_taken(partial(self._receiver.post_batch, rows), end)
        if answer is None:
            return
        self.posted.accepted += answer.accepted
        self.posted.rejected += len(answer.rejected)
        if answer.rejected and self.posted.first_rejection is None:
            self.posted.first_rejection = answer.rejected[0]
        due = asyncio.get_running_loop().time() + self._label_delay_seconds
        refused = {rejected.index for rejected in answer.rejected}
        frauds = [
            row["transaction_id"]
            for index, (row, is_fraud) in enumerate(zip(rows, payments["fraud"], strict=True))
            if is_fraud and index not in refused
        ]
        self.posted.frauds += len(frauds)
        self._labels.extend((due, transaction_id) for transaction_id in frauds)

    async def _post_labels(self, end: float) -> None:
        now = asyncio.get_running_loop().time()
        while self._labels and self._labels[0][0] <= now and not self._stop.is_set():
            _, transaction_id = self._labels.popleft()
            label = {
                "transaction_id": transaction_id,
                "label": LabelValue.FRAUD.value,
                "source": LabelSource.CHARGEBACK.value,
                "reported_at": rfc3339(datetime.now(UTC)),
            }
            if await self._until_taken(partial(self._post_label, label), end) is None:
                return
            self.posted.labels += 1

    async def _post_label(self, label: dict[str, Any]) -> bool:
        await self._receiver.post_label(label)
        return True

    async def _until_taken(self, post: Callable[[], Awaitable[Answer]], end: float) -> Answer | None:
        """Post again while ingest is away; return None where the end came first."""
        while True:
            try:
                return await post()
            except DependencyAway as away:
                self.posted.outages += 1
                await self._pause(min(float(away.retry_after_seconds), LONGEST_PAUSE_SECONDS))
            if self._stop.is_set() or asyncio.get_running_loop().time() >= end:
                return None

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
