"""A post whose client waits for the verdict: 200 with what was committed, else the fallback, never later than it asked.

Three things can end the wait before its time: the reply, a broker that does not store the transaction, a client that
has left. Without a confirm in that time nothing was promised, and the client is told to send again.
"""

import asyncio
import json
from typing import TYPE_CHECKING

from fraudline.amqp.connection import BROKER
from fraudline.domain.event import key_of
from fraudline.errors import DependencyAway
from fraudline_ingest.deadlines import Deadlines
from fraudline_ingest.leaving import Leaving
from fraudline_ingest.metrics import WaitEnd

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from starlette.types import Receive

    from fraudline.domain.policy import Decision
    from fraudline.domain.transaction import Transaction
    from fraudline.web.bound import Bound
    from fraudline_ingest.fallbacks import Fallbacks
    from fraudline_ingest.group_commit import GroupCommit
    from fraudline_ingest.metrics import IngestMetrics
    from fraudline_ingest.waiters import Outcome, Waiters


class _Left(Exception):  # noqa: N818 - what happened, never seen outside
    """The client has left."""


class Waiting:
    """Puts transactions for clients that wait, and waits with them.

    Args:
        stream: Where transactions are put.
        waiters: Who is told of replies.
        fallbacks: Who tells the scorer what a client was answered in place of a verdict.
        decision: What that is.
        bound: How many may wait at once.
        metrics: Counts how waits end.
        now: The clock.
    """

    def __init__(
        self,
        *,
        stream: "GroupCommit",
        waiters: "Waiters",
        fallbacks: "Fallbacks",
        decision: "Decision",
        bound: "Bound",
        metrics: "IngestMetrics",
        now: "Callable[[], datetime]",
    ) -> None:
        self._stream = stream
        self._waiters = waiters
        self._fallbacks = fallbacks
        self._decision = decision
        self._bound = bound
        self._metrics = metrics
        self._now = now
        self._deadlines = Deadlines(_expire)

    async def verdict_of(
        self, transaction: "Transaction", line: bytes, *, posted_by: str, answer_by: float, receive: "Receive"
    ) -> bytes | None:
        """Put a transaction and return the body that tells its verdict; None where that has not come in time.

        Args:
            transaction: It.
            line: The event that tells of it.
            posted_by: The client.
            answer_by: Until when to wait, on the event loop's clock.
            receive: What the client sends after its body: nothing, until it leaves.

        Raises:
            DependencyAway: The broker has not stored it, or has not said so in time.
            Problem: So many wait already, or the id has other content.
        """
        self._bound.take(1)
        key = key_of(line)
        outcome = self._waiters.add(key)
        try:
            stored = self._stream.submit([line], wants_reply=True)
            answer = await self._answer(outcome, stored, answer_by, receive)
        except _Left:
            self._metrics.note_wait(WaitEnd.LEFT)
            return None
        finally:
            self._waiters.remove(key, outcome)
            self._bound.give_back(1)
        if answer is not None:
            self._metrics.note_wait(WaitEnd.VERDICT)
            return answer
        self._metrics.note_wait(WaitEnd.FALLBACK)
        self._fallbacks.note(transaction, self._decision, answered_at=self._now(), posted_by=posted_by)
        return None

    async def _answer(
        self, outcome: "Outcome", stored: "asyncio.Future[None]", answer_by: float, receive: "Receive"
    ) -> bytes | None:
        """Wait for an outcome until it is there, its time is up, it was not stored, or the client has left."""

        def note_stored(stored: "asyncio.Future[None]") -> None:
            error = None if stored.cancelled() else stored.exception()
            if error is not None and not outcome.done():
                outcome.set_exception(error)

        stored.add_done_callback(note_stored)
        self._deadlines.add(outcome, by=answer_by)
        leaving = Leaving(receive, outcome.cancel)
        try:
            answer = await outcome
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise _Left from None
        finally:
            leaving.close()
        if answer is None:
            if not stored.done():
                stored.cancel()
                raise DependencyAway(BROKER, "no confirm in time")
            # It may have failed in the very turn in which the time was up.
            stored.result()
        return answer

    def pending(self, transaction_id: str) -> bytes:
        """Return the body that tells that the verdict has not come in time."""
        document = {
            "transaction_id": transaction_id,
            "status": "pending",
            "fallback": {"decision": self._decision.value, "reason": "deadline"},
        }
        return json.dumps(document, separators=(",", ":")).encode()


def _expire(outcome: "Outcome") -> None:
    outcome.set_result(None)
