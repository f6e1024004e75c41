"""What breaks in the log becomes a letter by itself, harms no neighbour, and can be sent again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import aio_pika

from fraudline.domain.event import encode_transaction
from fraudline.domain.posted import PostedTransaction
from servers.eventually import eventually
from system.ledger import Journal, assert_ledgers_agree
from system.payments import a_transaction

if TYPE_CHECKING:
    import asyncpg

    from system.services import System

BROKEN = {
    "malformed_event": b'{"specversion": "1.0", "type": "fraudline.transaction.v1"',
    "unknown_type": b'{"specversion": "1.0", "type": "fraudline.parcel.v1"}',
    "undecodable_message": b"\xff\xfe no text",
}


def a_line(number: int) -> bytes:
    transaction = PostedTransaction.model_validate(a_transaction(number), strict=False).checked()
    return encode_transaction(transaction, accepted_at=datetime.now(UTC), posted_by="shop")


async def publish(amqp_url: str, *bodies: bytes) -> None:
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel(on_return_raises=True)
        exchange = await channel.get_exchange("fraudline.transactions")
        for body in bodies:
            await exchange.publish(aio_pika.Message(body), routing_key="0")


async def test_broken_messages_become_letters_alone_and_can_be_sent_again(
    system: System, database: asyncpg.Connection[asyncpg.Record]
) -> None:
    journal = Journal()
    await system.start()
    mixed = [a_line(1), BROKEN["malformed_event"], a_line(2), BROKEN["unknown_type"], a_line(3)]

    await publish(system.amqp_url, b"\n".join(mixed), BROKEN["undecodable_message"], a_line(4))

    journal.note_posted([f"t-{number}" for number in (1, 2, 3, 4)])
    await eventually(lambda: database.fetchval("select count(*) = 4 from fraudline.verdicts"))
    await assert_ledgers_agree(system, journal, open_letters=len(BROKEN))
    rows = await database.fetch("select reason, body from fraudline.dead_letters")
    assert {row["reason"]: row["body"] for row in rows} == BROKEN

    environment = os.environ | {
        "FRAUDLINE_DATABASE_URL": system.database_url,
        "FRAUDLINE_AMQP_URL": system.amqp_url,
        "FRAUDLINE_STATE_DIR": str(system.folder / "state"),
    }
    command = [sys.executable, "-m", "fraudline.cli.main", "dead", "retry", "--all"]
    retried = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )

    assert retried.returncode == 0, retried.stderr
    # They are as broken as before: each is open again, once more tried, and still one row.
    attempts = "select array_agg(attempts) = array[2, 2, 2] and bool_and(state = 'open') from fraudline.dead_letters"
    await eventually(lambda: database.fetchval(attempts))
    await assert_ledgers_agree(system, journal, open_letters=len(BROKEN))
