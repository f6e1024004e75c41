"""Dead letters become rows: the dead queue is transport, the table is where they are kept.

A letter that is delivered again counts as one more attempt of the same row.
"""

from collections import Counter as Tally
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter

from fraudline.amqp.letters import Letter
from fraudline.amqp.topology import dead_queue
from fraudline.drain.drain import HOLD_SECONDS, Drain
from fraudline.postgres.dead_letters import store_letters
from fraudline.service.log import LogEvent, get_logger

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fraudline.drain.drain import Messages
    from fraudline.postgres.database import Connection, Database


def dead_letters_counter(registry: CollectorRegistry) -> Counter:
    """Return the counter of letters that became rows."""
    return Counter(
        "fraudline_dead_letters_total", "Letters that became or touched a row.", ["reason"], registry=registry
    )


async def bury(connection: "Connection", letters: "Iterable[Letter]", buried: Counter) -> None:
    """Store letters and count them."""
    letters = list(letters)
    await store_letters(connection, letters)
    for reason, count in Tally(letter.reason for letter in letters).items():
        buried.labels(reason.value).inc(count)
    get_logger().info(LogEvent.LETTERS_BURIED, letters=len(letters))


def graveyard(
    amqp_url: str, database: "Database", queue: str, *, buried: Counter, hold_seconds: float = HOLD_SECONDS
) -> Drain:
    """Return the one consumer of the dead queue of `queue`."""

    async def store(connection: "Connection", messages: "Messages") -> None:
        letters = (Letter.parse(message.headers, message.body, queue=queue) for message in messages)
        await bury(connection, letters, buried)

    return Drain(amqp_url, database, dead_queue(queue), store, hold_seconds=hold_seconds)
