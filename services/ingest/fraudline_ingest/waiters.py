"""Those who wait for verdicts, by the transaction that they wait for."""

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fraudline.service.problem_kind import ProblemKind
from fraudline.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

Outcome = asyncio.Future[bytes | None]
"""The body of the answer; None where it did not come in time."""


class Waiters:
    """Nobody is kept for longer than the block in which he waits; several may wait for the same transaction."""

    def __init__(self) -> None:
        self._outcomes: dict[str, list[Outcome]] = {}

    @contextmanager
    def waiting_for(self, transaction_id: str) -> "Iterator[Outcome]":
        """Wait, for the length of a block, for what becomes of a transaction."""
        outcome: Outcome = asyncio.get_running_loop().create_future()
        waiting = self._outcomes.setdefault(transaction_id, [])
        waiting.append(outcome)
        try:
            yield outcome
        finally:
            waiting.remove(outcome)
            if not waiting and self._outcomes.get(transaction_id) is waiting:
                del self._outcomes[transaction_id]
            outcome.cancel()

    def tell_verdict(self, transaction_id: str, answer: bytes) -> None:
        """Give the answer to whoever waits for it."""
        for outcome in self._outcomes.get(transaction_id, ()):
            if not outcome.done():
                outcome.set_result(answer)

    def tell_conflict(self, transaction_id: str) -> None:
        """Tell whoever waits that the id has a verdict for other content."""
        for outcome in self._outcomes.get(transaction_id, ()):
            if not outcome.done():
                outcome.set_exception(
                    Problem(
                        ProblemKind.ID_CONFLICT,
                        "Another transaction was posted under this transaction_id; its verdict stays, and this one "
                        "gets none. Post it under an id of its own.",
                    )
                )
