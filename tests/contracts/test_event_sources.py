"""What the kernel is fed, and what comes of it, is the same from a file, from the owner's batches and from the log."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fraudline.cli.replaying import due_labels
from fraudline.domain.event import encode_label, encode_transaction
from fraudline.domain.label import Label, LabelSource, LabelValue
from fraudline.domain.posted import PostedTransaction
from fraudline.kernel.events import Events
from fraudline.models.backtest import backtest
from fraudline.models.bundle import Bundle
from fraudline.models.histories.history import History
from fraudline.models.histories.point_in_time import point_in_time
from fraudline.state.audit import audit
from fraudline.state.log_chunks import log_chunks
from fraudline.state.partition_state import PartitionState
from model_builders import a_simulated_history
from system.line_alone import owning_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import asyncpg

LABEL_DELAY = timedelta(hours=6)
NOW = datetime(2026, 11, 24, tzinfo=UTC)
# Fewer than come: some are forgotten on the way, everywhere the same ones.
MAX_ENTITIES = 500


@pytest.fixture(scope="module")
def history() -> History:
    """Four days with every optional field, absent ones too, and with frauds of which some become known in between."""
    return a_simulated_history(days=4, customers=150, seed=2)


def lines_of(history: History) -> list[bytes]:
    """Return what a replay would bring into the log."""
    lines, start = [], 0
    for due in due_labels(history, LABEL_DELAY):
        lines += transaction_lines(history, start, due.index)
        lines += [label_line(transaction_id, due.reported_at) for transaction_id in due.transaction_ids]
        start = due.index
    return lines + list(transaction_lines(history, start, len(history)))


def transaction_lines(history: History, start: int, stop: int) -> Iterator[bytes]:
    for row in history.rows(start, stop):
        transaction = PostedTransaction.model_validate(row, strict=False).checked()
        yield encode_transaction(transaction, accepted_at=NOW, posted_by="shop")


def label_line(transaction_id: str, reported_at: str) -> bytes:
    label = Label(
        transaction_id=transaction_id,
        label=LabelValue.FRAUD,
        source=LabelSource.CHARGEBACK,
        reported_at=datetime.fromisoformat(reported_at),
    )
    return encode_label(label, accepted_at=NOW, posted_by="bank")


def assert_same(events: Events, expected: Events) -> None:
    for field in fields(Events):
        found, wanted = getattr(events, field.name), getattr(expected, field.name)
        np.testing.assert_array_equal(found, wanted, err_msg=field.name, strict=True)
        assert found.tobytes() == wanted.tobytes(), field.name


async def test_a_file_the_owner_and_the_log_give_the_kernel_the_same_events_and_every_score_of_a_backtest(
    history: History,
    database_url: str,
    database: asyncpg.Connection[asyncpg.Record],
    starter_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bundle = Bundle.load(starter_model)
    expected = point_in_time(history, bundle.rates, LABEL_DELAY)
    lines = lines_of(history)
    fed: list[Events] = []
    score = PartitionState.score

    def noting(state: PartitionState, events: Events) -> object:
        fed.append(events)
        return score(state, events)

    monkeypatch.setattr(PartitionState, "score", noting)
    monkeypatch.setattr("fraudline.state.log_chunks.CHUNK_POSITIONS", 170)
    # One by one, in batches of several sizes, and across a restart in the middle.
    cuts = [*range(20), 27, 28, 140, len(lines) // 2]
    async with owning_line(database_url, starter_model, tmp_path, max_entities=MAX_ENTITIES) as first:
        for start, stop in pairwise(cuts):
            await first.process(*lines[start:stop])
    async with owning_line(database_url, starter_model, tmp_path, max_entities=MAX_ENTITIES) as second:
        for start in range(cuts[-1], len(lines), 300):
            await second.process(*lines[start : start + 300])
        async with aclosing(log_chunks(second.database, 0, after=0, until=len(lines))) as chunks:
            logged = [chunk.events async for chunk in chunks]

    assert_same(Events.concatenate(fed), expected)
    assert_same(Events.concatenate(logged), expected)
    verdicts = backtest(
        history,
        bundle,
        first_day=history.first_day,
        last_day=history.last_day,
        label_delay=LABEL_DELAY,
        max_entities=MAX_ENTITIES,
    )
    stored = await database.fetch("select transaction_id, score, decision from fraudline.verdicts order by position")
    assert [tuple(row) for row in stored] == verdicts.rows()
    assert second.state.kernel.evicted > 0
    assert (await audit(database_url, starter_model, max_entities=MAX_ENTITIES)).differing == 0
