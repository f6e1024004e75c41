"""Told → announced → acknowledged: one batch at a time, beside the line, which meanwhile commits the next one."""

import asyncio
from typing import TYPE_CHECKING

from fraudline.amqp.connection import BROKER, broker_call
from fraudline.errors import DependencyAway

if TYPE_CHECKING:
    from collections.abc import Callable

    from fraudline_scorer.announcer import Announcer
    from fraudline_scorer.batch import Batch
    from fraudline_scorer.line import Committed
    from fraudline_scorer.metrics import ScorerMetrics

LATE_SECONDS = 5.0
ACKNOWLEDGE_SECONDS = 5.0


class Announcing:
    """Takes committed batches to their end, each after the one before it, so that acknowledgements keep the order.

    Args:
        announcer: Publishes, and returns once everything has arrived.
        metrics: Are told how long it took, and when a batch is out of our hands.
        note_broker: Is told why the broker is not well, and None when it is.
        ended: Says that the broker took the deliveries back: whatever is under way is given up.
    """

    def __init__(
        self,
        announcer: "Announcer",
        *,
        metrics: "ScorerMetrics",
        note_broker: "Callable[[str | None], None]",
        ended: asyncio.Event,
    ) -> None:
        self._announcer = announcer
        self._metrics = metrics
        self._note_broker = note_broker
        self._ended = ended
        self._ending: asyncio.Task[bool] | None = None
        self._under_way: asyncio.Task[None] | None = None

    async def begin(self, batch: "Batch", committed: "list[Committed]") -> None:
        """Begin with a batch as soon as the one before it is acknowledged.

        Raises:
            DependencyAway: That one is not: neither it nor this one was acknowledged, and both come again.
        """
        await self.finish()
        self._under_way = asyncio.create_task(self._announce(batch, committed), name="announcing a batch")

    async def finish(self) -> None:
        """Wait until what is under way is acknowledged; at once where nothing is.

        Raises:
            DependencyAway: Not everything is known to have arrived, or the deliveries were taken back.
        """
        under_way = self._under_way
        if under_way is None:
            return
        if not under_way.done():
            self._ending = self._ending or asyncio.create_task(self._ended.wait(), name="end of deliveries")
            await asyncio.wait({under_way, self._ending}, return_when=asyncio.FIRST_COMPLETED)
        if not under_way.done():
            await self._cut_short()
            raise _taken_back()
        self._under_way = None
        under_way.result()

    def raise_failure(self) -> None:
        """Raise what the batch under way has failed of, where it has.

        Raises:
            DependencyAway: As `finish`.
        """
        if self._under_way is not None and self._under_way.done():
            self._under_way.result()

    async def give_up(self) -> None:
        """Leave what is under way unacknowledged: it comes again. What it failed of was told, or does not matter."""
        if self._ending is not None:
            self._ending.cancel()
        await self._cut_short()

    async def _cut_short(self) -> None:
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.cancel()
            await asyncio.wait({under_way})
            if not under_way.cancelled():
                under_way.exception()

    async def _announce(self, batch: "Batch", committed: "list[Committed]") -> None:
        verdicts = [verdict for part in committed for verdict in part.verdicts]
        letters = [letter for delivery in batch.deliveries for letter in delivery.letters]
        letters += [letter for part in committed for letter in part.plan.letters]
        late = asyncio.get_running_loop().call_later(
            LATE_SECONDS, self._note_broker, "it has not confirmed what was announced"
        )
        try:
            with self._metrics.stage("announced"):
                await self._announcer.announce(verdicts, letters)
        finally:
            late.cancel()
        if self._ended.is_set():
            raise _taken_back()
        self._note_broker(None)
        # Acknowledge last: until here the unacknowledged input is our only promise that all of this is done again.
        async with broker_call(ACKNOWLEDGE_SECONDS, to="take an acknowledgement"):
            await batch.deliveries[-1].message.ack(multiple=True)
        self._metrics.note_acknowledged()


def _taken_back() -> DependencyAway:
    return DependencyAway(BROKER, "it took the deliveries back")
