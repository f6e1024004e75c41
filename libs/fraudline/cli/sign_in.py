"""`fraudline sign-in`: a link that signs one person in to the page, once."""

import getpass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from fraudline.cli.database import with_connection
from fraudline.cli.running import RunningSystem, alerts_url
from fraudline.domain.api_key import Role
from fraudline.domain.sign_in import LINK_MINUTES, sign_in_link
from fraudline.errors import FraudlineError
from fraudline.postgres.api_keys import is_client_name
from fraudline.postgres.database import Database
from fraudline.postgres.sign_in import create_link

if TYPE_CHECKING:
    from fraudline.postgres.database import Connection

UNNAMED = "analyst"


class PersonRole(StrEnum):
    """The roles of people, for the help and the check of what is typed."""

    ANALYST = Role.ANALYST.value
    LEAD = Role.LEAD.value
    ADMIN = Role.ADMIN.value


def sign_in(
    *,
    name: Annotated[
        str | None,
        typer.Option(help="Who will sign in, shown beside all that they decide. Default: your name on this machine."),
    ] = None,
    role: Annotated[PersonRole, typer.Option(help="What they may do.")] = PersonRole.ANALYST,
) -> None:
    """Print a link that signs a person in to the page, alone, on standard output; whoever opens it first is in."""
    # First: a link that nobody can be shown is not made.
    page_url = alerts_url()
    person = own_name() if name is None else name

    async def make(connection: "Connection") -> str:
        return await create_link(connection, name=person, role=Role(role.value))

    try:
        token = with_connection("sign-in", make)
    except ValueError as error:
        raise FraudlineError(f"--name: {error}.") from error
    typer.echo(sign_in_link(page_url, token))
    typer.echo(f"It signs in {person} ({role}) and works once, within {LINK_MINUTES} minutes.", err=True)


async def link_into(system: RunningSystem) -> str:
    """Return a link into a running system for who runs this command, as an analyst.

    Raises:
        DependencyAway: The database does not answer.
    """
    database = await Database.connect(system.database_url, name="fraudline sign-in", pool_size=1)
    try:
        async with database.acquire() as connection:
            token = await create_link(connection, name=own_name(), role=Role.ANALYST)
    finally:
        await database.close()
    return sign_in_link(system.alerts_url, token)


def own_name() -> str:
    """Return the name of who runs this command, as the operating system knows it; `analyst` where it knows none."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):
        # An account without a name, as containers have it.
        return UNNAMED
    return name if is_client_name(name) else UNNAMED
