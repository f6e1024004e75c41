"""`fraudline keys`: API keys, made, listed, revoked."""

import time
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.table import Table

from fraudline.cli.console import wide_console
from fraudline.cli.database import with_connection
from fraudline.domain.api_key import Role
from fraudline.errors import FraudlineError
from fraudline.postgres.api_keys import StoredKey, create_key, list_keys, revoke_key
from fraudline.web.key_ring import KNOWN_AFTER_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fraudline.postgres.database import Connection

T = TypeVar("T")

keys = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@keys.callback()
def group() -> None:
    """Create, list and revoke API keys."""


@keys.command()
def create(
    *,
    role: Annotated[Role, typer.Option(help="What the key may do.")],
    name: Annotated[str, typer.Option(help="Whose it is: the client's name, shown beside all that it posts.")],
) -> None:
    """Make a key and print it, alone, on standard output: it can never be shown again.

    The command ends when running services know the key, so that a script can use it at once.
    """
    try:
        made = _with_connection(lambda connection: create_key(connection, name=name, role=role))
    except ValueError as error:
        raise FraudlineError(f"--name: {error}.") from error
    # First, so that nothing that happens while we wait can lose it.
    typer.echo(made)
    typer.echo(f"Running services know it within {KNOWN_AFTER_SECONDS:g} seconds; this ends then.", err=True)
    time.sleep(KNOWN_AFTER_SECONDS)


@keys.command("list")
def list_all() -> None:
    """Show all keys that were ever made, by the prefix that tells them apart."""
    stored = _with_connection(list_keys)
    table = Table("prefix", "name", "role", "created", "revoked", "id")
    for key in stored:
        revoked = "" if key.revoked_at is None else f"{key.revoked_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(key.prefix, key.name, key.role, f"{key.created_at:%Y-%m-%d %H:%M:%S}", revoked, str(key.id))
    if stored:
        wide_console().print(table)
    else:
        typer.echo("no key was made yet; make one with `fraudline keys create --role ingest --name NAME`")


@keys.command()
def revoke(
    which: Annotated[str, typer.Argument(metavar="KEY", help="A key's prefix or id, or a name: all keys of that one.")],
) -> None:
    """Revoke live keys; every service refuses them within five seconds."""

    async def revoke_live(connection: "Connection") -> list[StoredKey]:
        return await revoke_key(connection, which)

    revoked = _with_connection(revoke_live)
    for key in revoked:
        typer.echo(f"revoked {key.prefix}… ({key.name}, {key.role})")
    if not revoked:
        # What was typed may be a whole key: it is not repeated.
        raise FraudlineError("no live key has this prefix, id or name; `fraudline keys list` shows them.")


def _with_connection(work: "Callable[[Connection], Awaitable[T]]") -> T:
    return with_connection("keys", work)
