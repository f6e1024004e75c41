"""A bound on what is held at once: over it nothing waits, the answer is 503 straight away."""

from contextlib import contextmanager
from typing import TYPE_CHECKING

from fraudline.web.problems import full

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Gauge


class Bound:
    """At most `limit` of something, named in plural words for the client; `held` shows how much it is."""

    def __init__(self, limit: int, what: str, held: "Gauge") -> None:
        self._limit = limit
        self._what = what
        self._held = 0
        held.set_function(lambda: float(self._held))

    def take(self, amount: int) -> None:
        """Hold `amount` until it is given back.

        Raises:
            Problem: That would be more than the limit.
        """
        if self._held + amount > self._limit:
            raise full(f"There are as many {self._what} here as there may be")
        self._held += amount

    def give_back(self, amount: int) -> None:
        """Hold so much less."""
        self._held -= amount

    @contextmanager
    def hold(self, amount: int) -> "Iterator[None]":
        """Hold `amount` for the length of a block.

        Raises:
            Problem: That would be more than the limit.
        """
        self.take(amount)
        try:
            yield
        finally:
            self.give_back(amount)
