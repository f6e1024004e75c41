"""`fraudline dead`: what could not be processed, looked at, sent again, or dropped."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Annotated, TypeVar

import typer
from rich.table import Table

from fraudline.amqp.letters import DeadReason
from fraudline.amqp.retry import LetterSender
from fraudline.cli.console import wide_console
from fraudline.cli.database import with_database
from fraudline.cli.delay import parse_delay
from fraudline.cli.running import amqp_url
from fraudline.errors import FraudlineError
from fraudline.postgres.database import Database
from fraudline.postgres.dead_letters import (
    DeadLetter,
    LetterState,
    find_letters,
    list_letters,
    mark,
    now,
    open_letters,
)

T = TypeVar("T")

PAGE = 50
MAX_SHOWN_BODY_CHARACTERS = 20_000

dead = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Ids = Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Letters, by the first characters of their ids.")]
Reason = Annotated[DeadReason | None, typer.Option(help="Only letters with this reason.")]


@dead.callback()
def group() -> None:
    """List, show, retry and drop dead letters."""


@dead.command("list")
def list_some(
    *,
    state: Annotated[LetterState, typer.Option(help="Only letters in this state.")] = LetterState.OPEN,
    every_state: Annotated[bool, typer.Option("--all", help="Letters in every state.")] = False,
    reason: Reason = None,
    older_than: Annotated[str, typer.Option(metavar="AGE", help="Only letters last seen so long ago: 30m, 2d.")] = "0s",
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="How many are shown.")] = 100,
) -> None:
    """Show letters, the longest waiting first."""
    age = _age(older_than)

    async def work(database: Database) -> tuple[list[DeadLetter], int]:
        async with database.acquire() as connection:
            wanted = None if every_state else state
            return await list_letters(connection, state=wanted, reason=reason, older_than=age, limit=limit)

    letters, matching = _with_database(work)
    if not letters:
        is_filtered = every_state or state is not LetterState.OPEN or reason is not None or bool(age)
        typer.echo("no dead letter matches" if is_filtered else "no open dead letter")
        return
    table = Table("id", "state", "reason", "attempts", "last seen", "transaction", "error")
    for letter in letters:
        table.add_row(
            letter.id[:12],
            letter.state,
            letter.reason,
            str(letter.attempts),
            f"{letter.last_seen_at:%Y-%m-%d %H:%M:%S}",
            letter.transaction_id or "",
            letter.error.splitlines()[0] if letter.error else "",
        )
    wide_console().print(table)
    if matching > len(letters):
        typer.echo(f"{len(letters):,} of {matching:,} are shown; --limit shows more")


@dead.command()
def show(identifier: Annotated[str, typer.Argument(metavar="ID", help="The first characters of its id.")]) -> None:
    """Show all that is known of one letter, and its body."""

    async def work(database: Database) -> DeadLetter:
        return await _find(database, identifier)

    letter = _with_database(work)
    for name in (
        *("id", "state", "reason", "queue", "event_type", "transaction_id", "attempts", "first_seen_at"),
        *("last_seen_at", "state_changed_at", "is_masked", "error"),
    ):
        value = getattr(letter, name)
        typer.echo(f"{name:17} {'' if value is None else value}")
    typer.echo(f"{'can be retried':17} {'yes' if letter.obstacle is None else f'no: {letter.obstacle}'}")
    body = letter.body.decode(errors="backslashreplace")
    printable = "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in body)
    typer.echo(f"\n{printable[:MAX_SHOWN_BODY_CHARACTERS]}")
    if len(printable) > MAX_SHOWN_BODY_CHARACTERS:
        typer.echo(f"… {len(letter.body):,} bytes in all")


@dead.command()
def retry(
    identifiers: Ids = None,
    *,
    reason: Reason = None,
    every: Annotated[bool, typer.Option("--all", help="All open letters.")] = False,
) -> None:
    """Send letters to the scorer again; one that fails again is open again, with an attempt more."""
    if (bool(identifiers), reason is not None, every).count(True) != 1:
        raise typer.BadParameter("name letters by their ids, or give --reason REASON, or --all.")

    async def work(database: Database) -> Retried:
        retried = Retried()
        async with LetterSender.connected(amqp_url()) as sender:
            async for letter in _chosen(database, identifiers, reason):
                await retried.send(letter, sender, database)
        return retried

    retried = _with_database(work)
    typer.echo(
        f"{retried.sent:,} sent again" + (f", {retried.back:,} of them are back already" if retried.back else "")
    )
    for letter, obstacle in retried.refused:
        typer.echo(f"{letter.id[:12]} cannot be sent again: {obstacle}", err=True)
    if retried.refused:
        raise typer.Exit(1)


@dead.command()
def drop(identifiers: Annotated[list[str], typer.Argument(metavar="ID…", help="By their first characters.")]) -> None:
    """Give letters up; their rows stay, in the state dropped."""

    async def work(database: Database) -> list[DeadLetter]:
        letters = [await _find(database, identifier) for identifier in identifiers]
        async with database.acquire() as connection:
            return [letter for letter in letters if await mark(connection, letter, LetterState.DROPPED)]

    dropped = _with_database(work)
    for letter in dropped:
        typer.echo(f"dropped {letter.id[:12]} ({letter.reason})")
    if len(dropped) < len(identifiers):
        raise FraudlineError("not all were dropped: some came in again just now; look at them first.")


class Retried:
    """What became of letters that were to be sent again."""

    def __init__(self) -> None:
        self.sent = 0
        self.back = 0
        self.refused: list[tuple[DeadLetter, str]] = []

    async def send(self, letter: DeadLetter, sender: LetterSender, database: Database) -> None:
        """Publish, then mark: a crash between only sends it again, and the scorer takes it once."""
        if (obstacle := letter.obstacle) is not None:
            self.refused.append((letter, obstacle))
            return
        await sender.send(letter.queue, letter.body)
        self.sent += 1
        async with database.acquire() as connection:
            if not await mark(connection, letter, LetterState.RETRIED):
                self.back += 1


async def _chosen(
    database: Database, identifiers: Iterable[str] | None, reason: DeadReason | None
) -> AsyncIterator[DeadLetter]:
    """Yield the letters named by their ids, or all open ones; those that come in meanwhile are for the next call."""
    for identifier in identifiers or ():
        yield await _find(database, identifier)
    if identifiers:
        return
    async with database.acquire() as connection:
        until, after = await now(connection), ""
    while True:
        async with database.acquire() as connection:
            page = await open_letters(connection, reason=reason, after=after, seen_until=until, limit=PAGE)
        for letter in page:
            yield letter
        if len(page) < PAGE:
            return
        after = page[-1].id


async def _find(database: Database, identifier: str) -> DeadLetter:
    async with database.acquire() as connection:
        found = await find_letters(connection, identifier)
    if not found:
        raise FraudlineError(f"there is no dead letter {identifier!r}; give at least four characters of its id.")
    if len(found) > 1:
        raise FraudlineError(f"more than one dead letter begins with {identifier!r}; give more of its id.")
    return found[0]


def _age(text: str) -> timedelta:
    try:
        return parse_delay(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--older-than") from error


def _with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    return with_database("dead", work)
