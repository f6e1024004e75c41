"""A PostgreSQL that takes no writes for a while, as a standby does that clients were sent to."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fraudline.local.postgres import Postgres


@contextmanager
def read_only(server: Postgres) -> Iterator[None]:
    """Let all sessions only read, new ones and those that are open, for the length of a block."""
    try:
        server.execute("alter system set default_transaction_read_only = on")
        server.execute("select pg_reload_conf()")
        yield
    finally:
        server.execute("alter system reset default_transaction_read_only")
        server.execute("select pg_reload_conf()")
