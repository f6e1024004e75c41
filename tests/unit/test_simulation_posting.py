"""Live posting: a steady rate, every fraud reported later, and nothing posted under a second id after an outage."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from fraudline.errors import DependencyAway
from fraudline.models.histories.history import History
from fraudline.simulation import Simulation
from fraudline.simulation.posting import MAX_BATCH, LivePosting, Posted


@dataclass(frozen=True)
class Rejection:
    index: int


@dataclass(frozen=True)
class Answer:
    accepted: int
    rejected: list[Rejection]


@dataclass
class Ingest:
    """An ingest of lists: it takes everything, but is away for the first `away_for` calls."""

    away_for: int = 0
    rejects: int = 0
    calls: list[list[str]] = field(default_factory=list)
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    labels: list[dict[str, Any]] = field(default_factory=list)
    wire: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def post_batch(self, transactions: list[dict[str, Any]]) -> Answer:
        async with self.wire:
            self.calls.append([row["transaction_id"] for row in transactions])
        if len(self.calls) <= self.away_for:
            raise DependencyAway("ingest", "it is restarting", retry_after_seconds=0)
        self.taken.update({row["transaction_id"]: row for row in transactions})
        return Answer(len(transactions) - self.rejects, [Rejection(index) for index in range(self.rejects)])

    async def post_label(self, label: dict[str, Any]) -> None:
        async with self.wire:
            self.labels.append(label)


def posting_to(ingest: Ingest, rate_per_second: float = 400, label_delay_seconds: float = 0.1) -> LivePosting:
    return LivePosting(
        ingest,
        Simulation(1, 20_000, 20_000).live("run"),
        as_posts=lambda frame: History(frame).rows(),
        rate_per_second=rate_per_second,
        label_delay_seconds=label_delay_seconds,
    )


async def test_payments_are_posted_at_the_rate_as_they_take_place() -> None:
    ingest, begin = Ingest(), datetime.now(UTC)

    posted = await posting_to(ingest).run(duration_seconds=1.0)

    times = [datetime.fromisoformat(row["occurred_at"]) for row in ingest.taken.values()]
    assert posted.accepted == len(ingest.taken)
    assert 100 <= posted.accepted <= 400
    assert begin <= min(times) <= max(times) <= datetime.now(UTC)


async def test_every_fraud_is_reported_after_the_delay() -> None:
    ingest = Ingest()

    posted = await posting_to(ingest, rate_per_second=2000).run(duration_seconds=1.5)

    assert 0 < posted.labels <= posted.frauds
    for label in ingest.labels:
        paid = datetime.fromisoformat(ingest.taken[label["transaction_id"]]["occurred_at"])
        assert (datetime.fromisoformat(label["reported_at"]) - paid).total_seconds() >= 0.1
        assert (label["label"], label["source"]) == ("fraud", "chargeback")


async def test_after_an_outage_the_same_payments_are_posted_again() -> None:
    ingest = Ingest(away_for=3)

    posted = await posting_to(ingest).run(duration_seconds=0.5)

    assert ingest.calls[0] == ingest.calls[1] == ingest.calls[2] == ingest.calls[3]
    assert posted.outages == 3
    assert posted.accepted == len(ingest.taken)


async def test_an_ingest_that_stays_away_does_not_keep_it_from_ending() -> None:
    ingest = Ingest(away_for=1_000_000)

    async with asyncio.timeout(10):
        posted = await posting_to(ingest).run(duration_seconds=0.3)

    assert posted.accepted == 0
    assert posted.outages > 0


async def test_what_was_refused_is_counted_and_the_first_kept() -> None:
    posted = await posting_to(Ingest(rejects=1)).run(duration_seconds=0.3)

    assert posted.rejected > 0
    assert posted.first_rejection == Rejection(0)


async def test_a_refused_fraud_is_not_reported() -> None:
    ingest = Ingest(rejects=MAX_BATCH)

    posted = await posting_to(ingest, rate_per_second=5000).run(duration_seconds=0.5)

    assert ingest.taken
    assert (posted.frauds, ingest.labels) == (0, [])


async def test_a_batch_is_bounded_however_long_the_pause_was() -> None:
    ingest = Ingest()

    await posting_to(ingest, rate_per_second=1_000_000).run(duration_seconds=0.3)

    assert max(map(len, ingest.calls)) == MAX_BATCH


async def test_it_stops_when_it_is_told() -> None:
    ingest = Ingest()
    posting = posting_to(ingest)

    def stop_after_some(posted: Posted) -> None:
        if posted.accepted > 50:
            posting.stop()

    async with asyncio.timeout(10):
        posted = await posting.run(tell=stop_after_some)

    assert posted.accepted > 50


async def test_an_error_of_another_kind_ends_it() -> None:
    class Broken(Ingest):
        async def post_batch(self, transactions: list[dict[str, Any]]) -> Answer:
            raise PermissionError(len(transactions))

    with pytest.raises(PermissionError):
        await posting_to(Broken()).run(duration_seconds=1.0)


async def test_the_past_is_posted_whole_and_in_bounded_batches_whatever_goes_away_meanwhile() -> None:
    ingest = Ingest(away_for=1)
    posting = posting_to(ingest)
    past = Simulation(1, 20_000, 20_000).live("run").past(datetime.now(UTC), 14)
    assert past.height > MAX_BATCH

    await posting.post_past(past)

    assert list(ingest.taken) == past["transaction_id"].to_list()
    assert max(map(len, ingest.calls)) <= MAX_BATCH
    assert posting.posted.accepted == past.height
    assert posting.posted.outages == 1
    frauds = past.filter(pl.col("fraud") == 1)["transaction_id"].to_list()
    assert frauds
    await posting.run(0.3)
    assert [label["transaction_id"] for label in ingest.labels][: len(frauds)] == frauds
