"""Standby, then owner, until the connection or the partition is lost; then again from the start.

A session subscribes to the partition's queue, which delivers to one consumer at a time. While the deliveries go to
another process this one follows the committed log. Its first delivery makes it owner.
"""

import asyncio
import random
import time
from typing import TYPE_CHECKING

from fraudline.amqp.connection import LOST, SET_UP_SECONDS, broker_call, connected
from fraudline.amqp.consumer import Inbox, consuming
from fraudline.amqp.topology import declare_all, events_queue
from fraudline.errors import DependencyAway, Fenced
from fraudline.postgres.log import probe_write
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.run import stopped_within
from fraudline_scorer.announcer import Announcer
from fraudline_scorer.announcing import Announcing
from fraudline_scorer.batch import Gathering
from fraudline_scorer.deliveries import producer_number
from fraudline_scorer.holes import Holes
from fraudline_scorer.line import Line
from fraudline_scorer.patience import Patience
from fraudline_scorer.replies import Replies

if TYPE_CHECKING:
    from fraudline.postgres.database import Database
    from fraudline.state.partition_state import PartitionState
    from fraudline_scorer.metrics import ScorerMetrics
    from fraudline_scorer.standing import Standing
    from fraudline_scorer.suspects import SuspectNotes

# Messages held unacknowledged; ingest puts what arrives together into one message, so this is more than one batch.
PREFETCH_MESSAGES = 100
FOLLOW_SECONDS = 0.25
IDLE_CHECK_SECONDS = 1.0
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 5.0
# A session that held so long was well: the next loss begins with short pauses again.
STABLE_SECONDS = 60.0


class Sessions:
    """Serves one partition for as long as the service runs."""

    def __init__(
        self,
        *,
        amqp_url: str,
        database: "Database",
        state: "PartitionState",
        notes: "SuspectNotes",
        standing: "Standing",
        metrics: "ScorerMetrics",
        owner: str,
    ) -> None:
        self._amqp_url = amqp_url
        self._database = database
        self._state = state
        self._notes = notes
        self._standing = standing
        self._metrics = metrics
        self._owner = owner
        self._queue = events_queue(state.partition)
        self._log = get_logger()

    async def serve(self, stop: asyncio.Event) -> None:
        """Hold one session after the other until `stop`."""
        pause = FIRST_PAUSE_SECONDS
        while not stop.is_set():
            began_at = time.monotonic()
            try:
                await self._session(stop)
            except Fenced as error:
                self._log.warning(LogEvent.PARTITION_LOST, **describe(error))
            except (DependencyAway, *LOST) as error:
                self._log.warning(LogEvent.SESSION_LOST, **describe(error))
                lasted = time.monotonic() - began_at
                pause = FIRST_PAUSE_SECONDS if lasted > STABLE_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)
            finally:
                self._standing.end_tenure()
                self._standing.broker = "not connected"
                self._metrics.is_owner.set(0)
            # Spread out, so that owner and standby do not come back in step.
            await stopped_within(stop, pause * random.uniform(0.5, 1.0))  # noqa: S311 - a pause, not a secret

    async def _session(self, stop: asyncio.Event) -> None:
        await self._follow()
        await self._probe()
        async with (
            connected(self._amqp_url, name="fraudline scorer: events") as events,
            connected(self._amqp_url, name="fraudline scorer: verdicts") as verdicts,
        ):
            async with (
                broker_call(SET_UP_SECONDS, to="declare the queues"),
                events.channel(publisher_confirms=False) as channel,
            ):
                await declare_all(channel)
            announcer = await Announcer.on(verdicts)
            replies = await Replies.on(verdicts)
            async with consuming(events, self._queue, prefetch=PREFETCH_MESSAGES) as inbox:
                line = Line(
                    state=self._state,
                    database=self._database,
                    replies=replies,
                    announcing=Announcing(
                        announcer, metrics=self._metrics, note_broker=self._note_broker, ended=inbox.ended
                    ),
                    notes=self._notes,
                    metrics=self._metrics,
                    patience=Patience(stop, self._standing.note_database),
                )
                self._standing.broker = None
                if await self._stand_by(inbox, stop):
                    try:
                        await self._own(line, inbox, stop)
                        # A batch that is announced is acknowledged before a stop is obeyed.
                        await line.finish()
                    finally:
                        await line.give_up()

    def _note_broker(self, reason: str | None) -> None:
        self._standing.broker = reason

    async def _follow(self) -> None:
        try:
            await self._state.catch_up(self._database)
        except DependencyAway as error:
            self._standing.note_database(error.reason)
            raise
        self._standing.note_database(None)
        self._standing.note_end_of_log()
        self._metrics.note_state(self._state)

    async def _probe(self) -> None:
        """Take no deliveries while the database takes no writes: each one taken in vain counts against its message."""
        try:
            async with self._database.acquire() as connection:
                await probe_write(connection)
        except DependencyAway as error:
            self._standing.note_database(error.reason)
            raise

    async def _stand_by(self, inbox: Inbox, stop: asyncio.Event) -> bool:
        """Follow the log until the first delivery; return whether one came."""
        while not (stop.is_set() or inbox.ended.is_set()):
            if await inbox.wait(FOLLOW_SECONDS):
                return True
            # The deliveries go to another process: what was in hand here is in its hands.
            self._metrics.note_none_in_hand()
            await self._follow()
        return False

    async def _own(self, line: Line, inbox: Inbox, stop: asyncio.Event) -> None:
        epoch = await line.take_over(self._owner)
        # What other owners saw meanwhile is not known here.
        holes = Holes()
        self._standing.begin_tenure()
        self._metrics.note_takeover(epoch)
        self._log.info(LogEvent.PARTITION_TAKEN_OVER, epoch=epoch, position=self._state.position)
        self._metrics.note_none_in_hand()
        gathering = Gathering(inbox, queue=self._queue)
        while not (stop.is_set() or inbox.ended.is_set()):
            if not gathering.take():
                # There is time: what comes until the batch before is told goes with this one.
                await line.told()
                gathering.take()
            if gathering.is_empty:
                if not await inbox.wait(IDLE_CHECK_SECONDS):
                    await line.check_ownership()
                continue
            batch = gathering.batch()
            plan = await line.plan_ahead(batch)
            await line.told()
            if stop.is_set() or inbox.ended.is_set():
                break  # it was not begun, and comes again
            for delivery in batch.deliveries:
                if (numbered := producer_number(delivery.message)) is not None:
                    holes.take(*numbered)
            await line.process(batch, plan)
            self._metrics.note_holes(holes)
