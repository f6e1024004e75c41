"""Those who wait for verdicts, by the transaction that they wait for."""

import asyncio

from fraudline.service.problem_kind import ProblemKind
from fraudline.web.problems import Problem

Outcome = asyncio.Future[bytes | None]
"""The body of the answer; None where it did not come in time."""


class Waiters:
    """Nobody is kept for longer than until he is removed; several may wait for the same transaction."""

    def __init__(self) -> None:
        self._outcomes: dict[str, list[Outcome]] = {}

    def add(self, transaction_id: str) -> Outcome:
        """Begin to wait for what becomes of a transaction, until `remove`."""
        outcome: Outcome = asyncio.get_running_loop().create_future()
        self._outcomes.setdefault(transaction_id, []).append(outcome)
        return outcome

    def remove(self, transaction_id: str, outcome: Outcome) -> None:
        """Wait no longer."""
        waiting = self._outcomes[transaction_id]
        waiting.remove(outcome)
        if not waiting:
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
