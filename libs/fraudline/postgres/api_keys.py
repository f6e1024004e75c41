"""API keys in the database: made, listed, revoked, read by every service."""

from typing import TYPE_CHECKING, NamedTuple

from fraudline.domain.api_key import Client, Role, hash_of, new_key, shown_prefix

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    import asyncpg

    from fraudline.postgres.database import Connection

MAX_NAME_LENGTH = 64

_CREATE = """
insert into fraudline.api_keys (name, role, prefix, hash) values ($1, $2, $3, $4)
"""
_LIST = """
select id, name, role, prefix, created_at, revoked_at from fraudline.api_keys order by created_at, id
"""
# A person names a key by its id, its shown prefix or, all keys of a client at once, the client's name.
_REVOKE = """
update fraudline.api_keys set revoked_at = now()
where revoked_at is null and (id::text = $1 or prefix = $1 or name = $1)
returning id, name, role, prefix, created_at, revoked_at
"""
# A later release may know more roles. What they allow is not known here, so their keys open nothing, and only theirs.
_LIVE = """
select hash, name, role from fraudline.api_keys where revoked_at is null and role = any($1::text[])
"""


class StoredKey(NamedTuple):
    """What is known of a key that was made once; its role as it is written, which a later release may have done."""

    id: "UUID"
    name: str
    role: str
    prefix: str
    created_at: "datetime"
    revoked_at: "datetime | None"


def _stored(row: "asyncpg.Record") -> StoredKey:
    return StoredKey(row["id"], row["name"], row["role"], row["prefix"], row["created_at"], row["revoked_at"])


def is_client_name(name: str) -> bool:
    """Return whether `name` can be a client's: 1 to 64 printable characters, no blank at either end."""
    return 0 < len(name) <= MAX_NAME_LENGTH and name.isprintable() and name == name.strip()


async def create_key(connection: "Connection", *, name: str, role: Role) -> str:
    """Make a key for the client `name` and return it: it can never be read again.

    Raises:
        ValueError: The name cannot be a client's.
    """
    if not is_client_name(name):
        raise ValueError(f"a client's name has 1 to {MAX_NAME_LENGTH} printable characters")
    key = new_key()
    await connection.execute(_CREATE, name, role.value, shown_prefix(key), hash_of(key))
    return key


async def list_keys(connection: "Connection") -> list[StoredKey]:
    """Return all keys that were ever made, the oldest first."""
    return [_stored(row) for row in await connection.fetch(_LIST)]


async def revoke_key(connection: "Connection", which: str) -> list[StoredKey]:
    """Revoke the live keys with this id, prefix or name; return them."""
    return [_stored(row) for row in await connection.fetch(_REVOKE, which)]


async def read_live_keys(connection: "Connection") -> dict[bytes, Client]:
    """Return whom each live key's hash belongs to; keys with a role that is not known here are left out."""
    rows = await connection.fetch(_LIVE, [role.value for role in Role])
    return {row["hash"]: Client(row["name"], Role(row["role"])) for row in rows}
