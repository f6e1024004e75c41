"""The owner's line: a transaction's life from the queue to the acknowledgement.

| moment       | a crash right there leaves behind                                                      |
| ------------ | -------------------------------------------------------------------------------------- |
| received     | the message unacknowledged: it comes again                                             |
| decoded      | the same                                                                               |
| unseen       | the same; what was looked up is looked up again                                        |
| featured     | the same; the state in memory is gone, the log is not                                  |
| scored       | the same                                                                               |
| decided      | the same                                                                               |
| committed    | verdicts without events, the message unacknowledged: it comes again, finds its verdicts |
| told         | the same; who waits is told once more, or has had a fallback                            |
| announced    | the same; the same bytes are announced a second time                                   |
| acknowledged | nothing; or, where the broker has not read it yet, the message once more               |

Up to three batches are in hand. While the broker confirms what is announced of the first, the second is committed and
told, and waits there; while the database commits that, the third is decoded and, where it is plain, planned. What a
crash leaves behind is for each of them what the table says.

`tests/end_to_end/test_lifecycle.py` kills it at each of them.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraudline.amqp.letters import DeadReason
from fraudline.amqp.topology import events_queue
from fraudline.errors import DependencyAway, Fenced
from fraudline.postgres.commit import NotStorable, SeenMeanwhile, commit_batch
from fraudline.postgres.database import DATABASE
from fraudline.postgres.kept_connection import KeptConnection
from fraudline.postgres.log import read_end, take_over
from fraudline.postgres.lookup import Known, look_up
from fraudline.service.log import LogEvent, get_logger
from fraudline_scorer.plan import Planner
from fraudline_scorer.scoring import Computed, Poison, compute, compute_one_by_one

if TYPE_CHECKING:
    from collections.abc import Callable

    from fraudline.domain.verdict import Verdict
    from fraudline.postgres.database import Connection, Database
    from fraudline.state.partition_state import PartitionState
    from fraudline_scorer.announcing import Announcing
    from fraudline_scorer.batch import Batch
    from fraudline_scorer.deliveries import Received
    from fraudline_scorer.metrics import ScorerMetrics
    from fraudline_scorer.patience import Patience
    from fraudline_scorer.plan import Plan
    from fraudline_scorer.replies import Replies
    from fraudline_scorer.suspects import SuspectNotes

# Every try sets one event aside or looks again; a batch of 512 events needs no more.
MAX_TRIES = 1_024
# So few events hold the loop for half a millisecond at most; to hand them to a thread and back costs a tenth.
MAX_COMPUTED_IN_LOOP = 32


@dataclass(frozen=True, slots=True)
class Committed:
    """What was committed together, with the verdicts that are to be announced: new ones and those found again."""

    plan: "Plan"
    verdicts: "list[Verdict]"


class Line:
    """Owns one partition under one epoch, from `take_over` until it is fenced or its session ends."""

    def __init__(
        self,
        *,
        state: "PartitionState",
        database: "Database",
        announcing: "Announcing",
        replies: "Replies",
        notes: "SuspectNotes",
        metrics: "ScorerMetrics",
        patience: "Patience",
    ) -> None:
        self._state = state
        self._database = database
        self._committing = KeptConnection(database)
        self._looking = KeptConnection(database)
        self._announcing = announcing
        self._replies = replies
        self._notes = notes
        self._metrics = metrics
        self._patience = patience
        self._queue = events_queue(state.partition)
        self._epoch = 0
        self._log = get_logger()
        self._under_way: asyncio.Task[None] | None = None
        self._is_plain_under_way = False
        self._is_sent = asyncio.Event()
        # What comes first may have come before; from then on what is new follows what is new.
        self._expects_new = False

    async def take_over(self, owner: str) -> int:
        """Raise the epoch, which fences every earlier owner, and bring the state to the end of the log.

        Returns:
            The epoch under which this line commits.
        """

        async def raise_epoch() -> None:
            async with self._database.acquire() as connection:
                end = await take_over(connection, self._state.partition, owner=owner)
            self._epoch = end.epoch
            await self._state.catch_up(self._database, until=end.last_position)

        await self._patience(raise_epoch)
        self._notes.settle_accounts()
        return self._epoch

    async def check_ownership(self) -> None:
        """Ask the database, when nothing else does, whether it is there and the partition still ours.

        Raises:
            Fenced: It is another's.
            DependencyAway: What is being announced has failed.
        """
        await self.told()

        async def ask(connection: "Connection") -> None:
            await self._has_landed(connection, self._state.position)

        await self._patience(lambda: self._committing.run(ask))

    async def plan_ahead(self, batch: "Batch") -> "Plan | None":
        """Plan a batch while the one before it is committed; None where that would say something else than after it.

        A transaction that the two share is found out by the database, when the second comes to be committed. That is
        not so of what labels, and decisions that were answered, say of transactions: they are looked up when their turn
        has come.

        Raises:
            DependencyAway: The database was away for longer than is worth waiting for.
        """
        if self._under_way is None or not (self._is_plain_under_way and batch.is_plain):
            return None
        return await self._plan(batch.received, refused={}, on=self._looking)

    async def process(self, batch: "Batch", plan: "Plan | None" = None) -> None:
        """Take one batch from decoded to where its commit is sent; `told` and `finish` wait for what follows.

        Args:
            batch: What follows the batch before in the queue.
            plan: What `plan_ahead` made of it.

        Raises:
            Fenced: Another process owns the partition; nothing of the batch was written by us.
            DependencyAway: A server was away for longer than is worth waiting for, or the batch before was not
                announced; the messages come again.
        """
        self._metrics.note_in_hand(batch.oldest_at)
        if batch.is_suspect:
            # It may take the process down: what is done already does not have to come again for that.
            await self.finish()
        await self.told()
        self._is_plain_under_way = batch.is_plain
        self._is_sent.clear()
        self._under_way = asyncio.create_task(self._take(batch, plan), name="committing a batch")
        self._under_way.add_done_callback(lambda _: self._is_sent.set())
        await self._is_sent.wait()

    async def told(self) -> None:
        """Wait until everything that was processed is committed and told.

        Raises:
            Fenced: As `process`.
            DependencyAway: As `process`.
        """
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            await under_way
        self._announcing.raise_failure()

    async def finish(self) -> None:
        """Wait until everything that was processed is announced and acknowledged.

        Raises:
            Fenced: As `process`.
            DependencyAway: It is not, and comes again.
        """
        await self.told()
        await self._announcing.finish()

    async def give_up(self) -> None:
        """Leave what is not acknowledged to come again: the session is over."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.cancel()
            await asyncio.wait({under_way})
            if not under_way.cancelled():
                under_way.exception()
        await self._announcing.give_up()
        await self._committing.give_back()
        await self._looking.give_back()

    async def _take(self, batch: "Batch", plan: "Plan | None") -> None:
        committed = await self._commit(batch.received, is_slow=batch.is_suspect, plan=plan)
        await self._replies.send(batch, committed)
        await self._announcing.begin(batch, committed)

    async def _commit(
        self, received: "list[Received]", *, is_slow: bool, plan: "Plan | None" = None
    ) -> "list[Committed]":
        """Commit events together, or, where the database refuses a value among them, one by one."""
        try:
            return [await self._commit_together(received, is_slow=is_slow, plan=plan)]
        except NotStorable as error:
            self._log.error(LogEvent.NOT_STORABLE, sqlstate=error.sqlstate, events=len(received))
            if len(received) > 1:
                return [part for event in received for part in await self._commit([event], is_slow=is_slow)]
            refused = {received[0].key: DeadReason.NOT_STORABLE}
            return [await self._commit_together(received, is_slow=is_slow, refused=refused)]

    async def _commit_together(
        self,
        received: "list[Received]",
        *,
        is_slow: bool,
        refused: dict[bytes, DeadReason] | None = None,
        plan: "Plan | None" = None,
    ) -> "Committed":
        refused = (refused or {}) | (self._convicted(received) if is_slow else {})
        for _ in range(MAX_TRIES):
            if plan is None:
                plan = await self._plan(received, refused=refused, on=self._committing)
            try:
                with self._metrics.stage("decided"):
                    computed = await self._compute(plan, is_slow=is_slow)
                with self._metrics.stage("committed"):
                    await self._append(plan, computed)
            except SeenMeanwhile:
                self._state.take_back()
                self._expects_new = False
                plan = None
            except Poison as poison:
                self._state.take_back()
                self._metrics.note_poison()
                self._log.error(LogEvent.SCORING_FAILED, one_by_one=is_slow, exc_info=poison.__cause__)
                # One that fails among others is looked for one by one; one that fails alone is set aside.
                if is_slow and poison.key is not None:
                    refused[poison.key] = DeadReason.SCORING_FAILED
                is_slow = True
                plan = None
            except BaseException:
                self._state.take_back()
                raise
            else:
                scored, applied = computed
                self._state.settle(self._state.position + len(scored) + len(applied))
                self._metrics.note_committed(scored, applied, plan)
                self._metrics.note_state(self._state)
                return Committed(plan, [*(entry.verdict for entry in scored), *plan.seen_before])
        raise DependencyAway(DATABASE, "what it says of the batch changes with every look")

    def _convicted(self, received: "list[Received]") -> dict[bytes, DeadReason]:
        keys = (event.key for event in received)
        return {key: DeadReason.TOOK_THE_PROCESS_DOWN for key in keys if self._notes.is_convicted(key)}

    async def _plan(
        self, received: "list[Received]", *, refused: dict[bytes, DeadReason], on: KeptConnection
    ) -> "Plan":
        """Plan events by what is known of them; where that is likely nothing, leave it to the commit to find out."""
        if self._expects_new and all(event.is_transaction for event in received):
            plan = Planner(Known({}, {}, {}), self._state.bundle, queue=self._queue).plan(received, refused=refused)
            plan.if_unseen = True
            return plan
        transaction_ids = {event.event.data.transaction_id for event in received}
        labelled = {event.event.data.transaction_id for event in received if event.is_label}

        async def ask(connection: "Connection") -> "Known":
            return await look_up(connection, transaction_ids, labelled=labelled, partition=self._state.partition)

        with self._metrics.stage("unseen"):
            known = await self._patience(lambda: on.run(ask))
            self._expects_new = not (known.verdicts or known.histories)
            return Planner(known, self._state.bundle, queue=self._queue).plan(received, refused=refused)

    async def _compute(self, plan: "Plan", *, is_slow: bool) -> Computed:
        if is_slow:
            return await _in_thread(lambda: compute_one_by_one(self._state, plan, self._notes))
        if len(plan.entries) <= MAX_COMPUTED_IN_LOOP:
            return compute(self._state, plan)
        return await _in_thread(lambda: compute(self._state, plan))

    async def _append(self, plan: "Plan", computed: Computed) -> None:
        scored, applied = computed
        after = self._state.position
        end = after + len(scored) + len(applied)
        if end == after and not plan.taken and not plan.answered:
            return
        was_sent = False

        async def append(connection: "Connection") -> None:
            nonlocal was_sent
            # A commit whose answer was lost is neither done nor undone until we read.
            if was_sent and end > after and await self._has_landed(connection, end):
                return
            was_sent = True
            self._is_sent.set()
            is_committed = await commit_batch(
                connection,
                partition=self._state.partition,
                epoch=self._epoch,
                after=after,
                scored=scored,
                taken=plan.taken,
                applied=applied,
                answered=plan.answered,
                if_unseen=plan.if_unseen,
            )
            # Refused: fenced, or an earlier try of ours was still under way in the server and has landed now.
            if not is_committed and not (end > after and await self._has_landed(connection, end)):
                raise Fenced(f"partition {self._state.partition} is not at position {after} under our epoch")

        await self._patience(lambda: self._committing.run(append))

    async def _has_landed(self, connection: "Connection", position: int) -> bool:
        end = await read_end(connection, self._state.partition)
        if end.epoch != self._epoch:
            raise Fenced(f"partition {self._state.partition} has a new owner")
        return end.last_position == position


async def _in_thread(work: "Callable[[], Computed]") -> Computed:
    """Compute beside the loop. A thread cannot be stopped: whoever is cancelled goes on only when it has ended.

    What it feeds the state after that was taken back would be taken for settled by the next session.
    """
    computing = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(computing)
    except asyncio.CancelledError:
        await asyncio.wait({computing})
        computing.exception()
        raise
