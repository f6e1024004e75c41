"""More than can be scored in time: refused at once, and what was accepted is scored once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servers.eventually import eventually
from system.ledger import Journal, assert_ledgers_agree
from system.payments import a_transaction

if TYPE_CHECKING:
    import asyncpg
    import httpx2

    from system.services import System

BATCH = 100
# Past half of the window, and then more than may wait for their turn.
FILLING, TOO_MANY = 6, 12


async def test_a_flood_of_batches_is_refused_in_part_while_single_posts_come_in_and_all_accepted_are_scored_once(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    await system.start()
    accepted: set[str] = set()
    refused: list[httpx2.Response] = []
    numbers = iter(range(1, 1_000_000))

    async def post(client: httpx2.AsyncClient) -> None:
        batch = [a_transaction(next(numbers)) for _ in range(BATCH)]
        answer = await client.post("/v1/transactions/batch", json=batch)
        if answer.status_code == 202:
            accepted.update(transaction["transaction_id"] for transaction in batch)
        else:
            refused.append(answer)

    async def flood() -> bool:
        """Post while the scorer cannot commit, which it can before that is an outage; return if some were refused."""
        async with system.client as client:
            async with database.transaction():
                await database.execute("lock table fraudline.partitions in access exclusive mode")
                for _ in range(FILLING):
                    await post(client)
                together = [asyncio.create_task(post(client)) for _ in range(TOO_MANY)]
                single = a_transaction(next(numbers))
                answer = await client.post("/v1/transactions", json=single)
                assert answer.status_code == 202, answer.text
                accepted.add(single["transaction_id"])
            await asyncio.gather(*together)
        return bool(refused)

    await eventually(flood, within=20)

    assert {answer.status_code for answer in refused} == {503}
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {answer.json()["code"] for answer in refused} == {"full"}
    assert system.ingest.metric("fraudline_events_refused_total") == len(refused)
    journal = Journal(acknowledged=accepted)
    await eventually(lambda: _count(database, len(accepted)), within=30)
    logged = await database.fetch("select transaction_id from fraudline.transactions order by position")
    journal.note_posted(row["transaction_id"] for row in logged)
    ledger = await assert_ledgers_agree(system, journal)
    assert (ledger.verdicts, ledger.recovered) == (len(accepted), 0)


async def _count(database: asyncpg.Connection[asyncpg.Record], wanted: int) -> bool:
    return bool(await database.fetchval("select count(*) >= $1 from fraudline.verdicts", wanted))
