"""Dead letters with a real broker and database: from message to row, once each, and from row to message again."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import aio_pika
import asyncpg
import pytest
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from prometheus_client import CollectorRegistry

from fraudline.amqp.letters import DeadReason, Letter
from fraudline.amqp.retry import LetterSender
from fraudline.amqp.topology import ALERTS_QUEUE, DEAD, dead_queue, declare_all, events_queue
from fraudline.cli.dead import Retried
from fraudline.drain.graveyard import dead_letters_counter, graveyard
from fraudline.errors import FraudlineError, Unroutable
from fraudline.local.postgres import Postgres
from fraudline.postgres.database import Database
from fraudline.postgres.dead_letters import LetterState, find_letters, list_letters, mark, store_letters
from servers.eventually import eventually

QUEUE = events_queue(0)


def a_letter(body: bytes = b"{broken", reason: DeadReason = DeadReason.MALFORMED_EVENT) -> Letter:
    return Letter.of_line(queue=QUEUE, reason=reason, error="event: json_invalid", body=body)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url, name="test")
    yield database
    await database.close()


@pytest.fixture
async def channel(amqp_url: str) -> AsyncIterator[AbstractChannel]:
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel()
        await declare_all(channel)
        yield channel


@asynccontextmanager
async def a_graveyard(
    amqp_url: str, database: Database, *, hold_seconds: float = 60.0
) -> AsyncIterator[CollectorRegistry]:
    """A graveyard at work for the length of a block; it must leave within seconds when told to."""
    registry = CollectorRegistry()
    buried = dead_letters_counter(registry)
    drain = graveyard(amqp_url, database, QUEUE, buried=buried, hold_seconds=hold_seconds)
    stop = asyncio.Event()
    running = asyncio.create_task(drain.run(stop))
    try:
        yield registry
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await running


async def send(channel: AbstractChannel, *letters: Letter) -> None:
    exchange = await channel.get_exchange(DEAD)
    for letter in letters:
        await exchange.publish(letter.message(), routing_key=letter.queue, mandatory=True)


async def rows(database_url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(database_url)
    try:
        return await connection.fetch("select * from fraudline.dead_letters order by first_seen_at, id")
    finally:
        await connection.close()


async def waiting(channel: AbstractChannel, queue: str) -> int:
    declared = await channel.declare_queue(queue, passive=True)
    return declared.declaration_result.message_count or 0


async def consumers(channel: AbstractChannel, queue: str) -> int:
    declared = await channel.declare_queue(queue, passive=True)
    return declared.declaration_result.consumer_count or 0


async def taken(channel: AbstractChannel, queue: str) -> AbstractIncomingMessage:
    """Return the next message of a queue; its broker wants a consumer for that."""
    messages: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    await (await channel.get_queue(queue)).consume(messages.put)
    async with asyncio.timeout(10):
        return await messages.get()


async def test_a_letter_becomes_one_row_however_often_it_comes(
    amqp_url: str, database_url: str, database: Database, channel: AbstractChannel
) -> None:
    letter = a_letter()
    async with a_graveyard(amqp_url, database) as registry:
        await send(channel, letter, letter, a_letter(b"another"))
        found = await eventually(lambda: rows(database_url), until=lambda seen: sum(r["attempts"] for r in seen) == 3)
        assert {row["id"]: row["attempts"] for row in found} == {letter.id: 2, a_letter(b"another").id: 1}
        assert {row["state"] for row in found} == {"open"}
        counted = registry.get_sample_value("fraudline_dead_letters_total", {"reason": "malformed_event"})
        assert counted == 3
    assert await waiting(channel, dead_queue(QUEUE)) == 0


async def test_what_the_broker_itself_gives_up_becomes_a_row_masked(
    amqp_url: str, database_url: str, database: Database, channel: AbstractChannel
) -> None:
    await channel.default_exchange.publish(aio_pika.Message(b"card 4111111111111111"), routing_key=QUEUE)
    await (await taken(channel, QUEUE)).reject(requeue=False)
    async with a_graveyard(amqp_url, database):
        [row] = await eventually(lambda: rows(database_url))
    assert row["reason"] == "rejected"
    assert row["queue"] == QUEUE
    assert row["body"] == b"card ****************"
    assert row["is_masked"]


@pytest.mark.parametrize("hold_seconds", [60.0, 0.2], ids=["held", "given back"])
async def test_letters_wait_for_the_database_and_are_stored_when_it_is_back(
    amqp_url: str,
    database_url: str,
    database: Database,
    channel: AbstractChannel,
    *,
    postgres: Postgres,
    hold_seconds: float,
) -> None:
    async with a_graveyard(amqp_url, database, hold_seconds=hold_seconds) as registry:
        await send(channel, a_letter(b"before"))
        await eventually(lambda: rows(database_url))
        await asyncio.to_thread(postgres.kill)
        try:
            await send(channel, a_letter(b"meanwhile"))
            if hold_seconds > 1:
                # In hand, unacknowledged.
                await eventually(lambda: waiting(channel, dead_queue(QUEUE)), until=lambda count: count == 0)
            else:
                await eventually(lambda: consumers(channel, dead_queue(QUEUE)), until=lambda count: count == 0)
                assert await waiting(channel, dead_queue(QUEUE)) == 1
        finally:
            await asyncio.to_thread(postgres.start)
        await eventually(lambda: rows(database_url), until=lambda seen: len(seen) == 2, within=20)
        counted = registry.get_sample_value("fraudline_dead_letters_total", {"reason": "malformed_event"})
        assert counted == 2
    assert await waiting(channel, dead_queue(QUEUE)) == 0


async def test_the_graveyard_begins_anew_after_its_queue_was_deleted(
    amqp_url: str, database_url: str, database: Database, channel: AbstractChannel
) -> None:
    async with a_graveyard(amqp_url, database):
        await send(channel, a_letter(b"first"))
        await eventually(lambda: rows(database_url))
        await channel.queue_delete(dead_queue(QUEUE))
        await eventually(lambda: _is_declared(amqp_url), within=20)
        await send(channel, a_letter(b"second"))
        await eventually(lambda: rows(database_url), until=lambda seen: len(seen) == 2, within=20)


async def test_a_letter_that_is_dealt_with_and_comes_again_is_open_again_with_its_first_error(
    database: Database, database_url: str
) -> None:
    async with database.acquire() as connection:
        await store_letters(connection, [a_letter()])
        [letter] = await find_letters(connection, a_letter().id[:6])
        assert await mark(connection, letter, LetterState.DROPPED)
        again = Letter.of_line(queue=QUEUE, reason=DeadReason.MALFORMED_EVENT, error="other words", body=b"{broken")
        await store_letters(connection, [again])
    [row] = await rows(database_url)
    assert (row["state"], row["attempts"], row["error"]) == ("open", 2, "event: json_invalid")


async def test_a_retry_reaches_the_log_it_came_from_and_marks_the_row(
    amqp_url: str, database: Database, database_url: str, channel: AbstractChannel
) -> None:
    async with database.acquire() as connection:
        await store_letters(connection, [a_letter(b"one\ntwo")])
        [letter] = await find_letters(connection, a_letter(b"one\ntwo").id)
    retried = Retried()
    async with LetterSender.connected(amqp_url) as sender:
        await retried.send(letter, sender, database)
    message = await taken(channel, QUEUE)
    assert message.body == b"one\ntwo"
    assert (retried.sent, retried.back) == (1, 0)
    [row] = await rows(database_url)
    assert row["state"] == "retried"


@pytest.mark.usefixtures("channel")
async def test_a_letter_that_is_back_before_the_mark_stays_open(
    amqp_url: str, database: Database, database_url: str
) -> None:
    async with database.acquire() as connection:
        await store_letters(connection, [a_letter()])
        [letter] = await find_letters(connection, a_letter().id)
        await store_letters(connection, [a_letter()])
    retried = Retried()
    async with LetterSender.connected(amqp_url) as sender:
        await retried.send(letter, sender, database)
    assert retried.back == 1
    [row] = await rows(database_url)
    assert row["state"] == "open"


async def test_a_masked_letter_is_never_sent_again(
    amqp_url: str, database: Database, database_url: str, channel: AbstractChannel
) -> None:
    async with database.acquire() as connection:
        await store_letters(connection, [a_letter(b"4111111111111111")])
        [letter] = await find_letters(connection, a_letter(b"4111111111111111").id)
    retried = Retried()
    async with LetterSender.connected(amqp_url) as sender:
        await retried.send(letter, sender, database)
    assert retried.sent == 0
    [(_, obstacle)] = retried.refused
    assert "card number" in obstacle
    assert await waiting(channel, QUEUE) == 0
    [row] = await rows(database_url)
    assert row["state"] == "open"


async def test_a_retry_without_a_queue_says_so_and_counts_as_not_sent(amqp_url: str, channel: AbstractChannel) -> None:
    await (await channel.get_queue(QUEUE)).delete(if_unused=False, if_empty=False)
    async with LetterSender.connected(amqp_url) as sender:
        with pytest.raises(Unroutable, match="no queue is bound"):
            await sender.send(QUEUE, b"body")


@pytest.mark.parametrize("queue", [QUEUE, ALERTS_QUEUE])
async def test_a_retry_goes_to_the_queue_that_the_letter_came_from_and_to_no_other(
    amqp_url: str, channel: AbstractChannel, queue: str
) -> None:
    async with LetterSender.connected(amqp_url) as sender:
        await sender.send(queue, b"body")

    assert {name: await waiting(channel, name) for name in (QUEUE, ALERTS_QUEUE)} == {
        name: int(name == queue) for name in (QUEUE, ALERTS_QUEUE)
    }


@pytest.mark.usefixtures("channel")
@pytest.mark.parametrize("queue", ["alerts.verdict", "scorer.events.", "scorer.events.x", "scorer.events.00"])
async def test_a_letter_from_no_queue_of_ours_is_refused(amqp_url: str, queue: str) -> None:
    async with LetterSender.connected(amqp_url) as sender:
        with pytest.raises(FraudlineError, match="no queue that events can be sent to"):
            await sender.send(queue, b"body")


async def test_lists_filter_by_state_reason_and_age_and_say_how_many_match(database: Database) -> None:
    letters = [a_letter(bytes([number])) for number in range(5)]
    odd = a_letter(b"odd", DeadReason.UNKNOWN_TYPE)
    async with database.acquire() as connection:
        await store_letters(connection, [*letters, odd])
        shown, matching = await list_letters(connection, limit=2)
        assert (len(shown), matching) == (2, 6)
        assert [r.id for r in (await list_letters(connection, reason=DeadReason.UNKNOWN_TYPE))[0]] == [odd.id]
        assert await list_letters(connection, older_than=timedelta(hours=1)) == ([], 0)
        assert await list_letters(connection, state=LetterState.RETRIED) == ([], 0)
        assert (await list_letters(connection, state=None))[1] == 6


@pytest.mark.parametrize("prefix", ["", "abc", "%%%%%", "____", "zzzz"])
async def test_what_is_no_beginning_of_an_id_finds_nothing(database: Database, prefix: str) -> None:
    async with database.acquire() as connection:
        await store_letters(connection, [a_letter()])
        assert await find_letters(connection, prefix) == []


async def _is_declared(amqp_url: str) -> bool:
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        channel = await connection.channel()
        try:
            return await consumers(channel, dead_queue(QUEUE)) > 0
        except aio_pika.exceptions.ChannelNotFoundEntity:
            return False
