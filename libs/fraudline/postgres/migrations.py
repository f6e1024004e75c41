"""Brings the schema up to date: numbered SQL files, each applied once, in order, each in a transaction of its own.

File names say `expand` (the previous release keeps working) or `contract` (what no release uses any more goes).
"""

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

import asyncpg

from fraudline.errors import ConfigurationError, DependencyAway
from fraudline.postgres.database import CONNECT_SECONDS, DATABASE, is_away

# Only one process migrates at a time; the number is Fraudline's own.
_LOCK = 4_702_111_026

_PREPARE = """
create schema if not exists fraudline;
create table if not exists fraudline.migrations (
    number integer primary key,
    name text not null,
    checksum bytea not null,
    applied_at timestamptz not null default now()
);
"""
_APPLIED = "select number, checksum from fraudline.migrations"
_NOTE = "insert into fraudline.migrations (number, name, checksum) values ($1, $2, $3)"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    number: int
    name: str
    sql: str

    @property
    def checksum(self) -> bytes:
        """SHA-256 of the file: one that was applied must never change."""
        return sha256(self.sql.encode()).digest()


def migrations() -> list[Migration]:
    """Return all steps that this release brings, in order."""
    folder = files("fraudline.postgres") / "migrations"
    found = [entry for entry in folder.iterdir() if entry.name.endswith(".sql")]
    return sorted(
        (Migration(int(entry.name[:4]), entry.name.removesuffix(".sql"), entry.read_text()) for entry in found),
        key=lambda migration: migration.number,
    )


async def migrate(url: str) -> list[str]:
    """Apply what is missing; return the names of the steps taken.

    Raises:
        ConfigurationError: A step that was applied earlier has another content now.
        DependencyAway: The server does not answer.
    """
    try:
        connection = await asyncpg.connect(
            url,
            # No limit for a step: one that is cut off before its end would begin anew each time.
            timeout=CONNECT_SECONDS,
            server_settings={"lock_timeout": "30s", "application_name": "fraudline migrate", "timezone": "UTC"},
        )
    except (asyncpg.PostgresError, OSError) as error:
        if is_away(error):
            raise DependencyAway(DATABASE, type(error).__name__) from error
        raise ConfigurationError("FRAUDLINE_DATABASE_URL", f"the server refuses: {error}") from error
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(_PREPARE)
        applied = {row["number"]: row["checksum"] for row in await connection.fetch(_APPLIED)}
        return [step.name for step in migrations() if await _apply(connection, step, applied.get(step.number))]
    except (asyncpg.PostgresError, OSError) as error:
        if not is_away(error):
            raise
        # Another one migrates for longer than we wait, or the server went away.
        raise DependencyAway(DATABASE, type(error).__name__) from error
    finally:
        await connection.close()


async def _apply(connection: "asyncpg.Connection[asyncpg.Record]", migration: Migration, applied: bytes | None) -> bool:
    if applied == migration.checksum:
        return False
    if applied is not None:
        raise ConfigurationError(
            "FRAUDLINE_DATABASE_URL",
            f"migration {migration.name} was applied with another content; run the release that it came with",
        )
    async with connection.transaction():
        await connection.execute(migration.sql)
        await connection.execute(_NOTE, migration.number, migration.name, migration.checksum)
    return True
