"""Replaying: the file's order and pace, labels when they fall due, nothing after them before they are applied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudline.cli.client import BatchResult, Client, Rejection
from fraudline.cli.pace import AsFileTold, Steady, Unpaced
from fraudline.cli.replaying import MAX_BATCH, Replaying, due_labels
from fraudline.kernel.events import LABEL, TRANSACTION
from fraudline.models.histories.history import History
from fraudline.models.histories.point_in_time import point_in_time
from fraudline.models.starter_rates import starter_rates

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_history(*, hours: Sequence[float], frauds: Sequence[int] = ()) -> History:
    """Transactions so many hours after noon of the first of January, of which some are fraud."""
    frame = pl.DataFrame(
        {
            "transaction_id": [f"t-{row}" for row in range(len(hours))],
            "occurred_at": pl.Series(
                [NOON + timedelta(hours=hour) for hour in hours], dtype=pl.Datetime("us", time_zone="UTC")
            ),
            "amount": ["1.00"] * len(hours),
            "currency": ["EUR"] * len(hours),
            "card_id": ["card-1"] * len(hours),
            "merchant_id": ["merchant-1"] * len(hours),
            "fraud": pl.Series([int(row in frauds) for row in range(len(hours))], dtype=pl.Int8),
        }
    )
    return History(frame)


@dataclass
class Ingest:
    """Takes what it is given and scores it after so many looks; keeps what happened in order."""

    looks_before_verdict: int = 2
    looks_before_label: int = 2
    refuses: frozenset[str] = frozenset()
    happened: list[str] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)
    labels: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    async def post_batch(self, rows: Sequence[Mapping[str, Any]]) -> BatchResult:
        self.happened.append(f"batch of {len(rows)}: {rows[0]['transaction_id']}")
        rejected = [
            Rejection(index, row["transaction_id"], "amount is bad")
            for index, row in enumerate(rows)
            if row["transaction_id"] in self.refuses
        ]
        return BatchResult(len(rows) - len(rejected), rejected)

    async def post_label(self, label: dict[str, str]) -> None:
        self.happened.append(f"label {label['transaction_id']} at {label['reported_at'][:10]}")
        self.labels.setdefault(label["transaction_id"], []).append(label)

    async def get(self, transaction_id: str) -> dict[str, Any] | None:
        looks = self.looks[transaction_id] = self.looks.get(transaction_id, 0) + 1
        if looks <= self.looks_before_verdict:
            return None
        labels = self.labels.get(transaction_id, []) if looks > self.looks_before_label else []
        if not self.happened[-1].startswith("seen"):
            self.happened.append(f"seen {transaction_id}")
        return {"transaction_id": transaction_id, "labels": labels}


def a_replay(ingest: Ingest, history: History, **options: Any) -> Replaying:
    return Replaying(cast("Client", ingest), history, **{"pace": Unpaced(), "verdict_seconds": 0.2} | options)


async def test_rows_are_posted_in_order_in_batches_and_the_last_verdict_is_waited_for() -> None:
    ingest = Ingest()
    replayed = await a_replay(ingest, a_history(hours=[0.001 * n for n in range(MAX_BATCH + 3)])).run()
    assert ingest.happened == [f"batch of {MAX_BATCH}: t-0", f"batch of 3: t-{MAX_BATCH}", f"seen t-{MAX_BATCH + 2}"]
    assert (replayed.posted, replayed.accepted, replayed.rejected) == (MAX_BATCH + 3, MAX_BATCH + 3, 0)
    assert replayed.overdue == []


async def test_labels_are_posted_at_midnight_with_all_before_them_scored_and_themselves_applied() -> None:
    ingest = Ingest(looks_before_label=5)
    history = a_history(hours=[0, 1, 30, 40, 60], frauds=[0, 1, 3])
    replayed = await a_replay(ingest, history, label_delay=timedelta(days=1)).run()
    assert ingest.happened == [
        "batch of 3: t-0",
        "seen t-2",
        "label t-0 at 2026-01-03",
        "label t-1 at 2026-01-03",
        "seen t-1",
        "batch of 2: t-3",
        "seen t-4",
    ]
    assert replayed.labels == 2


def test_a_label_falls_due_at_the_first_midnight_after_its_delay_and_never_after_the_files_end() -> None:
    history = a_history(hours=[-12, 0, 11.9, 12, 100], frauds=[0, 1, 2, 3, 4])
    due = list(due_labels(history, timedelta(0)))
    assert [(d.index, d.reported_at, d.transaction_ids) for d in due] == [
        (1, "2026-01-01T00:00:00.000000Z", ["t-0"]),
        (3, "2026-01-02T00:00:00.000000Z", ["t-1", "t-2"]),
        (4, "2026-01-02T00:00:00.000000Z", ["t-3"]),
    ]


async def test_a_fraud_at_the_very_midnight_of_its_label_is_posted_first() -> None:
    ingest = Ingest()
    replayed = await a_replay(ingest, a_history(hours=[-12, -12, 0], frauds=[1]), label_delay=timedelta(0)).run()
    assert [line for line in ingest.happened if not line.startswith("seen")] == [
        "batch of 2: t-0",
        "label t-1 at 2026-01-01",
        "batch of 1: t-2",
    ]
    assert replayed.overdue == []


@given(
    rows=st.lists(st.tuples(st.sampled_from([0, 1, 12, 24, 30, 36, 60, 84, 85]), st.booleans()), min_size=1),
    delay_hours=st.sampled_from([0, 1, 12, 24, 30]),
)
def test_labels_stand_where_training_sees_them(rows: list[tuple[int, bool]], delay_hours: int) -> None:
    rows.sort()
    history = a_history(
        hours=[hour for hour, _ in rows], frauds=[at for at, (_, is_fraud) in enumerate(rows) if is_fraud]
    )
    delay = timedelta(hours=delay_hours)
    order, start = [], 0
    for due in due_labels(history, delay):
        order += [TRANSACTION] * (due.index - start) + [LABEL] * len(due.transaction_ids)
        start = due.index
    order += [TRANSACTION] * (len(history) - start)
    assert order == point_in_time(history, starter_rates(), delay).kind.tolist()


async def test_a_rejected_fraud_gets_no_label_and_is_told_with_its_reason() -> None:
    ingest = Ingest(refuses=frozenset({"t-0"}))
    replayed = await a_replay(ingest, a_history(hours=[0, 1, 60], frauds=[0]), label_delay=timedelta(days=1)).run()
    assert not any(line.startswith("label") for line in ingest.happened)
    assert (replayed.rejected, replayed.first_rejections[0].reason) == (1, "amount is bad")


async def test_a_verdict_that_does_not_come_in_time_is_told_and_nothing_is_posted_past_it() -> None:
    ingest = Ingest(looks_before_verdict=10**9)
    replayed = await a_replay(ingest, a_history(hours=[0, 1, 60], frauds=[0]), label_delay=timedelta(days=1)).run()
    assert replayed.overdue == ["t-1"]
    assert ingest.happened == ["batch of 2: t-0"]


async def test_a_label_that_is_not_applied_in_time_is_told() -> None:
    ingest = Ingest(looks_before_label=10**9)
    replayed = await a_replay(ingest, a_history(hours=[0, 60], frauds=[0]), label_delay=timedelta(days=1)).run()
    assert replayed.overdue == ["t-0"]


def test_a_steady_pace_lets_the_first_leave_at_once_and_then_so_many_a_second() -> None:
    pace = Steady(10)
    assert [pace.due(seconds) for seconds in (0, 0.05, 0.1, 1.0)] == [1, 1, 2, 11]
    assert pace.seconds_until(25) == pytest.approx(2.5)


def test_the_files_own_pace_is_kept_so_many_times_faster() -> None:
    hour = 3_600_000_000
    pace = AsFileTold(np.array([hour, 2 * hour, 2 * hour, 4 * hour]), speed=3600)
    assert [pace.seconds_until(index) for index in range(4)] == [0, 1, 1, 3]
    assert [pace.due(seconds) for seconds in (0, 0.99, 1, 2.9, 3)] == [1, 1, 3, 3, 4]


async def test_a_paced_replay_takes_its_time() -> None:
    ingest = Ingest(looks_before_verdict=0)
    replayed = await a_replay(ingest, a_history(hours=[0, 1, 2]), pace=Steady(20)).run()
    assert len([line for line in ingest.happened if line.startswith("batch of 1")]) == 3
    assert replayed.posting_seconds >= 0.1
