"""What tells a log from one that a backup brought back and that grew on: both have the same positions."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fraudline.postgres.database import Connection

# As many entries as make it certain that one of them was scored: its moment, to the microsecond, does not come again.
_ENTRIES: Final = 1_000

_MARK = """
select encode(sha256(convert_to(string_agg(entry, E'\\n' order by position), 'UTF8')), 'hex')
from (
    select t.position, concat_ws(' ', t.position, t.transaction_id, encode(v.fingerprint, 'hex'),
                                 (extract(epoch from v.scored_at) * 1000000)::bigint) as entry
    from fraudline.transactions t left join fraudline.verdicts v using (transaction_id)
    where t.partition = $1 and t.position > $3 and t.position <= $2
    union all
    select position, concat_ws(' ', position, transaction_id, weight,
                               (extract(epoch from counted_at) * 1000000)::bigint)
    from fraudline.label_applications
    where partition = $1 and position > $3 and position <= $2
) as log
"""


async def read_log_mark(connection: "Connection", partition: int, position: int) -> str | None:
    """Return the SHA-256 over the last thousand entries up to a position; None where there are none.

    Logs that agree in it agree in everything before: where one was restored and has grown on since, the moments at
    which transactions were scored are others; where only labels came since, those are compared themselves.
    """
    mark: str | None = await connection.fetchval(_MARK, partition, position, position - _ENTRIES)
    return mark
