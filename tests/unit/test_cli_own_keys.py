"""The keys that `up` keeps: the same at every start, made anew when they no longer open anything."""

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fraudline.cli.own_keys import COMMANDS, own_keys
from fraudline.domain.api_key import hash_of
from fraudline.postgres.api_keys import read_live_keys, revoke_key
from fraudline.postgres.database import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.connect(database_url, name="test")
    yield database
    await database.close()


async def test_the_second_start_has_the_keys_of_the_first(tmp_path: Path, database: Database) -> None:
    first = await own_keys(tmp_path, database)
    assert await own_keys(tmp_path, database) == first
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600
    async with database.acquire() as connection:
        live = await read_live_keys(connection)
    assert {hash_of(first.commands), hash_of(first.first_call)} == live.keys()
    assert {client.role for client in live.values()} == {"ingest"}


@pytest.mark.parametrize("damage", ["revoked", "file gone", "file damaged"])
async def test_keys_that_open_nothing_any_more_are_made_anew(tmp_path: Path, database: Database, damage: str) -> None:
    first = await own_keys(tmp_path, database)
    if damage == "revoked":
        async with database.acquire() as connection:
            await revoke_key(connection, COMMANDS)
    elif damage == "file gone":
        (tmp_path / "keys.json").unlink()
    else:
        (tmp_path / "keys.json").write_text("{")
    second = await own_keys(tmp_path, database)
    assert second.commands != first.commands
    async with database.acquire() as connection:
        assert hash_of(second.commands) in await read_live_keys(connection)
