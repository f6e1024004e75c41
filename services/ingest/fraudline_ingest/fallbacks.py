"""Fallbacks that were answered are told to the scorer, which writes them beside the verdict.

They travel behind their transactions, in the same stream, once nobody waits any more. What the broker does not take is
tried again as long as this process lives; a process that dies at that moment takes the knowledge with it, and the
client alone still has it.
"""

import asyncio
from collections import deque
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from fraudline.domain.event import MAX_EVENTS, encode_fallback
from fraudline.errors import DependencyAway
from fraudline.service.run import stopped_within, until_stopped

if TYPE_CHECKING:
    from datetime import datetime

    from prometheus_client import Counter

    from fraudline.domain.policy import Decision
    from fraudline.domain.transaction import Transaction
    from fraudline_ingest.group_commit import GroupCommit

MOST_UNTOLD = 100_000
AGAIN_AFTER_SECONDS = 1.0
LAST_SECONDS = 2.0


class Fallbacks:
    """Tells of fallbacks in the order in which they were answered; past the bound new ones are counted alone."""

    def __init__(self, stream: "GroupCommit", given_up: "Counter") -> None:
        self._stream = stream
        self._given_up = given_up
        self._untold: deque[bytes] = deque()
        self._has_untold = asyncio.Event()

    def note(
        self, transaction: "Transaction", decision: "Decision", *, answered_at: "datetime", posted_by: str
    ) -> None:
        """Note what a client is about to be told."""
        if len(self._untold) >= MOST_UNTOLD:
            self._given_up.inc()
            return
        self._untold.append(encode_fallback(transaction, decision, answered_at=answered_at, posted_by=posted_by))
        self._has_untold.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Tell until `stop` is set, and then what is left, if the broker takes it at once."""
        await until_stopped(self._tell_for_ever(stop), stop)
        with suppress(DependencyAway, TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while self._untold:
                    await self._tell_some()
        self._given_up.inc(len(self._untold))

    async def _tell_for_ever(self, stop: asyncio.Event) -> None:
        while True:
            await self._has_untold.wait()
            try:
                await self._tell_some()
            except DependencyAway:
                await stopped_within(stop, AGAIN_AFTER_SECONDS)

    async def _tell_some(self) -> None:
        lines = list(islice(self._untold, MAX_EVENTS))
        await self._stream.put(lines)
        for _ in lines:
            self._untold.popleft()
        if not self._untold:
            self._has_untold.clear()
