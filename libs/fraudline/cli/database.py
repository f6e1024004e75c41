"""A command's connection to the database of the system that it works on, for as long as its work takes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from fraudline.cli.running import database_url
from fraudline.postgres.database import Database

if TYPE_CHECKING:
    from fraudline.postgres.database import Connection

T = TypeVar("T")


def with_database(command: str, work: Callable[[Database], Awaitable[T]], *, pool_size: int = 2) -> T:
    """Run a command's work on the database; `command` is what PostgreSQL calls its connections."""

    async def run() -> T:
        database = await Database.connect(database_url(), name=f"fraudline {command}", pool_size=pool_size)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def with_connection(command: str, work: "Callable[[Connection], Awaitable[T]]") -> T:
    """Do the same on one connection."""

    async def on_one(database: Database) -> T:
        async with database.acquire() as connection:
            return await work(connection)

    return with_database(command, on_one, pool_size=1)
