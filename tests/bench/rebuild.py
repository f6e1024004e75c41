"""How long a scorer takes to rebuild its state from the log: `python tests/bench/rebuild.py [TRANSACTIONS]`.

Starts a PostgreSQL of its own, fills a log with payments that have every optional field that the kernel looks at, and
with labels of one in 125; then catches up with it from the first position on, twice: a log read for the first time, and
one that the server has in memory. Fails where the state does not stand at the end of the log, or where a million would
take longer than the goal.
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
from fraudline.models.training.starter import ensure_starter_model
from fraudline.postgres.database import Database
from fraudline.postgres.migrations import migrate
from fraudline.state.partition_state import PartitionState

TRANSACTIONS = 1_000_000
GOAL_SECONDS_A_MILLION = 10.0
CARDS, MERCHANTS = 50_000, 10_000
# One position in so many is a label, of the transaction so many positions before it, as soon as there is one.
EVERY, BEHIND = 125, 1_001

# Positions 1 to $1, thirty seconds apart; some cards and merchants are seen far more often than others.
_FILL = """
insert into fraudline.transactions (transaction_id, accepted_at, posted_by, partition, position, occurred_at, amount,
                                    currency, base_amount, card_id, merchant_id, merchant_category, merchant_country,
                                    billing_country, channel, device_id, ip, latitude, longitude, customer_id)
select 't-' || n, now(), 'bench', 0, n, now() - make_interval(secs => 30 * ($1 - n)), amount, 'EUR', amount,
       'card-' || card, 'merchant-' || merchant, '5411', (array['DE','AT','FR','NG','PL'])[1 + merchant % 5],
       (array['DE','AT','FR'])[1 + card % 3], (array['pos','ecommerce','atm'])[1 + n % 3],
       case when n % 3 > 0 then 'device-' || card * 2 + n % 2 end, '192.0.2.7',
       case when n % 3 = 0 then 45 + merchant % 1000 / 100.0 end, case when n % 3 = 0 then merchant % 2000 / 100.0 end,
       'customer-' || card / 2
from generate_series(1, $1::bigint) n,
     lateral (select n * 7919 % 30000 / 100.0 as amount, floor($2 * random() ^ 2)::bigint as card,
                     floor($3 * random() ^ 2)::bigint as merchant) invented
where n % $4 > 0 or n <= $5
"""
_LABEL = """
insert into fraudline.label_applications (partition, position, transaction_id, card_id, merchant_id, counted_at, weight,
                                          device_id, merchant_country, customer_id, transaction_time, base_amount)
select 0, position + $3, transaction_id, card_id, merchant_id, occurred_at + interval '30 s' * $3, 1,
       device_id, merchant_country, customer_id, least(occurred_at, accepted_at), base_amount
from fraudline.transactions where (position + $3) % $2 = 0 and position + $3 <= $1
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
        return asyncio.run(_measure(server.url(), model, transactions * EVERY // (EVERY - 1)))
    finally:
        server.remove()
        shutil.rmtree(place, ignore_errors=True)


async def _measure(url: str, model: Path, positions: int) -> int:
    await fill_log(url, positions)
    bundle = Bundle.load(model)
    for reading in ("first", "second"):
        database = await Database.connect(url, name="bench", pool_size=1)
        state = PartitionState(0, bundle)
        began = time.perf_counter()
        fed = await state.catch_up(database)
        seconds = time.perf_counter() - began
        await database.close()
        sys.stdout.write(
            f"rebuild, {reading} reading  {fed:,} events, {state.kernel.entities:,} entities: "
            f"{seconds:.2f} s, {fed / seconds:,.0f} a second\n"
        )
        if fed != positions or state.position != positions:
            sys.stderr.write(f"rebuild: the state stands at {state.position}, not at {positions}\n")
            return 1
        if seconds > GOAL_SECONDS_A_MILLION * max(1.0, positions / 1_000_000):
            sys.stderr.write(f"rebuild: a million take more than {GOAL_SECONDS_A_MILLION:.0f} s\n")
            return 1
    return 0


async def fill_log(url: str, positions: int) -> None:
    """Migrate a database and fill a log of so many positions."""
    await migrate(url)
    connection = await asyncpg.connect(url)
    try:
        # The same payments in every run.
        await connection.execute("select setseed(0.5)")
        await connection.execute(_FILL, positions, CARDS, MERCHANTS, EVERY, BEHIND, timeout=600)
        await connection.execute(_LABEL, positions, EVERY, BEHIND, timeout=600)
        await connection.execute(_END, positions)
        # As the server does by itself after a while.
        await connection.execute("vacuum analyze fraudline.transactions, fraudline.label_applications", timeout=600)
    finally:
        await connection.close()


if __name__ == "__main__":
    sys.exit(main())
