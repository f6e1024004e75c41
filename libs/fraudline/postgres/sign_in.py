"""One-time links and sessions in the database: made, taken, looked at, ended; all times are its clock's.

A link's life: made → taken (a session begins) or expired. A session's: begun → seen, again and again → ended, idle for
too long, or past its end. A crash between leaves a link or a session that nobody holds: it runs out by itself.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from fraudline.domain.api_key import Client, Role, hash_of
from fraudline.domain.sign_in import IDLE_HOURS, LINK_MINUTES, SESSION_HOURS, SIGN_IN_ROLES, is_token, new_token
from fraudline.postgres.api_keys import MAX_NAME_LENGTH, is_client_name

if TYPE_CHECKING:
    from fraudline.postgres.database import Connection

# Each new link clears away more than it can leave behind, so both tables hold about two days' worth.
CLEARED_AT_ONCE = 100

# Make a link, and clear away some of what ran out more than a day ago; until then it tells why it opens nothing.
_CREATE_LINK = """
with old_links as (
    delete from fraudline.sign_in_links where hash in (
        select hash from fraudline.sign_in_links where expires_at < now() - interval '1 day'
        limit $5 for update skip locked)
), old_sessions as (
    delete from fraudline.sessions where hash in (
        select hash from fraudline.sessions where least(ends_at, ended_at) < now() - interval '1 day'
        limit $5 for update skip locked)
)
insert into fraudline.sign_in_links (hash, name, role, expires_at)
values ($1, $2, $3, now() + make_interval(mins => $4))
"""
# Use a link up and begin a session, at once: of two who try, the second waits for the first and finds it used. A role
# that a later release gave allows what is not known here, so that link is not known either.
_TAKE_LINK = """
with taken as (
    update fraudline.sign_in_links set used_at = now()
    where hash = $1 and role = any($3::text[]) and used_at is null and expires_at > now()
    returning name, role
), begun as (
    insert into fraudline.sessions (hash, name, role, ends_at)
    select $2, name, role, now() + make_interval(hours => $4) from taken
    returning name, role
)
select name, role, null as refusal from begun
union all
select null, null, case when used_at is null and expires_at <= now() then 'expired' else 'used' end
from fraudline.sign_in_links
where hash = $1 and role = any($3::text[]) and not exists (select from begun)
"""
# Whose session it is while it is live.
_PERSON = """
select name, role from fraudline.sessions
where hash = $1 and role = any($2::text[]) and ended_at is null and ends_at > now()
  and last_seen_at > now() - make_interval(hours => $3)
"""
# The same, with a note that it was seen, written at most once a minute: most requests only read.
_PERSON_SEEN = """
with live as (
    select hash, name, role from fraudline.sessions
    where hash = $1 and role = any($2::text[]) and ended_at is null and ends_at > now()
      and last_seen_at > now() - make_interval(hours => $3)
), seen as (
    update fraudline.sessions as session set last_seen_at = now() from live
    where session.hash = live.hash and session.last_seen_at <= now() - interval '1 minute'
)
select name, role from live
"""
_END_SESSION = """
update fraudline.sessions set ended_at = now() where hash = $1 and ended_at is null
"""

_ROLES = [role.value for role in SIGN_IN_ROLES]


class LinkRefusal(StrEnum):
    """Why a link opens nothing."""

    UNKNOWN = "unknown"
    USED = "used"
    EXPIRED = "expired"


class SignedIn(NamedTuple):
    """A session that has just begun: the token for the person's cookie, which can never be read again, and whose."""

    session_token: str
    person: Client


async def create_link(connection: "Connection", *, name: str, role: Role) -> str:
    """Make a one-time link for a person and return its token: it can never be read again.

    Raises:
        ValueError: The name cannot be a client's, or the role has no page to sign in to.
    """
    if not is_client_name(name):
        raise ValueError(f"a person's name has 1 to {MAX_NAME_LENGTH} printable characters and no blank at its ends")
    if role not in SIGN_IN_ROLES:
        raise ValueError(f"{role} has no page to sign in to; choose one of {', '.join(SIGN_IN_ROLES)}")
    token = new_token()
    await connection.execute(_CREATE_LINK, hash_of(token), name, role.value, LINK_MINUTES, CLEARED_AT_ONCE)
    return token


async def take_link(connection: "Connection", token: str) -> SignedIn | LinkRefusal:
    """Use a link up and begin the session that it stands for, or return why there is none.

    A link that is both used and too old is told to be used: that is what its holder has to know.
    """
    if not is_token(token):
        return LinkRefusal.UNKNOWN
    session_token = new_token()
    row = await connection.fetchrow(_TAKE_LINK, hash_of(token), hash_of(session_token), _ROLES, SESSION_HOURS)
    if row is None:
        return LinkRefusal.UNKNOWN
    if row["refusal"] is not None:
        return LinkRefusal(row["refusal"])
    return SignedIn(session_token, Client(row["name"], Role(row["role"])))


async def person_of(connection: "Connection", session_token: str, *, keeps_alive: bool = True) -> Client | None:
    """Return whose session it is; None where it is not or no longer live.

    `keeps_alive` says that the person did something: an open page that asks by itself keeps no session from ending.
    """
    if not is_token(session_token):
        return None
    row = await connection.fetchrow(
        _PERSON_SEEN if keeps_alive else _PERSON, hash_of(session_token), _ROLES, IDLE_HOURS
    )
    return None if row is None else Client(row["name"], Role(row["role"]))


async def end_session(connection: "Connection", session_token: str) -> None:
    """Sign out: the session opens nothing any more, whoever has kept a copy of its cookie."""
    if is_token(session_token):
        await connection.execute(_END_SESSION, hash_of(session_token))
