"""A bounded pool of connections to PostgreSQL, and the one place where its errors become ours."""

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from fraudline.errors import ConfigurationError, DependencyAway

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]

T = TypeVar("T")

DATABASE = "PostgreSQL"
CONNECT_SECONDS = 4.0
COMMAND_SECONDS = 10.0
CLOSE_SECONDS = 3.0

_SERVER_SETTINGS = {
    "statement_timeout": "10s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
    "timezone": "UTC",
    # A plan that is kept was made when the tables were small: look-ups by lists of ids then read all of them.
    "plan_cache_mode": "force_custom_plan",
}

# SQLSTATE classes and codes after which the same statement may succeed later.
_AWAY_CLASSES = ("08", "53", "57P", "58")
_AWAY_CODES = frozenset({"25006", "40001", "40P01", "55P03", "57014"})
_READ_ONLY = "25006"
DRIVER_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
_UNUSABLE = (
    asyncpg.ClientConfigurationError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
_NOT_MIGRATED = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidSchemaNameError,
)


def is_away(error: BaseException) -> bool:
    """Return whether `error` says that the server is gone, busy, read-only or on its way down: never by its text."""
    if isinstance(error, asyncpg.PostgresError):
        code = error.sqlstate or ""
        return code in _AWAY_CODES or code.startswith(_AWAY_CLASSES)
    # InternalClientError: what the driver raises when the server vanished in the middle of its protocol.
    return not isinstance(error, asyncpg.ClientConfigurationError) and isinstance(
        error, asyncpg.InterfaceError | asyncpg.InternalClientError | OSError
    )


def _noted(reading: "asyncio.Task[Any]") -> None:
    """Take note of how a reading ended: what it raised was told already, or nobody is there to be told."""
    if not reading.cancelled():
        reading.exception()


async def _keep_session(_connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """Spare a lent connection the driver's reset, a round trip: nobody here changes a session's state."""


class Database:
    """A pool of at most `pool_size` connections; every wait has an end."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    @classmethod
    async def connect(cls, url: str, *, name: str, pool_size: int = 4) -> Self:
        """Prepare a pool; no connection is opened yet, so the server may still be away.

        `name` is what the server shows as application_name.

        Raises:
            ConfigurationError: The URL cannot be read.
        """
        try:
            return cls(await cls._pool_of(url, name, pool_size))
        except ValueError as error:
            raise ConfigurationError("FRAUDLINE_DATABASE_URL", "is no URL that can be read") from error

    @staticmethod
    async def _pool_of(url: str, name: str, pool_size: int) -> "asyncpg.Pool[asyncpg.Record]":
        return await asyncpg.create_pool(
            url,
            min_size=0,
            max_size=pool_size,
            timeout=CONNECT_SECONDS,
            command_timeout=COMMAND_SECONDS,
            reset=_keep_session,
            target_session_attrs=SessionAttribute.read_write,
            server_settings=_SERVER_SETTINGS | {"application_name": name},
        )

    async def borrow(self, seconds: float = 2.0) -> "Connection":
        """Return a connection that is the caller's until it is given back or cut off.

        Raises the driver's errors as they are: `acquire` and `KeptConnection` translate them.
        """
        return await self._pool.acquire(timeout=seconds + CONNECT_SECONDS)

    async def give_back(self, connection: "Connection") -> None:
        """Take back what was borrowed."""
        await self._pool.release(connection)

    @asynccontextmanager
    async def acquire(self, seconds: float = 2.0) -> "AsyncIterator[Connection]":
        """Lend a connection, after a wait of at most `seconds` for a free one.

        Raises:
            DependencyAway: No connection could be had, or the server went away in the block.
            ConfigurationError: The URL, its user or its database cannot be used, or the schema is an older release's.
        """
        try:
            connection = await self.borrow(seconds)
            try:
                yield connection
            except (TimeoutError, asyncio.CancelledError):
                # A server that is frozen would be asked politely to cancel, and waited for. Cut it off instead.
                connection.terminate()
                raise
            finally:
                await self.give_back(connection)
        except DRIVER_ERRORS as error:
            meaning = await self.meaning_of(error)
            if meaning is None:
                raise
            raise meaning from error

    async def meaning_of(self, error: Exception) -> Exception | None:
        """Return what a driver's error means to those who ask the database; None where it is a fault of ours."""
        if isinstance(error, _UNUSABLE):
            return ConfigurationError(
                "FRAUDLINE_DATABASE_URL", f"no session can be opened with it ({type(error).__name__})"
            )
        if isinstance(error, _NOT_MIGRATED):
            return ConfigurationError(
                "FRAUDLINE_DATABASE_URL", "the schema is not there or older than this release; run fraudline migrate"
            )
        if not is_away(error):
            return None
        if getattr(error, "sqlstate", None) == _READ_ONLY:
            # Failed over: the pool sits on what is now a standby.
            await self._pool.expire_connections()
        return DependencyAway(DATABASE, type(error).__name__)

    async def ask(self, work: "Callable[[Connection], Awaitable[T]]", *, within_seconds: float) -> T:
        """Return what `work` finds on a connection, or give up in time.

        A reading that is cancelled waits for the server to agree before it ends, and a server that hangs does not:
        so nobody waits for the reading itself.

        Raises:
            DependencyAway: The server is away or slow. What was to be written may have been.
        """

        async def read() -> T:
            async with self.acquire() as connection:
                return await work(connection)

        reading = asyncio.create_task(read(), name="asking the database")
        reading.add_done_callback(_noted)
        done, _ = await asyncio.wait({reading}, timeout=within_seconds)
        if not done:
            reading.cancel()
            raise DependencyAway(DATABASE, "no answer in time")
        return reading.result()

    async def close(self) -> None:
        """Give all connections back; after three seconds cut them."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            with contextlib.suppress(asyncpg.InterfaceError):  # the pool was closed in that very moment
                self._pool.terminate()
