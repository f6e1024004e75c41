"""Committed → announced: verdict events and letters have arrived before anything is acknowledged."""

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, cast

from aio_pika import DeliveryMode
from aiormq import spec

from fraudline.amqp.connection import SET_UP_SECONDS, broker_call
from fraudline.amqp.topology import DEAD, VERDICTS, verdict_key
from fraudline.domain.event import MAX_BYTES, MAX_EVENTS
from fraudline.domain.policy import Decision

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aio_pika.abc import AbstractChannel, AbstractConnection
    from aiormq.channel import Channel as DriverChannel

    from fraudline.amqp.letters import Letter
    from fraudline.domain.verdict import Verdict

# In an alarm the broker confirms nothing and keeps the connection: the confirms come when the alarm is over. To begin a
# new session instead would count against every message that is held, until the broker gives them up.
CONFIRM_SECONDS = 600.0


class Announcer:
    """Publishes on a connection that only publishes: a broker in alarm stalls it without stalling the consumer.

    It hands its messages to the driver below aio-pika, whose own message and exchange cost as much again.
    """

    def __init__(self, channel: "AbstractChannel", driver: "DriverChannel") -> None:
        self._channel = channel  # the driver's part lives as long as this
        self._driver = driver

    @classmethod
    async def on(cls, connection: "AbstractConnection") -> "Announcer":
        """Open a confirming channel on a connection.

        Raises:
            DependencyAway: The broker did not answer.
        """
        async with broker_call(SET_UP_SECONDS, to="open the channel for verdicts"):
            channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
            return cls(channel, cast("DriverChannel", await channel.get_underlay_channel()))

    async def announce(self, verdicts: "Iterable[Verdict]", letters: "Iterable[Letter]") -> None:
        """Publish verdict events and letters, and wait for every confirm, ten minutes at most.

        An approval that nobody subscribed to is dropped by the broker: it is in the database. A flagged verdict and a
        letter must arrive.

        Raises:
            DependencyAway: Not everything is known to have arrived; publish it again.
            Unroutable: A queue's binding is gone; the next session declares it anew.
        """
        by_decision: dict[Decision, list[Verdict]] = defaultdict(list)
        for verdict in verdicts:
            by_decision[verdict.decision].append(verdict)
        told = [self._publish(decision, body) for decision, some in by_decision.items() for body in _bodies(some)]
        told += [self._bury(letter) for letter in letters]
        if len(told) == 1:
            await told[0]  # as most often: the gathering of one costs as much as the publishing
            return
        # All are waited for, so that none is left behind when one fails; then the first failure counts.
        for outcome in await asyncio.gather(*told, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def _publish(self, decision: Decision, body: bytes) -> None:
        properties = spec.Basic.Properties(content_type="application/x-ndjson", delivery_mode=DeliveryMode.PERSISTENT)
        is_flagged = decision is not Decision.APPROVE
        async with broker_call(CONFIRM_SECONDS, to="confirm verdicts"):
            await self._confirmed(VERDICTS, verdict_key(decision), body, properties, must_arrive=is_flagged)

    async def _bury(self, letter: "Letter") -> None:
        message = letter.message()
        async with broker_call(CONFIRM_SECONDS, to="confirm a dead letter"):
            await self._confirmed(DEAD, letter.queue, message.body, message.properties, must_arrive=True)

    async def _confirmed(
        self, exchange: str, routing_key: str, body: bytes, properties: spec.Basic.Properties, *, must_arrive: bool
    ) -> None:
        # Not until the socket has taken it: what waits there is one batch at most, since its confirm is waited for.
        await self._driver.basic_publish(
            body,
            exchange=exchange,
            routing_key=routing_key,
            properties=properties,
            mandatory=must_arrive,
            wait=False,
        )


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
