"""How long a scorer takes to rebuild its state from the log: `python tests/bench/rebuild.py [TRANSACTIONS]`.

Starts a PostgreSQL of its own, fills a log, and catches up with it from the first position on, twice: a log read for
the first time, and one that the server has in memory. Fails where the state does not stand at the end of the log.
"""

import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

import asyncpg

from fraudline.local.postgres import Postgres
from fraudline.models.bundle import Bundle
from fraudline.models.starter import ensure_starter_model
from fraudline.postgres.database import Database
from fraudline.postgres.migrations import migrate
from fraudline.state.partition_state import PartitionState

TRANSACTIONS = 100_000
CARDS, MERCHANTS = 5_000, 10_000

_FILL = """
insert into fraudline.transactions (transaction_id, accepted_at, posted_by, partition, position, occurred_at, amount,
                                    currency, base_amount, card_id, merchant_id)
select 't-' || n, now(), 'bench', 0, n, now() - make_interval(secs => $1 - n), (n * 7919 % 30000) / 100.0, 'EUR',
       (n * 7919 % 30000) / 100.0, 'card-' || (n * 31 % $2), 'merchant-' || (n * 17 % $3)
from generate_series(1, $1::integer) n
"""
_END = "update fraudline.partitions set last_position = $1 where partition = 0"


def main() -> int:
    """Measure once; return the exit code."""
    transactions = int(sys.argv[1]) if len(sys.argv) > 1 else TRANSACTIONS
    place = Path(tempfile.mkdtemp(prefix="fraudline-bench-"))
    place.chmod(0o711)
    server = Postgres(place / "postgres")
    try:
        server.start()
        model = ensure_starter_model(place / "models")
        return asyncio.run(_measure(server.url(), model, transactions))
    finally:
        server.remove()
        shutil.rmtree(place, ignore_errors=True)


async def _measure(url: str, model: Path, transactions: int) -> int:
    await migrate(url)
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_FILL, transactions, CARDS, MERCHANTS, timeout=600)
        await connection.execute(_END, transactions)
    finally:
        await connection.close()
    bundle = Bundle.load(model)
    for reading in ("first", "second"):
        database = await Database.connect(url, name="bench", pool_size=1)
        state = PartitionState(0, bundle)
        began = time.perf_counter()
        fed = await state.catch_up(database)
        seconds = time.perf_counter() - began
        await database.close()
        sys.stdout.write(
            f"rebuild, {reading} reading  {fed:,} transactions, {state.kernel.entities:,} entities: "
            f"{seconds:.2f} s, {fed / seconds:,.0f} a second\n"
        )
        if fed != transactions or state.position != transactions:
            sys.stderr.write(f"rebuild: the state stands at {state.position}, not at {transactions}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
