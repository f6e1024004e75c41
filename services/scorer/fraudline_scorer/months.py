"""Makes the monthly partitions of `fraudline.transactions` before they are needed."""

import asyncio
from typing import TYPE_CHECKING

import asyncpg

from fraudline.errors import DependencyAway
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.run import stopped_within

if TYPE_CHECKING:
    from fraudline.postgres.database import Database

CHECK_SECONDS = 6 * 3600.0
RETRY_SECONDS = 60.0

_ENSURE = "select fraudline.ensure_transaction_partitions()"


async def keep_months(database: "Database", stop: asyncio.Event) -> None:
    """Look every six hours whether the coming months have their partitions, until `stop`.

    Where one is missing nothing is lost: rows go to the default partition.
    """
    while not stop.is_set():
        pause = CHECK_SECONDS
        try:
            async with database.acquire() as connection:
                await connection.execute(_ENSURE)
        except (DependencyAway, asyncpg.PostgresError) as error:
            # Not worth a death: without the right to create tables all rows go to the default partition.
            get_logger().warning(LogEvent.MONTHS_NOT_ENSURED, **describe(error))
            pause = RETRY_SECONDS
        await stopped_within(stop, pause)
