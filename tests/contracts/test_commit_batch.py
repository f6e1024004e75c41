"""The one statement that appends to a log: only at its end, only under its epoch, all or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import asyncpg
import msgspec
import pytest

from fraudline.domain.event import LabelReported, TransactionAccepted
from fraudline.domain.label import Effect, Label, LabelSource, LabelValue
from fraudline.domain.moment import microseconds
from fraudline.domain.policy import Decision
from fraudline.domain.posted import PostedTransaction
from fraudline.domain.verdict import Verdict
from fraudline.errors import ConfigurationError, DependencyAway
from fraudline.postgres.commit import AppliedLabel, ScoredTransaction, SeenMeanwhile, commit_batch
from fraudline.postgres.database import Database
from fraudline.postgres.log import LoggedEvent, read_end, read_log, take_over
from fraudline.postgres.lookup import Place, look_up
from fraudline.postgres.migrations import migrate, migrations

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MOMENT = datetime(2026, 11, 23, 18, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url, name="test")
    yield database
    await database.close()


def a_scored(position: int, transaction_id: str | None = None) -> ScoredTransaction:
    transaction = PostedTransaction.model_validate_json(
        f'{{"transaction_id": "{transaction_id or f"t-{position}"}", "occurred_at": "2026-11-23T17:59:59.999999Z",'
        '"amount": "912.40", "currency": "EUR", "card_id": "card-1", "merchant_id": "merchant-1",'
        '"ip": "2001:db8::1", "metadata": {"order": "a"}, "channel": "pos", "latitude": 48.2,'
        '"device_id": "device-1", "merchant_country": "NG", "billing_country": "AT"}'
    ).checked()
    accepted = TransactionAccepted(time=MOMENT, postedby="shop", data=transaction)
    verdict = Verdict(
        transaction_id=transaction.transaction_id,
        fingerprint=transaction.fingerprint("shop"),
        posted_by="shop",
        partition=0,
        position=position,
        accepted_at=MOMENT,
        decision=Decision.REVIEW,
        score=0.1 + 0.2,
        reasons=(),
        reasons_status="pending",
        model="m-1",
        policy="p-1",
        scored_at=MOMENT + timedelta(milliseconds=2),
        features=b"\0" * 16,
    )
    return ScoredTransaction(accepted, verdict, 912.40)


def a_report(transaction_id: str) -> LabelReported:
    label = Label(
        transaction_id=transaction_id, label=LabelValue.FRAUD, source=LabelSource.CHARGEBACK, reported_at=MOMENT
    )
    return LabelReported(
        specversion="1.0", source="/test", id="l", time=MOMENT, postedby="bank", type="fraudline.label.v1", data=label
    )


async def append(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], after: int, *scored: ScoredTransaction,
                 epoch: int | None = None, taken: list[LabelReported] | None = None,
                 applied: list[AppliedLabel] | None = None) -> bool:  # fmt: skip
    if epoch is None:
        epoch = (await read_end(connection, 0)).epoch
    return await commit_batch(
        connection, partition=0, epoch=epoch, after=after, scored=list(scored), taken=taken or [], applied=applied or []
    )


async def append_as_before(connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], after: int,
                           scored: ScoredTransaction, *, epoch: int,
                           applied: list[AppliedLabel] | None = None) -> bool:  # fmt: skip
    """Append as the releases before 0007 do, whose rows hold the database's own types."""
    verdict, transaction = scored.verdict, scored.accepted.data
    row = (
        verdict.transaction_id, verdict.fingerprint, verdict.posted_by, verdict.position, verdict.accepted_at,
        verdict.decision.value, verdict.score, "[]", verdict.reasons_status, verdict.model, verdict.policy,
        verdict.scored_at, verdict.features, transaction.occurred_at, transaction.amount, transaction.currency,
        scored.base_amount, transaction.card_id, transaction.merchant_id, transaction.merchant_category,
        transaction.merchant_country, transaction.billing_country, transaction.channel, transaction.device_id,
        transaction.ip, transaction.latitude, transaction.longitude, transaction.customer_id, None,
    )  # fmt: skip
    labels = [
        (label.position, label.transaction_id, label.card_id, label.merchant_id, label.effect.counted_at,
         label.effect.weight)
        for label in applied or []
    ]  # fmt: skip
    return bool(
        await connection.fetchval(
            "select fraudline.commit_batch(0::smallint, $1, $2, $3, $4, $5)", epoch, after, [row], [], labels
        )
    )


def moment_of(scored: ScoredTransaction) -> int:
    return microseconds(scored.accepted.data.occurred_at)


async def logged_events(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], *, until: int
) -> list[LoggedEvent]:
    _, columns = await read_log(connection, 0, after=0, until=until)
    return [LoggedEvent(*row) for row in zip(*columns, strict=True)]


async def test_what_is_committed_is_read_back_exactly(pool: Database) -> None:
    async with pool.acquire() as connection:
        await take_over(connection, 0, owner="test")
        entry = a_scored(1)

        assert await append(connection, 0, entry)

        (stored,) = (await look_up(connection, ["t-1"], partition=0)).verdicts.values()
        assert stored.event() == entry.verdict.event()
        assert stored.score == 0.1 + 0.2
        (logged,) = await logged_events(connection, until=10)
        # The kernel's time is the earlier of occurred_at and accepted_at, to the microsecond.
        assert logged == LoggedEvent(
            is_transaction=True, microseconds=moment_of(entry), weight=0, base_amount=912.40, card_id="card-1",
            merchant_id="merchant-1", device_id="device-1", merchant_country="NG", customer_id=None, latitude=48.2,
            longitude=None, billing_country="AT", channel="pos",
        )  # fmt: skip
        (transaction,) = await connection.fetch("select * from fraudline.transactions")
        assert transaction["amount"] == Decimal("912.40")
        assert str(transaction["ip"]) == "2001:db8::1"


async def test_an_owner_that_was_replaced_writes_nothing(pool: Database) -> None:
    async with pool.acquire() as connection:
        old = await take_over(connection, 0, owner="old")
        new = await take_over(connection, 0, owner="new")

        assert not await append(connection, 0, a_scored(1), epoch=old.epoch)
        assert await append(connection, 0, a_scored(1), epoch=new.epoch)

        assert await connection.fetchval("select count(*) from fraudline.verdicts") == 1
        assert (await read_end(connection, 0)).last_position == 1


async def test_a_batch_that_expects_another_end_writes_nothing(pool: Database) -> None:
    async with pool.acquire() as connection:
        await take_over(connection, 0, owner="test")
        assert await append(connection, 0, a_scored(1))

        assert not await append(connection, 0, a_scored(1))
        assert not await append(connection, 2, a_scored(3))

        assert await connection.fetchval("select count(*) from fraudline.transactions") == 1


async def test_an_id_that_has_a_verdict_aborts_the_whole_batch(pool: Database) -> None:
    async with pool.acquire() as connection:
        await take_over(connection, 0, owner="test")
        assert await append(connection, 0, a_scored(1, "same"))

        with pytest.raises(SeenMeanwhile):
            await append(connection, 1, a_scored(2), a_scored(3, "same"))

        assert (await read_end(connection, 0)).last_position == 1
        assert await connection.fetchval("select count(*) from fraudline.verdicts") == 1


async def test_a_batch_of_which_nothing_was_looked_up_writes_nothing_where_a_verdict_or_a_label_is_there(
    pool: Database,
) -> None:
    async with pool.acquire() as connection:
        epoch = (await take_over(connection, 0, owner="test")).epoch

        async def append_unseen(after: int, *scored: ScoredTransaction) -> bool:
            return await commit_batch(
                connection, partition=0, epoch=epoch, after=after, scored=list(scored), taken=[], applied=[],
                if_unseen=True,
            )  # fmt: skip

        assert await append_unseen(0, a_scored(1, "decided"), a_scored(2))
        assert await append(connection, 2, taken=[a_report("labelled")])
        for known in ("decided", "labelled"):
            with pytest.raises(SeenMeanwhile):
                await append_unseen(2, a_scored(3), a_scored(4, known))

        assert (await read_end(connection, 0)).last_position == 2
        assert await append_unseen(2, a_scored(3))
        assert not await append_unseen(2, a_scored(3))


async def test_labels_and_their_effects_come_back_as_they_were_committed(pool: Database) -> None:
    reported, waiting = a_report("t-1"), a_report("t-2")
    label = reported.data
    async with pool.acquire() as connection:
        await take_over(connection, 0, owner="test")
        effect = AppliedLabel(2, "t-1", "card-1", "merchant-1", Effect(MOMENT, 1))

        assert await append(connection, 0, a_scored(1), taken=[reported, waiting], applied=[effect])

        known = await look_up(connection, ["t-1", "t-2", "t-3"], labelled=["t-1", "t-2"], partition=0)
        assert list(known.verdicts) == ["t-1"]
        assert sorted(known.histories) == ["t-1", "t-2"]
        assert known.histories["t-2"].counted_at is None
        assert known.histories["t-1"].counted_at == MOMENT
        assert list(known.histories["t-1"].reports.values()) == [label]
        place = Place(
            "card-1",
            "merchant-1",
            device_id="device-1",
            merchant_country="NG",
            customer_id=None,
            base_amount=912.40,
            transaction_microseconds=moment_of(a_scored(1)),
        )
        assert known.places == {"t-1": place}
        # The label counts for all entities of its transaction, which may have come in the same batch.
        moment = (MOMENT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        first, second = await logged_events(connection, until=2)
        assert first.is_transaction
        assert second == LoggedEvent(is_transaction=False, microseconds=moment, weight=1, **place._asdict())


async def test_a_label_has_the_kernels_time_of_its_transaction_and_no_amount_where_no_rate_was_known(
    pool: Database,
) -> None:
    usual = a_scored(1)
    ahead = msgspec.structs.replace(usual.accepted.data, occurred_at=usual.accepted.time + timedelta(minutes=4))
    scored = usual._replace(accepted=msgspec.structs.replace(usual.accepted, data=ahead), base_amount=None)
    accepted = (usual.accepted.time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    async with pool.acquire() as connection:
        await take_over(connection, 0, owner="test")
        effect = AppliedLabel(2, "t-1", "card-1", "merchant-1", Effect(MOMENT, 1))

        assert await append(connection, 0, scored, applied=[effect])

        transaction, label = await logged_events(connection, until=2)
        assert (transaction.microseconds, transaction.base_amount) == (accepted, None)
        assert (label.transaction_microseconds, label.base_amount) == (accepted, None)
        place = (await look_up(connection, ["t-1"], labelled=["t-1"], partition=0)).places["t-1"]
        assert (place.transaction_microseconds, place.base_amount) == (accepted, None)


@pytest.mark.parametrize("steps_before", [2, 3])
async def test_labels_of_a_release_before_get_what_is_known_of_their_transactions_and_its_owner_begins_anew(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, steps_before: int
) -> None:
    steps = migrations()
    with monkeypatch.context() as earlier:
        earlier.setattr("fraudline.postgres.migrations.migrations", lambda: steps[:steps_before])
        await migrate(empty_database_url)
    database = await Database.connect(empty_database_url, name="test")
    async with database.acquire() as connection:
        old = await take_over(connection, 0, owner="the release before")
        effect = AppliedLabel(2, "t-1", "card-1", "merchant-1", Effect(MOMENT, 1))
        assert await append_as_before(connection, 0, a_scored(1), epoch=old.epoch, applied=[effect])

        await migrate(empty_database_url)

        # What it had under commit meanwhile, by the function as it was, would not have that: it is fenced.
        assert not await append_as_before(connection, 2, a_scored(3), epoch=old.epoch)
        new = await take_over(connection, 0, owner="the release before")
        assert new.epoch > old.epoch + 1
        assert await append_as_before(connection, 2, a_scored(3), epoch=new.epoch)
        _, label, _ = await logged_events(connection, until=3)
        assert (label.device_id, label.merchant_country, label.customer_id) == ("device-1", "NG", None)
        assert (label.base_amount, label.transaction_microseconds) == (912.40, moment_of(a_scored(1)))
    await database.close()


async def test_a_scorer_of_the_release_before_that_takes_over_during_the_migration_waits_for_its_end(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = migrations()
    with monkeypatch.context() as earlier:
        earlier.setattr("fraudline.postgres.migrations.migrations", lambda: steps[:2])
        await migrate(empty_database_url)
    database = await Database.connect(empty_database_url, name="test")
    async with database.acquire() as migrating, database.acquire() as connection:
        async with migrating.transaction():
            await migrating.execute(steps[2].sql)
            await connection.execute("set lock_timeout = '50ms'")

            # Nobody owns the partition, and still nobody can.
            with pytest.raises(asyncpg.LockNotAvailableError):
                await take_over(connection, 0, owner="the release before")
        await take_over(connection, 0, owner="the release before")
    await database.close()


async def test_what_a_scorer_of_the_release_before_commits_is_the_same(pool: Database) -> None:
    async with pool.acquire() as connection:
        epoch = (await take_over(connection, 0, owner="the release before")).epoch

        assert await append_as_before(connection, 0, a_scored(1), epoch=epoch)
        assert await append(connection, 1, a_scored(2), epoch=epoch)

        for table in ("verdicts", "transactions"):
            before, now = await connection.fetch(f"select * from fraudline.{table} order by position")  # noqa: S608
            changing = ("transaction_id", "fingerprint", "position", "metadata")
            assert [item for item in before.items() if item[0] not in changing] == [
                item for item in now.items() if item[0] not in changing
            ]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1, 1, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        MOMENT,
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
    ],
)
async def test_a_time_of_any_year_is_stored_to_the_microsecond(pool: Database, moment: datetime) -> None:
    async with pool.acquire() as connection:
        assert await connection.fetchval("select fraudline.moment_of($1)", microseconds(moment)) == moment


async def test_a_database_that_is_not_migrated_is_a_setting_to_mend(empty_database_url: str) -> None:
    database = await Database.connect(empty_database_url, name="test")
    with pytest.raises(ConfigurationError, match="fraudline migrate"):
        async with database.acquire() as connection:
            await read_end(connection, 0)
    await database.close()


async def test_a_database_that_nobody_serves_is_away(unused_tcp_port: int) -> None:
    database = await Database.connect(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none", name="test")
    with pytest.raises(DependencyAway, match="PostgreSQL"):
        async with database.acquire() as connection:
            await connection.fetch("select 1")
    await database.close()


async def test_migrating_twice_does_nothing_the_second_time(empty_database_url: str) -> None:
    assert await migrate(empty_database_url) == [step.name for step in migrations()]
    assert await migrate(empty_database_url) == []


async def test_a_migration_that_was_changed_after_it_was_applied_is_refused(
    database_url: str, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    await database.execute("update fraudline.migrations set checksum = 'other'")
    with pytest.raises(ConfigurationError, match="another content"):
        await migrate(database_url)
