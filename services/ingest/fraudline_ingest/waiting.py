"""A post whose client waits for the verdict: 200 with what was committed, else the fallback, never later than it asked.

Three things can end the wait before its time: the reply, a broker that does not store the transaction, a client that
has left. Without a confirm in that time nothing was promised, and the client is told to send again.
"""

import asyncio
import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from fraudline.amqp.connection import BROKER
from fraudline.errors import DependencyAway
from fraudline_ingest.metrics import WaitEnd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from starlette.types import Receive

    from fraudline.domain.policy import Decision
    from fraudline.web.bound import Bound
    from fraudline_ingest.fallbacks import Fallbacks
    from fraudline_ingest.group_commit import GroupCommit
    from fraudline_ingest.metrics import IngestMetrics
    from fraudline_ingest.waiters import Outcome, Waiters


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

    async def verdict_of(
        self, transaction_id: str, line: bytes, *, posted_by: str, answer_by: float, receive: "Receive"
    ) -> bytes | None:
        """Put a transaction and return the body that tells its verdict; None where that has not come in time.

        Args:
            transaction_id: Its id.
            line: The event that tells of it.
            posted_by: The client.
            answer_by: Until when to wait, on the event loop's clock.
            receive: What the client sends after its body: nothing, until it leaves.

        Raises:
            DependencyAway: The broker has not stored it, or has not said so in time.
            Problem: So many wait already, or the id has other content.
        """
        with self._bound.hold(1), self._waiters.waiting_for(transaction_id) as outcome:
            stored = self._stream.submit([line], wants_reply=True)
            try:
                with _ended_by(outcome, stored=stored, answer_by=answer_by, receive=receive):
                    answer = await outcome
            except asyncio.CancelledError:
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    raise
                self._metrics.note_wait(WaitEnd.LEFT)
                return None
            if answer is not None:
                self._metrics.note_wait(WaitEnd.VERDICT)
                return answer
            if not stored.done():
                stored.cancel()
                raise DependencyAway(BROKER, "no confirm in time")
        self._metrics.note_wait(WaitEnd.FALLBACK)
        self._fallbacks.note(transaction_id, self._decision, answered_at=self._now(), posted_by=posted_by)
        return None

    def pending(self, transaction_id: str) -> bytes:
        """Return the body that tells that the verdict has not come in time."""
        document = {
            "transaction_id": transaction_id,
            "status": "pending",
            "fallback": {"decision": self._decision.value, "reason": "deadline"},
        }
        return json.dumps(document, separators=(",", ":")).encode()


@contextmanager
def _ended_by(
    outcome: "Outcome", *, stored: "asyncio.Future[None]", answer_by: float, receive: "Receive"
) -> "Iterator[None]":
    """Let the deadline, a failure to store and the client's leaving end a wait for the length of a block."""

    def note_stored(stored: "asyncio.Future[None]") -> None:
        error = None if stored.cancelled() else stored.exception()
        if error is not None and not outcome.done():
            outcome.set_exception(error)

    deadline = asyncio.get_running_loop().call_at(answer_by, _expire, outcome)
    stored.add_done_callback(note_stored)
    leaving = asyncio.ensure_future(_leave(receive, outcome))
    try:
        yield
    finally:
        deadline.cancel()
        leaving.cancel()


def _expire(outcome: "Outcome") -> None:
    if not outcome.done():
        outcome.set_result(None)


async def _leave(receive: "Receive", outcome: "Outcome") -> None:
    with suppress(asyncio.CancelledError):
        while (await receive())["type"] != "http.disconnect":
            pass
        outcome.cancel()
