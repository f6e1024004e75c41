"""A partition's log: its end, its owner, and what stands in it in order of position."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

    from fraudline.postgres.database import Connection

# Raising the epoch fences every earlier owner: its next commit finds no row.
_TAKE_OVER = """
update fraudline.partitions set epoch = epoch + 1, owner = $2, owned_since = now()
where partition = $1
returning epoch, last_position
"""

_END = "select epoch, last_position from fraudline.partitions where partition = $1"

# Times in whole microseconds since 1970, as the kernel wants them: its time is min(occurred_at, accepted_at).
_READ = """
select position, 1 as weight, true as is_transaction,
       (extract(epoch from least(occurred_at, accepted_at)) * 1000000)::bigint as microseconds,
       base_amount, card_id, merchant_id
from fraudline.transactions
where partition = $1 and position > $2 and position <= $3
union all
select position, weight, false, (extract(epoch from counted_at) * 1000000)::bigint, null, card_id, merchant_id
from fraudline.label_applications
where partition = $1 and position > $2 and position <= $3
order by position
"""

_SCORES = """
select t.position, v.score, v.model
from fraudline.transactions t join fraudline.verdicts v using (transaction_id)
where t.partition = $1 and t.position > $2 and t.position <= $3
order by t.position
"""

_PROBE = "select fraudline.probe_write()"


@dataclass(frozen=True, slots=True)
class LogEnd:
    """Who may append (`epoch`) and behind which position."""

    epoch: int
    last_position: int


async def probe_write(connection: "Connection") -> None:
    """Write something that needs room, and take it away again: a server that only reads does not pass for well."""
    await connection.execute(_PROBE)


async def take_over(connection: "Connection", partition: int, *, owner: str) -> LogEnd:
    """Become the owner of a partition: from now on every earlier owner's commit is refused."""
    row = await connection.fetchrow(_TAKE_OVER, partition, owner)
    if row is None:
        raise LookupError(f"partition {partition} is not in fraudline.partitions")
    return LogEnd(row["epoch"], row["last_position"])


async def read_end(connection: "Connection", partition: int) -> LogEnd:
    """Return the epoch and the last position of a partition."""
    row = await connection.fetchrow(_END, partition)
    if row is None:
        raise LookupError(f"partition {partition} is not in fraudline.partitions")
    return LogEnd(row["epoch"], row["last_position"])


async def read_log(connection: "Connection", partition: int, *, after: int, until: int) -> "list[asyncpg.Record]":
    """Return what stands at the positions `after` + 1 to `until`, in order, as the kernel needs it."""
    return await connection.fetch(_READ, partition, after, until)


async def read_scores(connection: "Connection", partition: int, *, after: int, until: int) -> "list[asyncpg.Record]":
    """Return position, stored score and model of the transactions at `after` + 1 to `until`, in order."""
    return await connection.fetch(_SCORES, partition, after, until)
