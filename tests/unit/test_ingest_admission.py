"""Who is let in: single posts before batches, and batches in their turn."""

from __future__ import annotations

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from fraudline.domain.event import MAX_EVENTS
from fraudline_ingest.admission import MOST_WAITING, Admission
from fraudline_ingest.asking import SILENCE_SECONDS
from fraudline_ingest.backlog import MOST_MESSAGES, Backlog, Stored
from fraudline_ingest.metrics import IngestMetrics
from fraudline_ingest.window import USUAL, YIELD_SECONDS

BATCH = 1_000


class Door:
    """An admission over one stream, whose log the test commits, and whose clock it turns."""

    def __init__(self) -> None:
        self.now = 100.0
        self.registry = CollectorRegistry()
        self.backlog = Backlog("0")
        self.admission = Admission([self.backlog], IngestMetrics(self.registry), clock=lambda: self.now)
        self._number = 0

    def store(self, events: int, *, singly: bool) -> None:
        """Put a message into the log that asks for progress."""
        self._number += 1
        for _ in range(events if singly else 1):
            self.backlog.enter(1 if singly else events)
        stored = Stored(self._number, events, events if singly else 0, since=self.now)
        self.admission.note_stored(self.backlog, stored, asks=True)

    def commit(self, number: int | None = None) -> None:
        self.admission.note_committed("0", number or self._number)

    def shown(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"fraudline_log_{name}", labels)


@pytest.fixture
def door() -> Door:
    return Door()


async def came_in(task: asyncio.Task[bool]) -> bool:
    async with asyncio.timeout(5):
        return await task


def a_batch(door: Door, events: int = BATCH) -> asyncio.Task[bool]:
    return asyncio.create_task(door.admission.admits_batch(events))


async def settled() -> None:
    """Let every task run as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_single_post_is_let_in_while_the_window_has_room_for_its_kind(door: Door) -> None:
    door.store(USUAL - 1, singly=True)
    door.store(5 * BATCH, singly=False)
    assert door.admission.admits_single()

    door.admission.hold_single()
    assert not door.admission.admits_single()

    door.admission.give_back_single()
    assert door.admission.admits_single()
    assert door.shown("outstanding_events") == USUAL - 1 + 5 * BATCH
    assert door.shown("window_events", kind="single") == USUAL


async def test_a_batch_is_let_in_while_less_than_a_message_is_there_and_counts_from_then_on(door: Door) -> None:
    door.store(MAX_EVENTS - 1, singly=True)

    assert await door.admission.admits_batch(BATCH)
    second = a_batch(door)
    await settled()
    assert not second.done()
    assert door.admission.outstanding == MAX_EVENTS - 1 + BATCH

    door.commit()
    await settled()
    assert not second.done(), "the first is still being read"
    door.admission.give_back(BATCH)
    door.store(1, singly=True)
    door.commit()
    assert await came_in(second)


async def test_batches_have_their_turns_in_order_and_past_a_few_they_are_refused_at_once(door: Door) -> None:
    door.store(BATCH, singly=False)
    waiting = [a_batch(door) for _ in range(MOST_WAITING)]
    await settled()

    assert not await door.admission.admits_batch(BATCH)
    door.commit()
    await settled()
    assert [each.done() for each in waiting] == [True, *[False] * (MOST_WAITING - 1)]
    for each in waiting[1:]:
        each.cancel()
    await asyncio.wait(waiting)


async def test_one_that_leaves_as_its_turn_comes_takes_no_room(door: Door) -> None:
    door.store(BATCH, singly=False)
    leaving, staying = a_batch(door), a_batch(door)
    await settled()

    leaving.cancel()
    door.commit()
    await asyncio.wait({leaving})
    door.store(1, singly=True)
    door.commit()

    assert await came_in(staying)
    assert door.admission.outstanding == BATCH


async def test_a_batch_waits_no_longer_than_a_second(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraudline_ingest.admission.SILENCE_SECONDS", 0.01)
    door.store(BATCH, singly=False)

    assert not await came_in(a_batch(door))


async def test_no_batch_comes_in_while_single_posts_are_refused(door: Door) -> None:
    door.store(USUAL, singly=True)
    assert not door.admission.admits_single()
    door.commit()
    batch = a_batch(door)
    await settled()
    assert not batch.done()

    door.now += YIELD_SECONDS
    door.store(1, singly=True)
    door.commit()
    assert await came_in(batch)


async def test_a_scorer_that_says_nothing_for_a_second_keeps_nobody_out(door: Door) -> None:
    door.store(USUAL, singly=True)
    assert not door.admission.admits_single()

    door.now += SILENCE_SECONDS
    assert door.admission.admits_single()
    assert await door.admission.admits_batch(BATCH)
    assert door.shown("window_events", kind="single") == float("inf")

    door.store(10 * USUAL, singly=True)
    door.commit(1)
    assert door.admission.admits_single()
    assert door.shown("window_events", kind="single") == pytest.approx(10 * USUAL + BATCH + 0.9 * USUAL)


@pytest.mark.parametrize("stream", ["labels", "?"])
def test_word_of_a_stream_that_is_not_ours_is_no_news(door: Door, stream: str) -> None:
    door.store(10, singly=True)

    door.admission.note_committed(stream, 1)

    assert door.admission.outstanding == 10


def test_a_backlog_of_hours_takes_no_more_room_and_counts_the_same() -> None:
    backlog = Backlog("0")
    for number in range(1, 3 * MOST_MESSAGES):
        backlog.enter(2)
        backlog.note_stored(Stored(number, 2, 0, since=float(number)))

    progress = backlog.note_committed(MOST_MESSAGES)

    assert len(backlog._stored) <= MOST_MESSAGES  # noqa: SLF001 - memory is not seen from outside
    assert progress is not None
    assert progress.events == pytest.approx(2 * MOST_MESSAGES, rel=0.01)
    backlog.note_committed(3 * MOST_MESSAGES)
    assert backlog.events == 0


def test_word_of_a_commit_that_comes_before_the_brokers_confirm_counts(door: Door) -> None:
    door.store(100, singly=True)
    door.commit(2)

    door.store(100, singly=True)

    assert door.admission.outstanding == 0
    door.now += 2 * SILENCE_SECONDS
    assert door.shown("window_events", kind="single") == USUAL, "the question that was answered is not open"


async def test_a_batch_whose_request_is_cancelled_gives_up_its_turn(door: Door) -> None:
    door.store(MAX_EVENTS, singly=True)
    given_up = [a_batch(door) for _ in range(MOST_WAITING)]
    await settled()
    for batch in given_up:
        batch.cancel()
    await settled()

    waiting = a_batch(door)
    await settled()
    door.commit()

    assert await came_in(waiting)
    assert door.admission.outstanding == BATCH
