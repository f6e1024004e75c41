"""A stretch of the benchmark on a whole system: small, and counted."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest

from fraudline.bench.ledger import CountsDisagree
from fraudline.bench.load import Form
from fraudline.bench.measuring import GENERATOR, Measuring, Supply
from fraudline.bench.subject import Subject
from system.services import System

# The servers of a test run do not track commit timestamps: the moment of scoring stands in for that of the commit.
STORED = """
select substr(transaction_id, 10)::bigint as number, extract(epoch from accepted_at)::float8 as accepted_at,
       extract(epoch from scored_at)::float8 as committed_at, (decision <> 'approve') as is_flagged
from fraudline.verdicts where transaction_id >= $1 and transaction_id < $2
"""


async def test_every_form_of_posting_is_measured_and_counted(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    # given: a system that runs
    await system.start()
    subject = Subject(
        name="system", host="127.0.0.1", port=system.ingest_port, api_key=system.api_key,
        database_url=system.database_url, stored=STORED,
        processes={"ingest": [system.ingest.pid], "scorer": [system.scorers[0].pid]},
    )  # fmt: skip
    measuring = Measuring(subject, Supply(population=50))

    # when: each form of load is put on it
    steady = await measuring.post("steady", Form.SINGLE, seconds=0.5, rate=100, connections=8)
    batch = await measuring.post("batch", Form.BATCH, seconds=5, connections=1, most=1000)
    waiting = await measuring.post("waiting", Form.WAIT, seconds=5, connections=2, most=20)

    # then: all of it is stored, and the figures are of it
    assert (steady.stored, batch.stored, waiting.stored) == (50, 1000, 20)
    assert steady.is_whole
    assert waiting.waited == 20
    assert 0 < steady.committed.p50 <= steady.committed.p99
    assert all(stretch.cpu_microseconds[GENERATOR] > 0 for stretch in (steady, batch, waiting))
    assert batch.memory_bytes["scorer"] > 0
    assert await database.fetchval("select count(*) from fraudline.verdicts") == 1070

    # and: where verdicts are missing the measurement fails
    blind = Measuring(replace(subject, stored=f"{STORED} and false"), Supply(population=50))
    with pytest.raises(CountsDisagree, match="accepted payments have no verdict"):
        await blind.post("blind", Form.SINGLE, seconds=0.1, rate=100, connections=2)
