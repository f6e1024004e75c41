"""`fraudline migrate`: brings the schema up to date."""

import asyncio

import typer

from fraudline.cli.running import database_url
from fraudline.postgres.migrations import migrate as apply_migrations


def migrate() -> None:
    """Apply the migrations that the database has not seen; says each by its name."""
    applied = asyncio.run(apply_migrations(database_url()))
    for name in applied:
        typer.echo(f"applied {name}")
    if not applied:
        typer.echo("the schema is up to date")
