"""How long nobody decides, with five million entities: `PYTHONPATH=tests python tests/bench/takeover.py [TAIL]`.

Starts a RabbitMQ and a PostgreSQL of its own and fills a log; a snapshot with five million entities stands so many
positions (a million, unless told otherwise) before its end. Then two scorers start from it, the owner of the two is
killed while payments are posted, and it is told how long it took until the first payment posted after that was decided;
the dead one is started again, three times in all. Fails where one takes longer than its goal, or loses a payment.
"""

import asyncio
import contextlib
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import numpy as np
from rebuild import fill_log

from fraudline.domain.api_key import Role
from fraudline.kernel.kernel import Kernel
from fraudline.local.broker import private_broker
from fraudline.local.postgres import Postgres
from fraudline.models.training.starter import ensure_starter_model
from fraudline.postgres.api_keys import create_key
from fraudline.postgres.database import Database
from fraudline.postgres.log_mark import read_log_mark
from fraudline.state.snapshot_folder import SnapshotFolder
from fraudline.state.snapshot_format import Kin
from fraudline.state.snapshot_writing import write_snapshot
from kernel import ENTITIES, PAIRS, START, feed, of_a_crowd, say, say_goal
from servers.broker_view import BrokerView
from servers.eventually import eventually
from system.payments import a_transaction
from system.services import Service, System

Connection = Any  # asyncpg's own, which is generic for type checkers alone

TAIL = 1_000_000
SNAPSHOT_AT = 10_000
ROUNDS = 3
TAKEOVER_GOAL_SECONDS = 5.0
# What a million take to be rebuilt at most (`rebuild.py`), and a snapshot to be read.
START_GOAL_SECONDS_A_MILLION = 10.0
START_GOAL_SECONDS = 10.0

_DECIDED = "select count(*) = 1 from fraudline.verdicts where transaction_id = $1"


def main() -> int:
    """Measure once; return the exit code."""
    tail = int(sys.argv[1]) if len(sys.argv) > 1 else TAIL
    place = Path(tempfile.mkdtemp(prefix="fraudline-bench-"))
    place.chmod(0o711)
    server = Postgres(place / "postgres")
    broker = private_broker(place / "rabbitmq", management=True)
    try:
        server.start()
        broker.start()
        with httpx2.Client(base_url=broker.management_url, timeout=10) as client:
            view = BrokerView(client, "bench")
            view.create_virtual_host("fraudline")
            return asyncio.run(measure(place, server.url(), broker.url_of("bench"), view, tail))
    finally:
        broker.stop()
        server.remove()
        shutil.rmtree(place, ignore_errors=True)


async def measure(place: Path, database_url: str, amqp_url: str, view: BrokerView, tail: int) -> int:
    """Print the table; return the exit code."""
    await fill_log(database_url, SNAPSHOT_AT + tail)
    await write_snapshot_of_a_crowd(place / "state", database_url)
    connection: Connection = await asyncpg.connect(database_url)
    key = await create_key(connection, name="shop", role=Role.INGEST)
    system = System(place, view, amqp_url, database_url, ensure_starter_model(place / "models"), key)
    system.ingest.start()
    reached = True
    goal = START_GOAL_SECONDS + START_GOAL_SECONDS_A_MILLION * tail / 1_000_000
    try:
        await system.ingest.until_ready()
        first = system.new_scorer()
        reached &= say_goal(f"started, {tail:,} positions behind it", await started(first), "s", goal)
        await post(system, 0)
        standby = system.new_scorer()
        await started(standby)
        for number in range(1, ROUNDS + 1):
            owner = await eventually(system.owner)
            assert owner is not None
            owner.kill()
            killed_at = time.monotonic()
            await post(system, number)
            await decided(connection, number)
            seconds = time.monotonic() - killed_at
            reached &= say_goal(f"killed, decided again by the standby, {number}", seconds, "s", TAKEOVER_GOAL_SECONDS)
            say("  the dead one, ready as the standby after", f"{await started(owner):.2f} s")
        for scorer in system.scorers:
            for restored in scorer.logged("snapshot_restored"):
                say("snapshot read by a scorer", f"{restored['seconds']} s", f"{restored['entities']:,} entities")
        verdicts = await connection.fetchval("select count(*) from fraudline.verdicts")
        return 0 if reached and verdicts == ROUNDS + 1 else 1
    finally:
        system.end()
        await connection.close()


async def started(scorer: Service) -> float:
    """Start a scorer; return the seconds until it is ready."""
    began = time.monotonic()
    scorer.start()
    await scorer.until_ready(120)
    return time.monotonic() - began


async def decided(connection: Connection, number: int) -> None:
    """Wait until a payment has its verdict."""
    await eventually(lambda: connection.fetchval(_DECIDED, f"t-{number}"), within=60)


async def post(system: System, number: int) -> None:
    """Post one payment."""
    async with system.client as client:
        answer = await client.post("/v1/transactions", json=a_transaction(number))
        answer.raise_for_status()


async def write_snapshot_of_a_crowd(state_dir: Path, database_url: str) -> None:
    """Write the snapshot: of this log, as far as anybody can tell."""
    database = await Database.connect(database_url, name="bench", pool_size=1)
    async with database.acquire() as connection:
        log_mark = await read_log_mark(connection, 0, SNAPSHOT_AT)
    await database.close()
    assert log_mark is not None
    kernel = Kernel(ENTITIES)
    feed(kernel, of_a_crowd(np.random.default_rng(1).permutation(PAIRS), START, 2))
    folder = SnapshotFolder(state_dir, Kin.of(partition=0, max_entities=ENTITIES))
    write_snapshot(folder, kernel.copy(), position=SNAPSHOT_AT, log_mark=log_mark, stop=threading.Event())


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
