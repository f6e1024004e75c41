"""Pending → explained → stored, over and over; what a crash leaves behind is pending still.

| moment    | a crash right there leaves behind                                     |
| --------- | --------------------------------------------------------------------- |
| pending   | the verdict as it was: the next look finds it again                   |
| explained | the same; what was computed is computed again                         |
| stored    | nothing; where the answer was lost, the next look does not find it     |

Nothing is locked or kept open between two statements, so a process that is frozen holds up nobody, and several at once
are no more than wasteful.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from fraudline.domain.reasons import EXPLAINING_FAILED, NO_SCORE, NOTHING_STANDS_OUT, OTHER_FEATURES, OTHER_MODEL
from fraudline.errors import DependencyAway
from fraudline.models.explanation import explain, read_features
from fraudline.postgres.log import probe_write
from fraudline.service.log import LogEvent, get_logger
from fraudline.service.pauses import Pauses
from fraudline_scorer.explainer.pending import Explained, Pending, count_pending, next_pending, store_reasons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fraudline.domain.policy import Reason
    from fraudline.models.bundle import Bundle
    from fraudline.postgres.database import Database
    from fraudline_scorer.explainer.metrics import ExplainerMetrics
    from fraudline_scorer.standing import Standing

# A batch is twice as many; explaining is no faster for many at once, and what is ready should not wait for the rest.
FROM_EACH_END = 16
OTHER_MODELS_AFTER = timedelta(seconds=60)
# While a batch does not fill, let a few gather: every store takes the feed's lock and a commit.
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.1
FIRST_AWAY_SECONDS = 0.05
LONGEST_AWAY_SECONDS = 1.0
LOOK_AROUND_SECONDS = 1.0


class Explainer:
    """Gives the flagged verdicts of one model their reasons, and those that cannot have any the reason for that."""

    def __init__(
        self, *, bundle: "Bundle", database: "Database", standing: "Standing", metrics: "ExplainerMetrics"
    ) -> None:
        self._bundle = bundle
        self._database = database
        self._standing = standing
        self._metrics = metrics
        self._looked_around_at = -LOOK_AROUND_SECONDS
        self._log = get_logger()

    async def run(self, stop: asyncio.Event) -> None:
        """Explain what is pending and what comes, until `stop`; an absent database is waited for."""
        idle = Pauses(stop, first_seconds=FIRST_PAUSE_SECONDS, longest_seconds=LONGEST_PAUSE_SECONDS)
        away = Pauses(stop, first_seconds=FIRST_AWAY_SECONDS, longest_seconds=LONGEST_AWAY_SECONDS)
        while not stop.is_set():
            try:
                found = await self.explain_next()
            except DependencyAway as error:
                self._standing.note_database(error.reason)
                await away.rest()
                continue
            self._standing.note_database(None)
            away.reset()
            if found:
                idle.reset()
            if found < 2 * FROM_EACH_END:
                await idle.rest()

    async def explain_next(self) -> int:
        """Explain and store one batch; return how many verdicts were in it.

        Raises:
            DependencyAway: The database is away; what was not stored is still pending.
        """
        async with self._database.acquire() as connection:
            if time.monotonic() - self._looked_around_at >= LOOK_AROUND_SECONDS:
                # A server that only reads has nothing to hide while nothing is pending.
                await probe_write(connection)
                self._metrics.note_pending(await count_pending(connection))
                self._looked_around_at = time.monotonic()
            pending = await next_pending(
                connection, self._bundle.label, other_models_after=OTHER_MODELS_AFTER, from_each_end=FROM_EACH_END
            )
        if not pending:
            return 0
        with self._metrics.computing():
            found = await asyncio.to_thread(self._explain, pending)
        # Apart, so that the answers tell how many of each kind were stored.
        await self._store([one for one in found if one.is_known], outcome="explained")
        await self._store([one for one in found if not one.is_known], outcome="unexplainable")
        return len(pending)

    async def _store(self, explained: "list[Explained]", *, outcome: str) -> None:
        if not explained:
            return
        async with self._database.acquire() as connection:
            stored = await store_reasons(connection, explained)
        now = datetime.now(UTC)
        self._metrics.note_stored(stored, outcome)
        if stored == len(explained):
            # Otherwise another process was faster with some of them, and counts those.
            for one in explained:
                self._metrics.note_delay((now - one.verdict.scored_at).total_seconds())

    def _explain(self, pending: "Sequence[Pending]") -> "list[Explained]":
        return [self._explained(verdict) for verdict in pending]

    def _explained(self, verdict: "Pending") -> "Explained":
        def unknown(*reasons: "Reason") -> Explained:
            return Explained(verdict, reasons, is_known=False)

        if verdict.score is None:
            return unknown() if verdict.policy_reasons else unknown(NO_SCORE)
        if verdict.model != self._bundle.label:
            return unknown(OTHER_MODEL)
        features = read_features(verdict.features)
        if features is None:
            return unknown(OTHER_FEATURES)
        try:
            reasons = explain(self._bundle, features)
        except Exception:  # noqa: BLE001 - whatever it is, it is this verdict's alone
            self._log.exception(LogEvent.EXPLAINING_FAILED, partition=verdict.partition, position=verdict.position)
            return unknown(EXPLAINING_FAILED)
        if not reasons and not verdict.policy_reasons:
            reasons = (NOTHING_STANDS_OUT,)
        return Explained(verdict, reasons, is_known=True)
