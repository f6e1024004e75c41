"""Those who wait for verdicts, by the line that they put into the log: clients may use the same transaction_id."""

import asyncio

from fraudline.service.problem_kind import ProblemKind
from fraudline.web.problems import Problem

Outcome = asyncio.Future[bytes | None]
"""The body of the answer; None where it did not come in time."""


class Waiters:
    """Nobody is kept for longer than until he is removed; several may have put the same line."""

    def __init__(self) -> None:
        self._outcomes: dict[bytes, list[Outcome]] = {}

    def add(self, key: bytes) -> Outcome:
        """Begin to wait for what becomes of the line with a key (`event.key_of`), until `remove`."""
        outcome: Outcome = asyncio.get_running_loop().create_future()
        self._outcomes.setdefault(key, []).append(outcome)
        return outcome

    def remove(self, key: bytes, outcome: Outcome) -> None:
        """Wait no longer."""
        waiting = self._outcomes[key]
        waiting.remove(outcome)
        if not waiting:
            del self._outcomes[key]
        outcome.cancel()

    def tell_verdict(self, key: bytes, answer: bytes) -> None:
        """Give the answer to whoever waits for it."""
        for outcome in self._outcomes.get(key, ()):
            if not outcome.done():
                outcome.set_result(answer)

    def tell_conflict(self, key: bytes) -> None:
        """Tell whoever waits that the id has a verdict for other content."""
        for outcome in self._outcomes.get(key, ()):
            if not outcome.done():
                outcome.set_exception(
                    Problem(
                        ProblemKind.ID_CONFLICT,
                        "Another transaction was posted under this transaction_id; its verdict stays, and this one "
                        "gets none. Post it under an id of its own.",
                    )
                )
