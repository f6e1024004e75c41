"""Committed → announced: verdict events and letters have arrived before anything is acknowledged."""

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from aio_pika import DeliveryMode, Message
from aio_pika.exceptions import PublishError

from fraudline.amqp.connection import BROKER, LOST
from fraudline.amqp.topology import DEAD, VERDICTS
from fraudline.domain.event import MAX_BYTES, MAX_EVENTS
from fraudline.errors import DependencyAway, Unroutable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aio_pika.abc import AbstractConnection, AbstractExchange

    from fraudline.amqp.letters import Letter
    from fraudline.domain.verdict import Verdict

PUBLISH_SECONDS = 5.0


class Announcer:
    """Publishes on a connection that only publishes: a broker in alarm stalls it without stalling the consumer."""

    def __init__(self, verdicts: "AbstractExchange", dead: "AbstractExchange") -> None:
        self._verdicts = verdicts
        self._dead = dead

    @classmethod
    async def on(cls, connection: "AbstractConnection") -> "Announcer":
        """Open a confirming channel on a connection."""
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        return cls(await channel.get_exchange(VERDICTS), await channel.get_exchange(DEAD))

    async def announce(self, verdicts: "Iterable[Verdict]", letters: "Iterable[Letter]") -> None:
        """Publish verdict events and letters and wait for the confirms, five seconds at most.

        A verdict that nobody subscribed to is dropped by the broker: it is in the database. A letter must arrive.

        Raises:
            DependencyAway: Not everything is known to have arrived; publish it again.
        """
        by_decision: dict[str, list[Verdict]] = defaultdict(list)
        for verdict in verdicts:
            by_decision[verdict.decision.value].append(verdict)
        try:
            async with asyncio.timeout(PUBLISH_SECONDS), asyncio.TaskGroup() as group:
                for decision, told in by_decision.items():
                    for body in _bodies(told):
                        group.create_task(self._publish_verdicts(decision, body))
                for letter in letters:
                    group.create_task(self._bury(letter))
        except* PublishError as errors:
            raise Unroutable(BROKER, "the dead queue is not bound: a letter came back") from errors
        except* LOST as errors:
            raise DependencyAway(BROKER, "not every verdict was confirmed") from errors

    async def _publish_verdicts(self, decision: str, body: bytes) -> None:
        message = Message(body, content_type="application/x-ndjson", delivery_mode=DeliveryMode.PERSISTENT)
        await self._verdicts.publish(message, routing_key=f"verdict.{decision}", mandatory=False)

    async def _bury(self, letter: "Letter") -> None:
        await self._dead.publish(letter.message(), routing_key=letter.queue, mandatory=True)


def _bodies(verdicts: "list[Verdict]") -> "Iterator[bytes]":
    """Return NDJSON bodies of at most 512 events and 1 MiB."""
    lines: list[bytes] = []
    size = 0
    for verdict in verdicts:
        line = verdict.event()
        if lines and (len(lines) == MAX_EVENTS or size + len(line) + 1 > MAX_BYTES):
            yield b"\n".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield b"\n".join(lines)
