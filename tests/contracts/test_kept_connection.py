"""A connection that is kept: one session for as long as it is well, and none of the pool's lost when it is not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg
import pytest

from fraudline.errors import DependencyAway
from fraudline.postgres.database import Database
from fraudline.postgres.kept_connection import KeptConnection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from fraudline.postgres.database import Connection

_END = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name = 'kept'"


@pytest.fixture
async def kept(database_url: str) -> AsyncIterator[KeptConnection]:
    # With one connection in the pool, whoever fails to give it back leaves the next in vain.
    database = await Database.connect(database_url, name="kept", pool_size=1)
    kept = KeptConnection(database)
    yield kept
    await kept.give_back()
    async with database.acquire(seconds=0.1) as connection:
        await connection.fetchval("select 1")
    await database.close()


async def session(connection: Connection) -> int:
    return int(await connection.fetchval("select pg_backend_pid()"))


async def test_a_session_is_kept_and_one_that_the_server_ended_meanwhile_is_replaced_unseen(
    kept: KeptConnection, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    first = await kept.run(session)
    assert await kept.run(session) == first

    await database.fetch(_END)

    assert await kept.run(session) != first


async def test_a_session_that_ends_in_the_middle_is_the_server_away_and_then_replaced(
    kept: KeptConnection, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    async def ended(connection: Connection) -> None:
        await database.fetch(_END)
        await connection.fetchval("select 1")

    first = await kept.run(session)
    with pytest.raises(DependencyAway):
        await kept.run(ended)
    assert await kept.run(session) != first


async def test_a_statement_that_is_cancelled_or_at_fault_costs_its_session_and_no_other(kept: KeptConnection) -> None:
    async def for_ever(connection: Connection) -> None:
        await connection.fetchval("select pg_sleep(60)")

    async def nonsense(connection: Connection) -> None:
        await connection.fetchval("select 1 / 0")

    first = await kept.run(session)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(kept.run(for_ever), 0.05)
    second = await kept.run(session)
    with pytest.raises(asyncpg.DivisionByZeroError):
        await kept.run(nonsense)

    assert len({first, second, await kept.run(session)}) == 3
