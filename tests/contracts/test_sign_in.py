"""One-time links and sessions: each link opens once and in time, each session ends, and no token is kept anywhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from fraudline.domain.api_key import Client, Role
from fraudline.domain.sign_in import IDLE_HOURS, LINK_MINUTES, SESSION_HOURS
from fraudline.postgres.database import Database
from fraudline.postgres.sign_in import (
    CLEARED_AT_ONCE,
    LinkRefusal,
    SignedIn,
    create_link,
    end_session,
    person_of,
    take_link,
)
from servers.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import asyncpg

    from fraudline.postgres.database import Connection

    Plain = asyncpg.Connection[asyncpg.Record]

TAKERS = 4
NEVER_MADE = ["", "x", "b" * 43, "b" * 42, "b" * 44, "b" * 42 + "ä", "b" * 43 + "\n", "\0" * 43, "b" * 100_000]


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url, name="test", pool_size=8)
    yield database
    await database.close()


@pytest.fixture
async def connection(pool: Database) -> AsyncIterator[Connection]:
    async with pool.acquire() as connection:
        yield connection


async def a_session(connection: Connection, name: str = "ada", role: Role = Role.ANALYST) -> str:
    taken = await take_link(connection, await create_link(connection, name=name, role=role))
    assert isinstance(taken, SignedIn)
    return taken.session_token


async def put_back(database: Plain, table: str, column: str, minutes: int) -> None:
    """Let a time in all rows be so many minutes ago."""
    statement = f"update fraudline.{table} set {column} = now() - make_interval(mins => $1)"  # noqa: S608 - names of ours
    await database.execute(statement, minutes)


@pytest.mark.parametrize("role", [Role.ANALYST, Role.LEAD, Role.ADMIN])
async def test_a_link_signs_the_person_in_whom_it_was_made_for(connection: Connection, role: Role) -> None:
    token = await create_link(connection, name="Ada Lovelace", role=role)

    taken = await take_link(connection, token)

    assert isinstance(taken, SignedIn)
    assert taken.person == Client("Ada Lovelace", role)
    assert await person_of(connection, taken.session_token) == Client("Ada Lovelace", role)


async def test_a_link_opens_once(connection: Connection, database: Plain) -> None:
    token = await create_link(connection, name="ada", role=Role.ANALYST)
    assert isinstance(await take_link(connection, token), SignedIn)

    assert await take_link(connection, token) is LinkRefusal.USED

    await put_back(database, "sign_in_links", "expires_at", minutes=1)
    assert await take_link(connection, token) is LinkRefusal.USED
    assert await database.fetchval("select count(*) from fraudline.sessions") == 1


async def test_of_two_who_open_a_link_at_the_same_moment_one_is_let_in(pool: Database, database: Plain) -> None:
    async with pool.acquire() as connection:
        token = await create_link(connection, name="ada", role=Role.ANALYST)

    async def take() -> SignedIn | LinkRefusal:
        async with pool.acquire() as connection:
            return await take_link(connection, token)

    waiting = (
        "select count(*) = $1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    # All have begun, and wait for the row, before any of them can have it.
    async with pool.acquire() as onlooker, database.transaction():
        await database.execute("select from fraudline.sign_in_links for update")
        takers = [asyncio.create_task(take()) for _ in range(TAKERS)]
        await eventually(lambda: onlooker.fetchval(waiting, TAKERS))
    taken = await asyncio.gather(*takers)

    assert sum(isinstance(one, SignedIn) for one in taken) == 1
    assert taken.count(LinkRefusal.USED) == TAKERS - 1
    assert await database.fetchval("select count(*) from fraudline.sessions") == 1


async def test_a_link_that_is_too_old_opens_nothing(connection: Connection, database: Plain) -> None:
    token = await create_link(connection, name="ada", role=Role.ANALYST)
    lasts = await database.fetchval("select expires_at - created_at from fraudline.sign_in_links")
    assert lasts.total_seconds() == LINK_MINUTES * 60

    await put_back(database, "sign_in_links", "expires_at", minutes=0)

    assert await take_link(connection, token) is LinkRefusal.EXPIRED
    assert await database.fetchval("select used_at from fraudline.sign_in_links") is None


@pytest.mark.parametrize("token", NEVER_MADE, ids=lambda token: f"{token[-2:]!a} of {len(token)}")
async def test_what_was_never_made_opens_nothing(connection: Connection, token: str) -> None:
    await create_link(connection, name="ada", role=Role.ANALYST)
    assert await take_link(connection, token) is LinkRefusal.UNKNOWN
    assert await person_of(connection, token) is None
    await end_session(connection, token)


async def test_a_role_of_a_later_release_opens_nothing(connection: Connection, database: Plain) -> None:
    token = await create_link(connection, name="ada", role=Role.ANALYST)
    session = await a_session(connection)
    await database.execute("update fraudline.sign_in_links set role = 'auditor'")
    await database.execute("update fraudline.sessions set role = 'auditor'")

    assert await take_link(connection, token) is LinkRefusal.UNKNOWN
    assert await person_of(connection, session) is None


@pytest.mark.parametrize("name", ["", " ada", "ada\n", "a" * 65])
async def test_a_name_that_nobody_could_read_is_refused(connection: Connection, name: str) -> None:
    with pytest.raises(ValueError, match="1 to 64 printable characters"):
        await create_link(connection, name=name, role=Role.ANALYST)


async def test_who_only_posts_transactions_has_nothing_to_sign_in_to(connection: Connection) -> None:
    with pytest.raises(ValueError, match="choose one of analyst, lead, admin"):
        await create_link(connection, name="shop", role=Role.INGEST)


async def test_a_session_that_was_ended_opens_nothing_and_harms_no_other(connection: Connection) -> None:
    session, other = await a_session(connection), await a_session(connection)

    await end_session(connection, session)
    await end_session(connection, session)

    assert await person_of(connection, session) is None
    assert await person_of(connection, other) == Client("ada", Role.ANALYST)


async def test_an_idle_session_ends(connection: Connection, database: Plain) -> None:
    session = await a_session(connection)
    await put_back(database, "sessions", "last_seen_at", minutes=IDLE_HOURS * 60 - 1)
    # Used in time: it lives on from now.
    assert await person_of(connection, session) is not None
    assert await person_of(connection, session) is not None

    await put_back(database, "sessions", "last_seen_at", minutes=IDLE_HOURS * 60)

    assert await person_of(connection, session) is None
    assert await person_of(connection, session) is None


async def test_a_session_ends_however_busy_it_is(connection: Connection, database: Plain) -> None:
    session = await a_session(connection)
    lasts = await database.fetchval("select ends_at - started_at from fraudline.sessions")
    assert lasts.total_seconds() == SESSION_HOURS * 3600
    assert await person_of(connection, session) is not None

    await put_back(database, "sessions", "ends_at", minutes=0)

    assert await person_of(connection, session) is None


async def test_that_a_session_is_used_is_written_once_a_minute(connection: Connection, database: Plain) -> None:
    session = await a_session(connection)
    began = await database.fetchval("select last_seen_at from fraudline.sessions")
    await person_of(connection, session)
    assert await database.fetchval("select last_seen_at from fraudline.sessions") == began

    await put_back(database, "sessions", "last_seen_at", minutes=1)
    await person_of(connection, session)

    assert await database.fetchval("select last_seen_at from fraudline.sessions") > began


async def test_no_token_is_stored(connection: Connection, database: Plain) -> None:
    token = await create_link(connection, name="ada", role=Role.ANALYST)
    taken = await take_link(connection, token)
    assert isinstance(taken, SignedIn)

    rows = [dict(row) for table in ("sign_in_links", "sessions")
            for row in await database.fetch(f"select * from fraudline.{table}")]  # fmt: skip # noqa: S608 - ours

    for stored in (value for row in rows for value in row.values()):
        for secret in (token, taken.session_token):
            assert secret not in str(stored)
            assert secret.encode() != stored
    assert {len(row["hash"]) for row in rows} == {32}
    assert taken.session_token != token


async def test_what_ran_out_a_day_ago_is_cleared_away_a_little_at_a_time(
    connection: Connection, database: Plain
) -> None:
    for table, ends in (("sign_in_links", "expires_at"), ("sessions", "ends_at")):
        await database.execute(
            f"insert into fraudline.{table} (hash, name, role, {ends}) "  # noqa: S608 - names of ours
            "select sha256(n::text::bytea), 'old', 'analyst', now() - interval '25 hours' "
            "from generate_series(1, $1) n",
            CLEARED_AT_ONCE + 1,
        )
    session = await a_session(connection, name="new")

    counted = "select count(*) from fraudline.sign_in_links where name = $1"
    assert await database.fetchval(counted, "old") == 1
    assert await database.fetchval(counted.replace("sign_in_links", "sessions"), "old") == 1
    await database.execute("update fraudline.sessions set ended_at = now() - interval '25 hours' where name = 'new'")
    await create_link(connection, name="new", role=Role.ANALYST)
    assert await database.fetchval(counted, "old") == 0
    assert await database.fetchval("select count(*) from fraudline.sessions") == 0
    assert await person_of(connection, session) is None
