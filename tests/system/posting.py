"""A client that posts batches in order, keeps a journal of every answer, and tries again what was not answered."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from system.ledger import Journal
    from system.services import System

BATCH = 100
PATIENCE_SECONDS = 60.0


async def post_all(
    system: System,
    transactions: Sequence[dict[str, Any]],
    journal: Journal,
    *,
    at: dict[int, Callable[[], Awaitable[None]]] | None = None,
    batch: int = BATCH,
) -> None:
    """Post transactions in batches; before the batch that starts at an index in `at`, do what stands there."""
    async with system.client as client:
        for start in range(0, len(transactions), batch):
            if at is not None:
                for index in [index for index in at if start <= index < start + batch]:
                    await at.pop(index)()
            await _post_until_acknowledged(client, transactions[start : start + batch], journal)


async def _post_until_acknowledged(
    client: httpx2.AsyncClient, transactions: Sequence[dict[str, Any]], journal: Journal
) -> None:
    ids = [transaction["transaction_id"] for transaction in transactions]
    journal.note_posted(ids)
    pause = asyncio.Event()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            try:
                answer = await client.post("/v1/transactions/batch", json=list(transactions))
            except httpx2.TransportError:
                answer = None
            if answer is not None and answer.status_code == 202:
                body = answer.json()
                assert body["rejected"] == [], json.dumps(body)[:500]
                journal.acknowledged.update(ids)
                return
            assert answer is None or answer.status_code == 503, answer.text
            journal.refused += 1
            try:
                async with asyncio.timeout(0.2):
                    await pause.wait()
            except TimeoutError:
                continue
