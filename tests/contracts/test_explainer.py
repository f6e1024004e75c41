"""The explainer over a real database: every flagged verdict gets its reasons, once, and none waits for ever."""

from __future__ import annotations

import asyncio
import json
import math
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from prometheus_client import CollectorRegistry

import fraudline_scorer.explainer.explainer
from fraudline.domain.policy import MODEL_UNAVAILABLE, UNKNOWN_RATE, Reason
from fraudline.errors import DependencyAway
from fraudline.models.bundle import Bundle
from fraudline.models.explanation import explain
from fraudline.postgres.database import Database
from fraudline.postgres.lookup import look_up
from fraudline_scorer.explainer.explainer import FROM_EACH_END, OTHER_MODELS_AFTER, Explainer
from fraudline_scorer.explainer.metrics import ExplainerMetrics
from fraudline_scorer.explainer.pending import store_reasons
from fraudline_scorer.standing import Standing
from servers.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    import asyncpg

    from fraudline.domain.verdict import Verdict

_INSERT = """
insert into fraudline.verdicts (transaction_id, fingerprint, posted_by, partition, position, accepted_at, decision,
                                score, reasons, reasons_status, model, policy, scored_at, features)
values ($1, $2, 'shop', $3, $4, $5, 'review', $6, $7, 'pending', $8, 'p-1', $5, $9)
"""
_TRANSACTIONS = """
insert into fraudline.transactions (transaction_id, accepted_at, posted_by, partition, position, occurred_at, amount,
                                    currency, card_id, merchant_id)
select transaction_id, accepted_at, 'shop', partition, position, accepted_at, 10, 'EUR', 'card-1', 'merchant-1'
from fraudline.verdicts on conflict do nothing
"""
BATCH = 2 * FROM_EACH_END


def number_of(transaction_id: str) -> int:
    return int(transaction_id.removeprefix("t-"))


class Verdicts:
    """Flagged verdicts as a scorer left them, and what has become of them."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record], bundle: Bundle) -> None:
        self._connection = connection
        self._bundle = bundle
        vectors = [np.array(row) for row, _ in bundle.manifest.golden.rows()]
        self.vectors = [vector for vector in vectors if explain(bundle, vector)]

    async def flag(self, number: int, **changes: Any) -> str:
        """Store a flagged verdict that is ordinary but for the changes."""
        row = {
            "partition": 0,
            "score": 0.9,
            "reasons": (),
            "model": self._bundle.label,
            "scored_at": datetime.now(UTC),
            "features": self.vectors[number % len(self.vectors)].astype("<f8").tobytes(),
        } | changes
        await self._connection.execute(
            _INSERT, f"t-{number}", bytes(32), row["partition"], number, row["scored_at"], row["score"],
            json.dumps([reason._asdict() for reason in row["reasons"]]), row["model"], row["features"],
        )  # fmt: skip
        return f"t-{number}"

    async def alert(self, *transaction_ids: str) -> None:
        """Open the alerts of verdicts, as the alerts service does."""
        await self._connection.execute(_TRANSACTIONS)
        await self._connection.fetch("select * from fraudline.open_alerts($1)", list(transaction_ids))

    async def feed(self) -> list[tuple[str, str, str]]:
        """Return what the feed tells: kind, transaction and detail."""
        rows = await self._connection.fetch(
            "select e.kind, a.transaction_id, e.detail from fraudline.alert_events e"
            " join fraudline.alerts a on a.id = e.alert_id order by e.number"
        )
        return [(row["kind"], row["transaction_id"], row["detail"]) for row in rows]

    async def stored(self, transaction_id: str) -> Verdict:
        known = await look_up(self._connection, [transaction_id], partition=0)  # type: ignore[arg-type] # a connection of our own
        return known.verdicts[transaction_id]

    async def reasons(self, transaction_id: str) -> Sequence[Reason]:
        """Return the reasons of a verdict that has to have them by now."""
        verdict = await self.stored(transaction_id)
        assert verdict.reasons_status == "ready", f"{transaction_id} is still pending"
        return verdict.reasons

    async def pending(self) -> set[int]:
        rows = await self._connection.fetch(
            "select transaction_id from fraudline.verdicts where reasons_status = 'pending'"
        )
        return {number_of(row["transaction_id"]) for row in rows}


@pytest.fixture(scope="module")
def bundle(starter_model: Path) -> Bundle:
    return Bundle.load(starter_model)


@pytest.fixture
def verdicts(database: asyncpg.Connection[asyncpg.Record], bundle: Bundle) -> Verdicts:
    return Verdicts(database, bundle)


@pytest.fixture
async def make(database_url: str, bundle: Bundle) -> AsyncIterator[Any]:
    """Make explainers, each with a pool, metrics and a standing of its own."""
    pools: list[Database] = []

    async def explainer() -> SimpleNamespace:
        pools.append(await Database.connect(database_url, name="test explainer", pool_size=1))
        registry, standing = CollectorRegistry(), Standing()
        made = Explainer(bundle=bundle, database=pools[-1], standing=standing, metrics=ExplainerMetrics(registry))
        return SimpleNamespace(run=made.run, explain_next=made.explain_next, registry=registry, standing=standing)

    yield explainer
    for pool in pools:
        await pool.close()


def counted(explainer: SimpleNamespace, outcome: str) -> float:
    value: float = explainer.registry.get_sample_value("fraudline_explained_total", {"outcome": outcome})
    return value


def measured(explainer: SimpleNamespace, name: str) -> float:
    value: float = explainer.registry.get_sample_value(name)
    return value


async def test_a_flagged_verdict_gets_the_reasons_of_its_vector(make: Any, verdicts: Verdicts, bundle: Bundle) -> None:
    explainer = await make()
    flagged = [await verdicts.flag(number) for number in range(20)]

    assert await explainer.explain_next() == 20

    for number, transaction_id in enumerate(flagged):
        assert await verdicts.reasons(transaction_id) == explain(bundle, verdicts.vectors[number])
    assert await explainer.explain_next() == 0
    assert counted(explainer, "explained") == 20
    assert counted(explainer, "unexplainable") == 0
    assert measured(explainer, "fraudline_explanation_delay_seconds_count") == 20
    assert measured(explainer, "fraudline_explaining_seconds_count") == 1


async def test_an_alert_that_is_open_already_is_told_of_its_reasons_once(make: Any, verdicts: Verdicts) -> None:
    explainer = await make()
    early, late = await verdicts.flag(1), await verdicts.flag(2)
    await verdicts.alert(early)

    await explainer.explain_next()
    await explainer.explain_next()
    await verdicts.alert(late)

    feed = await verdicts.feed()
    assert [(kind, transaction_id) for kind, transaction_id, _ in feed] == [
        ("opened", early),
        ("explained", early),
        ("opened", late),
    ]
    reasons = [reason._asdict() for reason in await verdicts.reasons(early)]
    assert json.loads(feed[1][2])["reasons"] == reasons
    assert json.loads(feed[2][2])["reasons_status"] == "ready"


async def test_the_event_that_tells_of_a_verdict_has_the_same_bytes_before_and_after(
    make: Any, verdicts: Verdicts
) -> None:
    explainer = await make()
    flagged = [
        await verdicts.flag(1),
        await verdicts.flag(2, reasons=(UNKNOWN_RATE,)),
        await verdicts.flag(3, reasons=(MODEL_UNAVAILABLE,), score=None),
        await verdicts.flag(4, features=b""),
    ]
    before = [(await verdicts.stored(transaction_id)).event() for transaction_id in flagged]

    await explainer.explain_next()

    assert [(await verdicts.stored(transaction_id)).event() for transaction_id in flagged] == before
    assert await verdicts.pending() == set()


async def test_the_policys_reasons_stay_and_stand_first(make: Any, verdicts: Verdicts, bundle: Bundle) -> None:
    explainer = await make()
    worded_otherwise = UNKNOWN_RATE._replace(text="An earlier release said it like this.")
    flagged = await verdicts.flag(1, reasons=(worded_otherwise,))

    await explainer.explain_next()

    assert await verdicts.reasons(flagged) == (worded_otherwise, *explain(bundle, verdicts.vectors[1]))


async def test_a_verdict_that_the_model_gave_no_score_for_says_just_that(make: Any, verdicts: Verdicts) -> None:
    explainer = await make()
    flagged = await verdicts.flag(1, score=None, reasons=(MODEL_UNAVAILABLE,))

    await explainer.explain_next()

    assert await verdicts.reasons(flagged) == (MODEL_UNAVAILABLE,)
    assert math.isnan((await verdicts.stored(flagged)).score)
    assert counted(explainer, "unexplainable") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"features": None},
        {"features": b""},
        {"features": bytes(8 * 7)},
        {"features": bytes(8 * 29 + 1)},
        {"score": None},
    ],
    ids=["no vector", "an empty one", "another kernel's", "a broken one", "no score and no reason"],
)
async def test_what_cannot_be_explained_says_so_beside_its_neighbours(
    make: Any, verdicts: Verdicts, changes: dict[str, Any], bundle: Bundle
) -> None:
    explainer = await make()
    before, odd, after = await verdicts.flag(1), await verdicts.flag(2, **changes), await verdicts.flag(3)

    await explainer.explain_next()

    (reason,) = await verdicts.reasons(odd)
    assert (reason.code, reason.contribution) == ("not_explained", None)
    assert await verdicts.reasons(before) == explain(bundle, verdicts.vectors[1])
    assert await verdicts.reasons(after) == explain(bundle, verdicts.vectors[3])
    assert (counted(explainer, "explained"), counted(explainer, "unexplainable")) == (2, 1)


async def test_another_models_verdict_is_left_to_its_own_explainer_for_a_while(make: Any, verdicts: Verdicts) -> None:
    explainer = await make()
    now = datetime.now(UTC)
    fresh = await verdicts.flag(1, model="older-1", scored_at=now)
    forgotten = await verdicts.flag(
        2, model="older-1", scored_at=now - OTHER_MODELS_AFTER - timedelta(seconds=1), reasons=(UNKNOWN_RATE,)
    )

    await explainer.explain_next()

    assert await verdicts.pending() == {number_of(fresh)}
    by_policy, reason = await verdicts.reasons(forgotten)
    assert by_policy == UNKNOWN_RATE
    assert (reason.code, reason.contribution) == ("not_explained", None)
    assert "model" in reason.text


async def test_a_vector_that_fails_is_told_alone_and_harms_no_neighbour(
    make: Any, verdicts: Verdicts, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = await make()
    poison = verdicts.vectors[2]
    contributions = bundle.contributions

    def failing_on_poison(features: np.ndarray) -> np.ndarray:
        if np.array_equal(features[0], poison, equal_nan=True):
            raise ArithmeticError("the model cannot take this")
        return contributions(features)

    monkeypatch.setattr(bundle, "contributions", failing_on_poison)
    flagged = [await verdicts.flag(number) for number in (1, 2, 3)]

    await explainer.explain_next()

    (reason,) = await verdicts.reasons(flagged[1])
    assert (reason.code, reason.contribution) == ("not_explained", None)
    for transaction_id in (flagged[0], flagged[2]):
        assert all(reason.contribution is not None for reason in await verdicts.reasons(transaction_id))


async def test_a_payment_that_nothing_speaks_against_is_not_left_without_a_word(
    make: Any, verdicts: Verdicts, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = await make()
    monkeypatch.setattr(bundle, "contributions", lambda features: -np.ones((len(features), features.shape[1] + 1)))
    flagged, without_rate = await verdicts.flag(1), await verdicts.flag(2, reasons=(UNKNOWN_RATE,))

    await explainer.explain_next()

    (reason,) = await verdicts.reasons(flagged)
    assert (reason.code, reason.contribution) == ("nothing_stands_out", None)
    assert await verdicts.reasons(without_rate) == (UNKNOWN_RATE,)
    assert counted(explainer, "explained") == 2


async def test_a_backlog_is_taken_from_both_ends_so_that_neither_waits_for_the_other(
    make: Any, verdicts: Verdicts
) -> None:
    explainer = await make()
    numbers = range(3 * BATCH)
    for number in numbers:
        await verdicts.flag(number)

    assert await explainer.explain_next() == BATCH

    assert await verdicts.pending() == set(numbers[FROM_EACH_END:-FROM_EACH_END])
    assert await explainer.explain_next() == BATCH
    assert await explainer.explain_next() == BATCH
    assert await verdicts.pending() == set()


async def test_each_partition_gets_its_turn(
    make: Any, verdicts: Verdicts, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    explainer = await make()
    await database.execute("insert into fraudline.partitions (partition) values (1), (2)")
    for number in range(2 * BATCH):
        await verdicts.flag(number)
    others = [await verdicts.flag(1000 + partition, partition=partition) for partition in (1, 2)]

    await explainer.explain_next()

    for transaction_id in others:
        assert await verdicts.reasons(transaction_id)


async def test_several_explainers_at_once_explain_each_verdict_once(make: Any, verdicts: Verdicts) -> None:
    explainers = [await make() for _ in range(3)]
    flagged = [await verdicts.flag(number) for number in range(2 * BATCH)]
    await verdicts.alert(*flagged)
    stop = asyncio.Event()

    running = [asyncio.create_task(explainer.run(stop)) for explainer in explainers]
    await eventually(verdicts.pending, until=lambda pending: not pending)
    stop.set()
    await asyncio.gather(*running)

    feed = await verdicts.feed()
    assert sorted(number_of(one) for kind, one, _ in feed if kind == "explained") == list(range(2 * BATCH))
    assert sum(counted(explainer, "explained") for explainer in explainers) == 2 * BATCH


async def test_a_store_whose_answer_was_lost_is_not_done_twice(
    make: Any, verdicts: Verdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = await make()
    tries = 0

    async def stored_but_unheard(*args: Any) -> int:
        nonlocal tries
        tries += 1
        await store_reasons(*args)
        raise DependencyAway("PostgreSQL", "the answer was lost")

    monkeypatch.setattr(fraudline_scorer.explainer.explainer, "store_reasons", stored_but_unheard)
    flagged = await verdicts.flag(1)
    await verdicts.alert(flagged)

    with pytest.raises(DependencyAway):
        await explainer.explain_next()

    assert await explainer.explain_next() == 0
    assert tries == 1
    assert [kind for kind, _, _ in await verdicts.feed()] == ["opened", "explained"]


async def test_what_waits_is_counted_and_an_absence_is_told_and_survived(
    make: Any, verdicts: Verdicts, monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = await make()
    for number in range(3):
        await verdicts.flag(number, model="older-1")
    is_away = True

    async def away_at_first(*args: Any) -> int:
        if is_away:
            raise DependencyAway("PostgreSQL", "gone")
        return await store_reasons(*args)

    monkeypatch.setattr(fraudline_scorer.explainer.explainer, "store_reasons", away_at_first)
    flagged = await verdicts.flag(3)
    stop = asyncio.Event()
    running = asyncio.create_task(explainer.run(stop))

    await eventually(lambda: explainer.standing.database == "gone")
    assert measured(explainer, "fraudline_explanations_pending") == 4
    is_away = False
    await eventually(lambda: explainer.standing.database is None)
    await eventually(lambda: measured(explainer, "fraudline_explanations_pending") == 3)
    stop.set()
    await running

    assert await verdicts.reasons(flagged)


async def test_no_look_holds_a_transaction_or_a_lock(
    make: Any, verdicts: Verdicts, database: asyncpg.Connection[asyncpg.Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    explainer = await make()
    flagged = await verdicts.flag(1)
    computing, go_on = asyncio.Event(), asyncio.Event()

    async def held(*_: Any) -> int:
        computing.set()
        await go_on.wait()
        return 1

    monkeypatch.setattr(fraudline_scorer.explainer.explainer, "store_reasons", held)
    working = asyncio.create_task(explainer.explain_next())
    await computing.wait()

    # Frozen between its look and its store it would stand like this.
    states = await database.fetch(
        "select state from pg_stat_activity where datname = current_database() and application_name = 'test explainer'"
    )
    assert {row["state"] for row in states} == {"idle"}
    async with asyncio.timeout(2):
        await database.execute(
            "update fraudline.verdicts set reasons_status = 'ready' where transaction_id = $1", flagged
        )
    go_on.set()
    await working
