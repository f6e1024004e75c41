"""A partition's log: its end, its owner, and what stands in it in order of position."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

    from fraudline.postgres.database import Connection

# Raising the epoch fences every earlier owner: its next commit finds no row.
_TAKE_OVER = """
update fraudline.partitions set epoch = epoch + 1, owner = $2, owned_since = now()
where partition = $1
returning epoch, last_position
"""

_END = "select epoch, last_position from fraudline.partitions where partition = $1"

# The positions, then a column of `LoggedEvent` each, as an array: a row object an event would be most of a rebuild's
# work; what labels alone have is told of them alone. The part is sorted once: the aggregates' own order finds it done.
# Times are whole microseconds since 1970, as the kernel wants them: its time is min(occurred_at, accepted_at).
_READ = """
select array_agg(position order by position), array_agg(is_transaction order by position),
       array_agg((extract(epoch from moment) * 1000000)::bigint order by position), array_agg(weight order by position),
       array_agg(base_amount order by position), array_agg(card_id order by position),
       array_agg(merchant_id order by position), array_agg(device_id order by position),
       array_agg(merchant_country order by position), array_agg(customer_id order by position),
       array_agg(latitude order by position), array_agg(longitude order by position),
       array_agg(billing_country order by position), array_agg(channel order by position),
       array_agg((extract(epoch from transaction_time) * 1000000)::bigint order by position)
           filter (where not is_transaction)
from (
    select position, true as is_transaction, least(occurred_at, accepted_at) as moment, 0 as weight, base_amount,
           card_id, merchant_id, device_id, merchant_country, customer_id, latitude, longitude, billing_country,
           channel, null::timestamptz as transaction_time
    from fraudline.transactions
    where partition = $1 and position > $2 and position <= $3
    union all
    select position, false, counted_at, weight, base_amount, card_id, merchant_id, device_id, merchant_country,
           customer_id, null, null, null, null, transaction_time
    from fraudline.label_applications
    where partition = $1 and position > $2 and position <= $3
    order by position
) as log
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


class LoggedEvent(NamedTuple):
    """What stands at a position of the log, as far as the kernel is concerned.

    Of a label: `microseconds` is since when the fraud counts, `weight` +1 or -1; `base_amount`, the identifiers and
    `transaction_microseconds` are those of its transaction, which for a transaction itself are not told twice.
    """

    is_transaction: bool
    microseconds: int
    weight: int
    base_amount: float | None
    card_id: str
    merchant_id: str
    device_id: str | None
    merchant_country: str | None
    customer_id: str | None
    latitude: float | None = None
    longitude: float | None = None
    billing_country: str | None = None
    channel: str | None = None
    transaction_microseconds: int | None = None


class LogColumns(NamedTuple):
    """A part of the log: the positions where something stands, and of that a column a field of `LoggedEvent`."""

    positions: "Sequence[int]"
    columns: "list[Sequence[Any]]"


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


async def read_log(connection: "Connection", partition: int, *, after: int, until: int) -> LogColumns:
    """Return what stands at the positions `after` + 1 to `until`, in order."""
    row = await connection.fetchrow(_READ, partition, after, until)
    # Over no rows an aggregate is null.
    positions, *columns, of_labels = [column or () for column in row or ()]
    label_times = iter(of_labels)
    transaction_times = [None if is_transaction else next(label_times) for is_transaction in columns[0]]
    return LogColumns(positions, [*columns, transaction_times])


async def read_scores(connection: "Connection", partition: int, *, after: int, until: int) -> "list[asyncpg.Record]":
    """Return position, stored score and model of the transactions at `after` + 1 to `until`, in order."""
    return await connection.fetch(_SCORES, partition, after, until)
