"""The owner's line over a real database: what becomes of a batch when an answer is lost, or the partition is."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

import fraudline_scorer.line
from fraudline.domain.event import encode_label, encode_transaction
from fraudline.domain.label import Label, LabelSource, LabelValue
from fraudline.domain.posted import PostedTransaction
from fraudline.errors import DependencyAway, Fenced
from fraudline.postgres.commit import commit_batch
from fraudline.postgres.log import take_over
from fraudline.postgres.lookup import Known
from fraudline_scorer.line import MAX_COMPUTED_IN_LOOP
from servers.eventually import eventually
from system.line_alone import LineAlone, Message, owning_line
from system.payments import a_transaction

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import asyncpg

    from fraudline_scorer.batch import Batch

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def a_batch(*transactions: dict[str, Any]) -> tuple[Batch, Message]:
    parsed = [PostedTransaction.model_validate_json(json.dumps(transaction)).checked() for transaction in transactions]
    moment = parsed[0].occurred_at
    message = Message(*(encode_transaction(one, accepted_at=moment, posted_by="shop") for one in parsed))
    return message.batch(), message


@pytest.fixture
async def line(database_url: str, starter_model: Path, tmp_path: Path) -> AsyncIterator[LineAlone]:
    async with owning_line(database_url, starter_model, tmp_path) as line:
        yield line


async def test_a_commit_whose_answer_was_lost_is_resolved_by_reading(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def committed_but_unheard(*args: Any, **kwargs: Any) -> bool:
        nonlocal tries
        tries += 1
        await commit_batch(*args, **kwargs)
        raise DependencyAway("PostgreSQL", "the answer was lost")

    monkeypatch.setattr(fraudline_scorer.line, "commit_batch", committed_but_unheard)
    batch, message = a_batch(a_transaction(1), a_transaction(2))

    await line.take(batch)

    assert tries == 1
    assert message.is_acknowledged
    assert line.announced.verdicts == ["t-1", "t-2"]
    assert line.state.position == 2
    assert await database.fetchval("select last_position from fraudline.partitions") == 2
    assert line.away[-2:] == ["the answer was lost", None]


async def test_a_commit_that_never_arrived_is_sent_again(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def lost_on_the_way(*args: Any, **kwargs: Any) -> bool:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise DependencyAway("PostgreSQL", "gone")
        return await commit_batch(*args, **kwargs)

    monkeypatch.setattr(fraudline_scorer.line, "commit_batch", lost_on_the_way)
    batch, message = a_batch(a_transaction(1))

    await line.take(batch)

    assert tries == 3
    assert message.is_acknowledged
    assert await database.fetchval("select count(*) from fraudline.verdicts") == 1


async def test_a_commit_that_lands_while_it_is_tried_again_counts_once(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = 0

    async def landing_late(*args: Any, **kwargs: Any) -> bool:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise DependencyAway("PostgreSQL", "gone")
        # The first try was still under way in the server: it lands just before the second one.
        assert await commit_batch(*args, **kwargs)
        return await commit_batch(*args, **kwargs)

    monkeypatch.setattr(fraudline_scorer.line, "commit_batch", landing_late)
    batch, message = a_batch(a_transaction(1))

    await line.take(batch)

    assert message.is_acknowledged
    assert await database.fetchval("select last_position from fraudline.partitions") == 1


async def test_a_fenced_owner_takes_back_what_it_computed(line: LineAlone) -> None:
    await line.take(a_batch(a_transaction(1))[0])
    before = line.state.kernel.digest()
    async with line.database.acquire() as connection:
        await take_over(connection, 0, owner="another")

    batch, message = a_batch(a_transaction(2))
    with pytest.raises(Fenced):
        await line.take(batch)

    assert not message.is_acknowledged
    assert line.announced.verdicts == ["t-1"]
    assert line.state.kernel.digest() == before
    with pytest.raises(Fenced):
        await line.line.check_ownership()


async def test_a_database_that_stays_away_gives_the_batch_back_unharmed(
    line: LineAlone, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(*_: Any, **__: Any) -> bool:
        raise DependencyAway("PostgreSQL", "gone")

    before = line.state.kernel.digest()
    monkeypatch.setattr(fraudline_scorer.line, "commit_batch", gone)
    batch, message = a_batch(a_transaction(1))

    with pytest.raises(DependencyAway):
        await line.take(batch)

    assert not message.is_acknowledged
    assert line.state.kernel.digest() == before
    assert line.state.position == 0


async def test_an_id_that_got_its_verdict_since_it_was_looked_up_is_looked_up_again(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    await line.take(a_batch(a_transaction(1))[0])
    look_ups = 0
    look_up = fraudline_scorer.line.__dict__["look_up"]

    async def seeing_nothing_at_first(*args: Any, **kwargs: Any) -> Known:
        nonlocal look_ups
        look_ups += 1
        return Known({}, {}, {}) if look_ups == 1 else await look_up(*args, **kwargs)

    monkeypatch.setattr(fraudline_scorer.line, "look_up", seeing_nothing_at_first)
    batch, message = a_batch(a_transaction(1), a_transaction(2))

    await line.take(batch)

    assert look_ups == 2
    assert message.is_acknowledged
    assert await database.fetchval("select array_agg(transaction_id order by position) from fraudline.verdicts") == [
        "t-1",
        "t-2",
    ]
    assert await database.fetchval("select last_position from fraudline.partitions") == 2


async def test_among_new_transactions_only_what_is_known_already_is_looked_up(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[set[str]] = []
    look_up = fraudline_scorer.line.look_up

    async def noting(connection: Any, transaction_ids: set[str], **kwargs: Any) -> Known:
        looked_up.append(transaction_ids)
        return await look_up(connection, transaction_ids, **kwargs)

    monkeypatch.setattr(fraudline_scorer.line, "look_up", noting)
    # Another partition got the label first.
    await database.execute("insert into fraudline.labels values ('t-3', 'issuer', $1, 'fraud', 'bank', $1)", NOW)

    await line.take(a_batch(a_transaction(1))[0])
    await line.take(a_batch(a_transaction(2))[0])
    assert looked_up == [{"t-1"}]
    await line.take(a_batch(a_transaction(3))[0])
    assert looked_up == [{"t-1"}, {"t-3"}]
    await line.take(a_batch(a_transaction(4))[0])
    await line.take(a_batch(a_transaction(5))[0])
    assert looked_up == [{"t-1"}, {"t-3"}, {"t-4"}]
    await line.take(a_batch(a_transaction(5), a_transaction(6))[0])
    assert looked_up == [{"t-1"}, {"t-3"}, {"t-4"}, {"t-5", "t-6"}]

    # What is found again is announced behind what is new.
    assert line.announced.verdicts == ["t-1", "t-2", "t-3", "t-4", "t-5", "t-6", "t-5"]
    assert await database.fetchval("select last_position from fraudline.partitions") == line.state.position == 7
    assert await database.fetchval("select transaction_id from fraudline.label_applications") == "t-3"


async def test_a_batch_of_many_events_is_computed_beside_the_loop_one_of_few_in_it(
    line: LineAlone, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    compute = fraudline_scorer.line.__dict__["compute"]

    def noting(*args: Any) -> Any:
        threads.append(threading.get_ident())
        return compute(*args)

    monkeypatch.setattr(fraudline_scorer.line, "compute", noting)

    for transactions in [range(MAX_COMPUTED_IN_LOOP), range(100, 101 + MAX_COMPUTED_IN_LOOP)]:
        await line.take(a_batch(*map(a_transaction, transactions))[0])

    assert [thread == threading.get_ident() for thread in threads] == [True, False]


async def test_a_line_that_is_given_up_waits_for_what_a_thread_still_feeds_the_state(
    line: LineAlone, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute, began, may_go_on = fraudline_scorer.line.compute, threading.Event(), threading.Event()

    def slowly(*args: Any) -> Any:
        began.set()
        may_go_on.wait(5)
        return compute(*args)

    monkeypatch.setattr(fraudline_scorer.line, "compute", slowly)
    many = [a_transaction(number) for number in range(MAX_COMPUTED_IN_LOOP + 1)]
    taking = asyncio.create_task(line.line.process(a_batch(*many)[0]))
    await asyncio.to_thread(began.wait, 5)

    given_up = asyncio.create_task(line.line.give_up())
    await asyncio.wait({given_up}, timeout=0.1)
    assert not given_up.done()
    may_go_on.set()
    await given_up
    await taking
    monkeypatch.undo()

    # The state has nothing of it: what comes now is the first.
    await line.line.take_over("the next session")
    await line.take(a_batch(a_transaction(1))[0])
    assert line.announced.verdicts == ["t-1"]
    assert line.state.position == 1


async def test_a_broken_line_harms_no_neighbour_and_a_conflict_keeps_the_first(line: LineAlone) -> None:
    _, message = a_batch(a_transaction(1), a_transaction(1, amount="1.00"), a_transaction(2))
    lines = message.body.split(b"\n")
    message.body = b"\n".join([lines[0], b'{"specversion": "1.0"', lines[1], b'{"type": "other.v1"}', lines[2]])

    await line.take(message.batch())

    assert line.announced.verdicts == ["t-1", "t-2"]
    assert sorted(line.announced.letters) == ["malformed_event", "transaction_id_conflict", "unknown_type"]
    assert message.is_acknowledged


async def test_a_value_that_the_database_refuses_is_set_aside_alone(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    await database.execute("alter table fraudline.transactions add check (merchant_id <> 'refused')")
    batch, message = a_batch(a_transaction(1), a_transaction(2, merchant_id="refused"), a_transaction(3))

    await line.take(batch)

    assert message.is_acknowledged
    assert line.announced.verdicts == ["t-1", "t-3"]
    assert line.announced.letters == ["not_storable"]
    assert line.state.position == await database.fetchval("select last_position from fraudline.partitions") == 2


async def test_a_model_that_fails_sends_the_payment_to_a_person(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_features: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(line.state.bundle, "predict", failing)
    batch, message = a_batch(a_transaction(1))

    await line.take(batch)

    assert message.is_acknowledged
    row = await database.fetchrow("select decision, score, reasons::text from fraudline.verdicts")
    assert row is not None
    assert (row["decision"], row["score"]) == ("review", None)
    assert "model_unavailable" in row["reasons"]


async def test_nothing_is_acknowledged_once_the_broker_took_the_deliveries_back(line: LineAlone) -> None:
    line.ended.set()
    batch, message = a_batch(a_transaction(1))

    with pytest.raises(DependencyAway):
        await line.take(batch)

    assert not message.is_acknowledged
    assert line.state.position == 1


async def test_a_batch_is_committed_while_the_one_before_is_announced_and_announced_after_it(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    line.announced.is_heard.clear()
    (first, its_message), (second, next_message) = a_batch(a_transaction(1)), a_batch(a_transaction(2))
    await line.line.process(first)
    await line.line.process(second)

    await eventually(lambda: database.fetchval("select count(*) = 2 from fraudline.verdicts"))
    assert line.announced.verdicts == []
    assert not its_message.is_acknowledged
    line.announced.is_heard.set()
    await line.line.told()
    assert its_message.is_acknowledged
    await line.line.finish()

    assert next_message.is_acknowledged
    assert line.announced.verdicts == ["t-1", "t-2"]


def _a_report_of(transaction_id: str) -> Message:
    label = Label(transaction_id=transaction_id, label=LabelValue.FRAUD, source=LabelSource.ANALYST, reported_at=NOW)
    return Message(encode_label(label, accepted_at=NOW, posted_by="bank"))


class SlowCommit:
    """Commits, but not before it may."""

    def __init__(self) -> None:
        self.may_go = asyncio.Event()

    async def __call__(self, *args: Any, **kwargs: Any) -> bool:
        await self.may_go.wait()
        return await commit_batch(*args, **kwargs)


async def test_a_transaction_that_comes_again_while_it_is_committed_has_one_verdict(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowCommit()
    monkeypatch.setattr(fraudline_scorer.line, "commit_batch", slow)
    (first, _), (again, its_message) = a_batch(a_transaction(1)), a_batch(a_transaction(1), a_transaction(2))
    await line.line.process(first)
    plan = await line.line.plan_ahead(again)
    assert plan is not None
    assert len(plan.entries) == 2, "the database knows something of it already"

    slow.may_go.set()
    await line.line.process(again, plan)
    await line.line.finish()

    assert its_message.is_acknowledged
    assert line.announced.verdicts == ["t-1", "t-2", "t-1"]
    assert line.state.position == await database.fetchval("select count(*) from fraudline.verdicts") == 2


async def test_a_label_that_comes_while_its_transaction_is_committed_counts(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = SlowCommit()
    monkeypatch.setattr(fraudline_scorer.line, "commit_batch", slow)
    await line.line.process(a_batch(a_transaction(1))[0])
    report = _a_report_of("t-1").batch()
    plan = await line.line.plan_ahead(report)

    slow.may_go.set()
    await line.line.process(report, plan)
    await line.line.finish()

    assert await database.fetchval("select count(*) from fraudline.label_applications") == 1


async def test_a_batch_that_is_not_announced_lets_the_next_one_come_again_whole(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    line.announced.is_heard.clear()
    line.announced.failure = DependencyAway("RabbitMQ", "gone")
    (first, its_message), (second, next_message) = a_batch(a_transaction(1)), a_batch(a_transaction(2))
    await line.line.process(first)
    await line.line.process(second)
    await eventually(lambda: database.fetchval("select count(*) = 2 from fraudline.verdicts"))
    line.announced.is_heard.set()

    with pytest.raises(DependencyAway):
        await line.line.told()

    assert not its_message.is_acknowledged
    assert not next_message.is_acknowledged
    assert line.state.position == await database.fetchval("select last_position from fraudline.partitions") == 2
    line.announced.failure = None
    for message in (its_message, next_message):
        await line.take(message.batch())
    assert line.announced.verdicts == ["t-1", "t-2"]
    assert line.state.position == 2


async def test_what_failed_to_be_announced_is_told_before_anything_new_is_begun(
    line: LineAlone, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    line.announced.failure = DependencyAway("RabbitMQ", "gone")
    await line.line.process(a_batch(a_transaction(1))[0])
    await eventually(lambda: database.fetchval("select count(*) = 1 from fraudline.verdicts"))

    with pytest.raises(DependencyAway):
        await line.line.check_ownership()
    with pytest.raises(DependencyAway):
        await line.line.process(a_batch(a_transaction(2))[0])

    assert line.state.position == 1


async def test_what_is_being_announced_is_left_when_the_broker_takes_the_deliveries_back(line: LineAlone) -> None:
    line.announced.is_heard.clear()
    batch, message = a_batch(a_transaction(1))
    await line.line.process(batch)
    line.ended.set()

    with pytest.raises(DependencyAway, match="took the deliveries back"):
        await line.line.finish()

    assert not message.is_acknowledged
