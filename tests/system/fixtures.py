"""A whole system of a test's own: services as processes, over a virtual host and a database of their own."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import pytest

from fraudline.domain.api_key import Role
from fraudline.models.training.starter import ensure_starter_model
from fraudline.postgres.api_keys import create_key
from system.ledger import observe
from system.services import System

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from servers.broker_view import BrokerView


@pytest.fixture(scope="session")
def starter_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The starter bundle, trained once a run."""
    return ensure_starter_model(tmp_path_factory.getbasetemp() / "models")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection to the test's own database."""
    connection = await asyncpg.connect(database_url)
    yield connection
    # A test may have restarted the server under it.
    with contextlib.suppress(asyncpg.InterfaceError, OSError):
        await connection.close()


@pytest.fixture
async def system(
    tmp_path: Path,
    broker_view: BrokerView,
    amqp_url: str,
    database_url: str,
    starter_model: Path,
    database: asyncpg.Connection[asyncpg.Record],
) -> AsyncIterator[System]:
    """A system that is not started yet; what a test leaves running is ended."""
    key = await create_key(database, name="shop", role=Role.INGEST)
    await observe(amqp_url)
    system = System(tmp_path, broker_view, amqp_url, database_url, starter_model, key)
    yield system
    system.end()
