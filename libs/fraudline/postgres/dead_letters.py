"""Dead letters as rows: what could not be processed, once each, until somebody sends it again or drops it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from fraudline.amqp.letters import DeadReason, Letter

if TYPE_CHECKING:
    import asyncpg

    from fraudline.postgres.database import Connection

MAX_LISTED = 1_000
SHORTEST_PREFIX = 4

# A letter that comes again counts one attempt more, keeps its first error, and is open again whatever was done before.
_STORE = """
insert into fraudline.dead_letters as kept
    (id, queue, reason, error, event_type, transaction_id, body, is_masked, attempts)
select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[],
                     $8::boolean[], $9::integer[])
order by 1
on conflict (id) do update
set attempts = kept.attempts + excluded.attempts,
    last_seen_at = now(),
    state = 'open',
    state_changed_at = case when kept.state = 'open' then kept.state_changed_at else now() end
"""

_COLUMNS = """
id, queue, reason, error, event_type, transaction_id, is_masked, attempts, first_seen_at, last_seen_at, state,
state_changed_at
"""

# The ones that have been waiting longest come first: they are next to be looked at.
_LIST = f"""
select {_COLUMNS}, ''::bytea as body, count(*) over () as matching
from fraudline.dead_letters
where ($1::text is null or state = $1)
  and ($2::text is null or reason = $2)
  and last_seen_at <= now() - $3::interval
order by last_seen_at, id
limit $4
"""  # noqa: S608 - the columns stand in this file

_FIND = f"""
select {_COLUMNS}, body from fraudline.dead_letters where id like $1 || '%' order by id limit 2
"""  # noqa: S608 - the columns stand in this file

# In small steps behind the last id: a thousand bodies of 1 MiB at once would be a gigabyte.
_OPEN_AFTER = f"""
select {_COLUMNS}, body from fraudline.dead_letters
where state = 'open' and ($1::text is null or reason = $1) and id > $2 and last_seen_at <= $3
order by id
limit $4
"""  # noqa: S608 - the columns stand in this file

_NOW = "select now()"

# Only where it has not come back meanwhile: then it has one attempt more, and is open with good reason.
_MARK = """
update fraudline.dead_letters set state = $3, state_changed_at = now()
where id = $1 and attempts = $2
returning id
"""


class LetterState(StrEnum):
    """What was done about a letter."""

    OPEN = "open"
    RETRIED = "retried"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One row; `body` is empty in lists."""

    id: str
    queue: str
    reason: str
    error: str
    event_type: str | None
    transaction_id: str | None
    body: bytes
    is_masked: bool
    attempts: int
    first_seen_at: datetime
    last_seen_at: datetime
    state: LetterState
    state_changed_at: datetime | None

    @classmethod
    def of_row(cls, row: "asyncpg.Record") -> Self:
        """Return what a row says."""
        fields = {name: row[name] for name in cls.__slots__}
        return cls(**fields | {"state": LetterState(row["state"])})

    @property
    def obstacle(self) -> str | None:
        """Return why the letter can never be sent again, or None where it can."""
        if self.is_masked:
            return "it held a card number, which was masked; post the transaction again with a token"
        if self.reason == DeadReason.MESSAGE_TOO_LARGE:
            return "it was larger than a message may be; publish it in smaller ones"
        return None


async def store_letters(connection: "Connection", letters: Iterable[Letter]) -> None:
    """Store each letter once; one that is there already counts an attempt more and is open again."""
    arrivals: dict[str, tuple[Letter, int]] = {}
    for letter in letters:
        first, count = arrivals.get(letter.id, (letter, 0))
        arrivals[letter.id] = (first, count + 1)
    kept = [(identifier, letter, count) for identifier, (letter, count) in arrivals.items()]
    await connection.execute(
        _STORE,
        [identifier for identifier, _, _ in kept],
        [letter.queue for _, letter, _ in kept],
        [letter.reason.value for _, letter, _ in kept],
        [letter.error for _, letter, _ in kept],
        [letter.event_type for _, letter, _ in kept],
        [letter.transaction_id for _, letter, _ in kept],
        [letter.body for _, letter, _ in kept],
        [letter.is_masked for _, letter, _ in kept],
        [count for _, _, count in kept],
    )


async def list_letters(
    connection: "Connection",
    *,
    state: LetterState | None = LetterState.OPEN,
    reason: DeadReason | None = None,
    older_than: timedelta = timedelta(0),
    limit: int = 100,
) -> tuple[list[DeadLetter], int]:
    """Return letters without their bodies, the longest waiting first, and how many match in all."""
    rows = await connection.fetch(_LIST, state, reason, older_than, min(limit, MAX_LISTED))
    return [DeadLetter.of_row(row) for row in rows], rows[0]["matching"] if rows else 0


async def find_letters(connection: "Connection", prefix: str) -> list[DeadLetter]:
    """Return the letters whose id begins so: none, the one, or two of many."""
    if len(prefix) < SHORTEST_PREFIX or not set(prefix) <= set("0123456789abcdef"):
        return []
    return [DeadLetter.of_row(row) for row in await connection.fetch(_FIND, prefix)]


async def now(connection: "Connection") -> datetime:
    """Return the database's time, which `last_seen_at` is told in."""
    moment: datetime = await connection.fetchval(_NOW)
    return moment


async def open_letters(
    connection: "Connection", *, reason: DeadReason | None, after: str, seen_until: datetime, limit: int
) -> Sequence[DeadLetter]:
    """Return the next open letters in order of their ids, of those that were last seen by a moment."""
    rows = await connection.fetch(_OPEN_AFTER, reason, after, seen_until, limit)
    return [DeadLetter.of_row(row) for row in rows]


async def mark(connection: "Connection", letter: DeadLetter, state: LetterState) -> bool:
    """Note what was done about a letter; return False where it came back meanwhile, and so stays open."""
    return await connection.fetchval(_MARK, letter.id, letter.attempts, state) is not None
