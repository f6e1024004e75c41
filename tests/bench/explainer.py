"""What explaining costs on this machine: `PYTHONPATH=tests python tests/bench/explainer.py [PAYMENTS_A_SECOND]`.

Prints TreeSHAP's time a row, the rows a second of the explainer as a process over a database, and what the line feels
of it: the time from acceptance to the committed verdict with none, 1 % and half of the payments flagged, without an
explainer and beside one, by the database's own commit times. Fails where a flagged payment is left unexplained.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import numpy as np

from fraudline.domain.api_key import Role
from fraudline.local.broker import private_broker
from fraudline.local.postgres import Postgres
from fraudline.models.bundle import Bundle
from fraudline.models.explanation import explain
from fraudline.postgres.api_keys import create_key
from fraudline.postgres.migrations import migrate
from model_builders import SMALL, a_simulated_history, a_trained_bundle, reseal
from servers.broker_view import BrokerView
from system.payments import a_transaction
from system.services import System

Connection = Any  # asyncpg's own, which is generic for type checkers alone

PAYMENTS_A_SECOND = 200
POSTS_A_SECOND = 50
SECONDS = 5
SHARES = (0.0, 0.01, 0.5)
TREES, LEAVES = 300, 63
BACKLOG = 1_000
LIMIT_SECONDS = 120.0
LOOK_SECONDS = 0.02

_PENDING = "select count(*) from fraudline.verdicts where reasons_status = 'pending'"
_SCORED = "select count(*) from fraudline.transactions where metadata ->> 'run' = $1"
_GIVE_UP = "update fraudline.verdicts set reasons_status = 'ready' where reasons_status = 'pending'"
# A transaction's row is written once, with its verdict; a flagged verdict's once more, with its reasons.
_SECONDS_TO_COMMIT = """
select extract(epoch from pg_xact_commit_timestamp(xmin) - accepted_at)::float8 as seconds
from fraudline.transactions where metadata ->> 'run' = $1
"""
_SECONDS_TO_REASONS = """
select extract(epoch from pg_xact_commit_timestamp(v.xmin) - scored_at)::float8 as seconds
from fraudline.verdicts v join fraudline.transactions t using (transaction_id)
where t.metadata ->> 'run' = $1 and decision <> 'approve'
"""
_FILL = """
insert into fraudline.verdicts (transaction_id, fingerprint, posted_by, partition, position, accepted_at, decision,
                                score, reasons, reasons_status, model, policy, scored_at, features)
select 'backlog-' || n, sha256(n::text::bytea), 'bench', 0, -n, now(), 'review', 0.9, '[]', 'pending', $2, 'bench',
       now(), ($3::bytea[])[1 + n % cardinality($3::bytea[])]
from generate_series(1, $1::integer) n
"""


class NotDoneError(Exception):
    """Payments were not scored, or flagged ones have no reasons."""


def say(line: str) -> None:
    """Print one line of the measurement."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure once; return the exit code."""
    rate = int(sys.argv[1]) if len(sys.argv) > 1 else PAYMENTS_A_SECOND
    place = Path(tempfile.mkdtemp(prefix="fraudline-bench-"))
    # Passable for the account that PostgreSQL runs under where we are root.
    place.chmod(0o711)
    broker = private_broker(place / "rabbitmq", management=True)
    server = Postgres(place / "postgres", settings={"track_commit_timestamp": "on"})
    try:
        model = _large_model(place / "model")
        _measure_treeshap(Bundle.load(model))
        broker.start()
        server.start()
        with httpx2.Client(base_url=broker.management_url, timeout=10) as management:
            view = BrokerView(management, "bench")
            view.create_virtual_host("fraudline")
            asyncio.run(_measure(System(place, view, broker.url_of("bench"), server.url(), model, ""), rate))
    except NotDoneError as error:
        sys.stderr.write(f"explainer: {error}\n")
        return 1
    finally:
        broker.stop()
        server.remove()
        shutil.rmtree(place, ignore_errors=True)
    return 0


def _large_model(directory: Path) -> Path:
    """Train a model of a real installation's size; its thresholds leave it to unknown rates what is flagged."""
    parameters = {
        **SMALL.parameters,
        "metric": "binary_logloss",
        "num_leaves": LEAVES,
        "min_data_in_leaf": 5,
        "learning_rate": 0.01,
    }
    recipe = replace(SMALL, parameters=parameters, max_trees=TREES, early_stopping_rounds=TREES)
    a_trained_bundle(directory, a_simulated_history(days=30), name="large", recipe=recipe)
    thresholds = Bundle.load(directory).manifest.thresholds.model_dump()
    reseal(directory, thresholds=thresholds | {"review": 1.0, "decline": 1.0})
    return directory


def _measure_treeshap(bundle: Bundle) -> None:
    golden = np.array([row for row, _ in bundle.manifest.golden.rows()])
    say(f"model                    {bundle.manifest.trees} trees of at most {LEAVES} leaves")
    for size in (1, 16, 64):
        rows = np.resize(golden, (size, golden.shape[1]))
        score, contributions = (
            1e3 * _median_seconds(lambda compute=compute, rows=rows: compute(rows)) / size
            for compute in (bundle.predict, bundle.contributions)
        )
        say(f"batches of {size:<4}          score {score:.3f} ms a row, TreeSHAP {contributions:.3f} ms a row")
    seconds = _median_seconds(lambda: explain(bundle, golden[-1]))
    say(f"one row with sentences   {1e3 * seconds:.3f} ms")


def _median_seconds(work: Any) -> float:
    times = []
    for _ in range(9):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


async def _measure(system: System, rate: int) -> None:
    await migrate(system.database_url)
    connection = await asyncpg.connect(system.database_url)
    system.api_key = await create_key(connection, name="shop", role=Role.INGEST)
    try:
        await _measure_backlog(system, connection)
        await system.start()
        # The first payments pay for what is loaded at first use.
        await _post(system, connection, rate, share=0.0)
        say(f"{rate} payments a second      accepted → committed p50, p99; scored → reasons stored p50, p99, last")
        for has_explainer in (False, True):
            for share in SHARES:
                await _measure_line(system, connection, rate, share=share, has_explainer=has_explainer)
    finally:
        system.end()
        await connection.close()


async def _measure_backlog(system: System, connection: Connection) -> None:
    bundle = Bundle.load(system.model)
    vectors = [np.array(row).astype("<f8").tobytes() for row, _ in bundle.manifest.golden.rows()]
    async with _explaining(system):
        await connection.execute(_FILL, BACKLOG, bundle.label, vectors)
        began = time.perf_counter()
        await _until(connection, _PENDING, wanted=0)
        seconds = time.perf_counter() - began
    say(f"a backlog of {BACKLOG:,}       stored in {seconds:.2f} s, {BACKLOG / seconds:,.0f} a second")


async def _measure_line(
    system: System, connection: Connection, rate: int, *, share: float, has_explainer: bool
) -> None:
    if has_explainer:
        async with _explaining(system):
            run = await _post(system, connection, rate, share=share)
            await _until(connection, _PENDING, wanted=0)
        beside = "beside an explainer"
    else:
        run, beside = await _post(system, connection, rate, share=share), "without explainer"
        await connection.execute(_GIVE_UP)
    committed = [row["seconds"] * 1e3 for row in await connection.fetch(_SECONDS_TO_COMMIT, run)]
    told = "{:6.1f} ms {:7.1f} ms".format(*np.percentile(committed, (50, 99)))
    explained = [row["seconds"] for row in await connection.fetch(_SECONDS_TO_REASONS, run)]
    if explained and has_explainer:
        told += "; {:.3f} s {:.3f} s {:.3f} s".format(*np.percentile(explained, (50, 99, 100)))
    say(f"{share:4.0%} flagged, {beside:20} {told}")


@asynccontextmanager
async def _explaining(system: System) -> AsyncIterator[None]:
    explainer = system.new_explainer()
    explainer.start()
    try:
        await explainer.until_ready()
        yield
    finally:
        explainer.stop()


async def _until(connection: Connection, query: str, *arguments: str, wanted: int) -> None:
    give_up_at = time.monotonic() + LIMIT_SECONDS
    while (found := await connection.fetchval(query, *arguments)) != wanted:
        if time.monotonic() > give_up_at:
            raise NotDoneError(f"found {found} where {wanted} were to be after {LIMIT_SECONDS:.0f} s: {query}")
        await asyncio.sleep(LOOK_SECONDS)


async def _post(system: System, connection: Connection, rate: int, *, share: float) -> str:
    """Post at an even rate, whatever the answers take; return the run's name when all is scored."""
    run, total, size = uuid4().hex, rate * SECONDS, max(1, rate // POSTS_A_SECOND)
    every = round(1 / share) if share else total + 1
    began, posts = time.perf_counter(), []
    async with system.client as client:
        for first in range(0, total, size):
            numbers = range(first + 1, min(first + size, total) + 1)
            payments = [_payment(run, number, has_rate=number % every > 0) for number in numbers]
            await asyncio.sleep(max(0.0, began + first / rate - time.perf_counter()))
            posts.append(asyncio.create_task(client.post("/v1/transactions/batch", json=payments)))
        for answer in await asyncio.gather(*posts):
            answer.raise_for_status()
    await _until(connection, _SCORED, run, wanted=total)
    return run


def _payment(run: str, number: int, *, has_rate: bool) -> dict[str, Any]:
    return a_transaction(
        number,
        transaction_id=f"{run}-{number}",
        occurred_at=datetime.now(UTC).isoformat(),
        amount=str(number % 500),
        currency="EUR" if has_rate else "XAF",
        metadata={"run": run},
    )


if __name__ == "__main__":
    sys.exit(main())
