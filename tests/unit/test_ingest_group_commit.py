import asyncio
from collections.abc import AsyncIterator

import pytest

from fraudline.domain.event import MAX_BYTES, MAX_EVENTS
from fraudline.errors import DependencyAway
from fraudline_ingest.backlog import Backlog
from fraudline_ingest.group_commit import GroupCommit
from fraudline_ingest.publisher import Stream
from ingest_builders import STREAM, a_group_commit


class Broker:
    """Confirms a message when the test says so."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, list[bytes]]] = []
        self.confirms: asyncio.Queue[DependencyAway | None] = asyncio.Queue()
        self.arrived = asyncio.Event()
        self.reply_to: str | None = None
        self.reply_for: str | None = None

    async def publish(
        self, stream: Stream, body: bytes, *, number: int, reply_to: str | None, reply_for: str | None
    ) -> None:
        assert stream is STREAM
        self.reply_to, self.reply_for = reply_to, reply_for
        assert body.endswith(b"\n")
        self.messages.append((number, body.splitlines()))
        self.arrived.set()
        error = await self.confirms.get()
        if error is not None:
            raise error

    async def next_message(self) -> None:
        async with asyncio.timeout(5):
            await self.arrived.wait()
        self.arrived.clear()


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def stream(broker: Broker) -> AsyncIterator[GroupCommit]:
    stop = asyncio.Event()
    group_commit = a_group_commit(broker)
    job = asyncio.create_task(group_commit.run(stop))
    yield group_commit
    stop.set()
    async with asyncio.timeout(5):
        await job


async def settled() -> None:
    """Let every task run as far as it can."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_nobody_is_answered_before_the_confirm(stream: GroupCommit, broker: Broker) -> None:
    caller = asyncio.create_task(stream.put([b"a"]))
    await broker.next_message()
    await settled()

    assert not caller.done()

    broker.confirms.put_nowait(None)
    await caller


async def test_what_arrives_during_a_publish_forms_the_next_message(stream: GroupCommit, broker: Broker) -> None:
    callers = [asyncio.create_task(stream.put([b"first"]))]
    await broker.next_message()
    callers += [asyncio.create_task(stream.put([b"%d" % number])) for number in range(3)]
    await settled()
    broker.confirms.put_nowait(None)
    broker.confirms.put_nowait(None)
    await asyncio.gather(*callers)

    assert broker.messages == [(1, [b"first"]), (2, [b"0", b"1", b"2"])]


async def test_a_message_holds_at_most_512_events(stream: GroupCommit, broker: Broker) -> None:
    for _ in range(2):
        broker.confirms.put_nowait(None)

    await stream.put([b"x"] * (MAX_EVENTS + 1))

    assert [len(lines) for _, lines in broker.messages] == [MAX_EVENTS, 1]


async def test_a_message_holds_at_most_a_mebibyte(stream: GroupCommit, broker: Broker) -> None:
    for _ in range(3):
        broker.confirms.put_nowait(None)
    line = b"x" * (MAX_BYTES // 2 - 1)

    await stream.put([line, line, line, line, b"y" * MAX_BYTES])

    assert [len(lines) for _, lines in broker.messages] == [2, 2, 1]


async def test_who_has_no_line_in_a_message_that_fails_is_not_failed_with_it(
    stream: GroupCommit, broker: Broker
) -> None:
    big = stream.submit([b"x" * MAX_BYTES])
    next_one = stream.submit([b"next"])
    broker.confirms.put_nowait(DependencyAway("RabbitMQ", "test"))
    broker.confirms.put_nowait(None)

    with pytest.raises(DependencyAway):
        await big
    await next_one

    assert [lines[-1][-4:] for _, lines in broker.messages] == [b"xxxx", b"next"]


async def test_a_failed_message_fails_its_callers_and_its_number_is_used_again(
    stream: GroupCommit, broker: Broker
) -> None:
    broker.confirms.put_nowait(DependencyAway("RabbitMQ", "test"))
    with pytest.raises(DependencyAway):
        await stream.put([b"lost"])

    broker.confirms.put_nowait(None)
    await stream.put([b"kept"])

    assert broker.messages == [(1, [b"lost"]), (1, [b"kept"])]


async def test_a_caller_with_two_messages_is_answered_after_both(stream: GroupCommit, broker: Broker) -> None:
    caller = asyncio.create_task(stream.put([b"x"] * (2 * MAX_EVENTS)))
    await broker.next_message()
    broker.confirms.put_nowait(None)
    await broker.next_message()
    await settled()

    assert not caller.done()

    broker.confirms.put_nowait(DependencyAway("RabbitMQ", "test"))
    with pytest.raises(DependencyAway):
        await caller


async def test_a_caller_that_left_is_forgotten(stream: GroupCommit, broker: Broker) -> None:
    first = asyncio.create_task(stream.put([b"first"]))
    await broker.next_message()
    left = asyncio.create_task(stream.put([b"left"]))
    stayed = asyncio.create_task(stream.put([b"stayed"]))
    await settled()
    left.cancel()
    await settled()
    for _ in range(2):
        broker.confirms.put_nowait(None)
    await asyncio.gather(first, stayed)

    assert broker.messages == [(1, [b"first"]), (2, [b"stayed"])]


async def test_a_caller_that_left_during_its_publish_does_no_harm(stream: GroupCommit, broker: Broker) -> None:
    left = asyncio.create_task(stream.put([b"left"]))
    await broker.next_message()
    left.cancel()
    await settled()
    for _ in range(2):
        broker.confirms.put_nowait(None)

    await stream.put([b"next"])

    assert broker.messages == [(1, [b"left"]), (2, [b"next"])]


async def test_who_waits_at_the_stop_is_told_to_send_again(broker: Broker) -> None:
    stop = asyncio.Event()
    group_commit = a_group_commit(broker)
    job = asyncio.create_task(group_commit.run(stop))
    published = asyncio.create_task(group_commit.put([b"published"]))
    await broker.next_message()
    waiting = asyncio.create_task(group_commit.put([b"waiting"]))
    await settled()

    stop.set()

    async with asyncio.timeout(5):
        await job
        for caller in (published, waiting):
            with pytest.raises(DependencyAway, match="stopping"):
                await caller


async def test_a_message_asks_for_replies_where_somebody_in_it_waits(stream: GroupCommit, broker: Broker) -> None:
    first = stream.submit([b"nobody waits"])
    await broker.next_message()
    assert broker.reply_to is None
    together = [stream.submit([b"nobody waits"]), stream.submit([b"somebody waits"], wants_reply=True)]
    await broker.confirms.put(None)
    await broker.next_message()
    assert broker.reply_to == "replies"
    await broker.confirms.put(None)
    await asyncio.gather(first, *together)


@pytest.mark.parametrize(("lines", "reply_for"), [(1, None), (100, "progress")])
async def test_a_message_asks_for_progress_once_there_is_a_backlog(
    stream: GroupCommit, broker: Broker, lines: int, reply_for: str | None
) -> None:
    broker.confirms.put_nowait(None)

    await stream.put([b"x"] * lines)

    assert (broker.reply_to, broker.reply_for) == ("replies" if reply_for else None, reply_for)


async def test_a_message_that_somebody_waits_for_can_ask_for_progress_too(stream: GroupCommit, broker: Broker) -> None:
    broker.confirms.put_nowait(None)

    await stream.submit([b"x"] * 100, wants_reply=True)

    assert broker.reply_for == "verdicts and progress"


async def test_what_is_not_stored_leaves_the_backlog_and_what_is_stays_until_it_is_committed(broker: Broker) -> None:
    backlog = Backlog(STREAM.name)
    stop = asyncio.Event()
    group_commit = a_group_commit(broker, backlog=backlog)
    job = asyncio.create_task(group_commit.run(stop))
    refused = group_commit.submit([b"refused"] * (MAX_EVENTS + 1))
    await broker.next_message()
    left = group_commit.submit([b"left"])
    stayed = group_commit.submit([b"stayed"] * 3)
    assert (backlog.events, backlog.singles) == (MAX_EVENTS + 5, 1)

    left.cancel()
    broker.confirms.put_nowait(DependencyAway("RabbitMQ", "test"))
    broker.confirms.put_nowait(None)
    with pytest.raises(DependencyAway):
        await refused
    await stayed

    assert (backlog.events, backlog.singles) == (3, 0)
    assert backlog.note_committed(1) is not None
    assert backlog.events == 0
    stop.set()
    await job
