"""The live feed: what happened to alerts, numbered without gaps, as each reader wants it from where it stands.

The table is the feed. A process follows its end and keeps the newest events at hand, encoded once for all readers;
whoever stands further back is given pages of the table until it has caught up. A reader holds a number and nothing
else: it may go on at any process.
"""

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import asyncpg
from fastapi.sse import format_sse_event

from fraudline.domain.transaction import rfc3339
from fraudline.errors import DependencyAway, FraudlineError
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.run import stopped_within

if TYPE_CHECKING:
    from datetime import datetime

    from fraudline.postgres.database import Connection, Database
    from fraudline_alerts.metrics import AlertsMetrics

# What another process or the explainer wrote is found by looking; what this one wrote, at once.
LOOK_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0
PAGE_EVENTS = 500
# Some 2 KB each: what all readers together are served from.
KEPT_EVENTS = 4_000

_END = "select last_number from fraudline.alert_feed"
_AFTER = """
select number, alert_id, kind, happened_at, actor, detail from fraudline.alert_events
where number > $1 order by number limit $2
"""
_MOMENT = "select happened_at from fraudline.alert_events where number = $1"


class Entry(NamedTuple):
    """One event as it goes over the wire."""

    number: int
    encoded: bytes


class SetBack(FraudlineError):  # noqa: N818 - what happened, told as such
    """A restore has taken back what a reader was told: the numbers from there on mean something else now."""


class Overtaken(FraudlineError):  # noqa: N818 - what happened, told as such
    """A reader that was at the feed's end reads so slowly that it would have to be given old pages again."""


def event_document(row: "asyncpg.Record") -> dict[str, object]:
    """Return what is told of an event, in a history or in the feed."""
    return {
        "number": row["number"],
        "alert_id": row["alert_id"],
        "kind": row["kind"],
        "happened_at": rfc3339(row["happened_at"]),
        "actor": row["actor"],
        "detail": json.loads(row["detail"]),
    }


def _entry(row: "asyncpg.Record") -> Entry:
    text = json.dumps(event_document(row), ensure_ascii=False, separators=(",", ":"))
    return Entry(row["number"], format_sse_event(data_str=text, event=row["kind"], id=str(row["number"])))


class Feed:
    """One process's view of the feed.

    `position` is the number of the newest event that it has; None until the table was first read. `kept_events` is how
    many of the newest are at hand, `old_pages` where readers from further back are served from. `restores` counts how
    often the table was found to lie behind, or to differ from, what was told of it.
    """

    def __init__(
        self,
        database: "Database",
        metrics: "AlertsMetrics",
        *,
        old_pages: "Database",
        kept_events: int = KEPT_EVENTS,
    ) -> None:
        self._database = database
        self._old_pages = old_pages
        self._kept: deque[Entry] = deque(maxlen=kept_events)
        self._has_news = asyncio.Event()
        self._has_grown = asyncio.Event()
        self._is_failing = False
        self.has_ended = False
        self.restores = 0
        self.position: int | None = None
        # When the event at `position` happened: after a restore another one may have its number.
        self._position_at: datetime | None = None
        metrics.feed_position.set_function(lambda: float(self.position or 0))

    def unready_reason(self) -> str | None:
        """Return why the feed cannot be followed."""
        if self.position is None:
            return "the feed has not been read yet"
        return "the feed cannot be read" if self._is_failing else None

    def poke(self) -> None:
        """Say that this process has just written events."""
        self._has_news.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the table until `stop` is set; every reader's stream ends then."""
        pause = LOOK_SECONDS
        while not stop.is_set():
            self._has_news.clear()
            try:
                is_behind = await self._look()
            except (DependencyAway, asyncpg.PostgresError, TimeoutError) as error:
                if not self._is_failing:
                    get_logger().warning(LogEvent.FEED_UNREADABLE, **describe(error))
                self._is_failing, is_behind = True, False
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
                await stopped_within(stop, pause)
            else:
                self._is_failing, pause = False, LOOK_SECONDS
            if not is_behind:
                await self._until_news(stop)
        self.has_ended = True
        self._grow()

    async def _look(self) -> bool:
        """Take in what is new; return whether there is more."""
        async with self._database.acquire() as connection:
            if self.position is None or await self._was_set_back(connection):
                self._kept.clear()
                self.position = await self.read_end(connection)
                self._position_at = await connection.fetchval(_MOMENT, self.position)
                self._grow()
                return False
            rows = await connection.fetch(_AFTER, self.position, PAGE_EVENTS)
        if rows:
            self._kept.extend(_entry(row) for row in rows)
            self.position, self._position_at = rows[-1]["number"], rows[-1]["happened_at"]
            self._grow()
        return len(rows) == PAGE_EVENTS

    async def _was_set_back(self, connection: "Connection") -> bool:
        """Return whether the event that was told last is not there any more, or another one has its number."""
        if not self.position or await connection.fetchval(_MOMENT, self.position) == self._position_at:
            return False
        self.restores += 1
        get_logger().error(LogEvent.FEED_SET_BACK, position=self.position)
        return True

    async def _until_news(self, stop: asyncio.Event) -> None:
        news = asyncio.create_task(self._has_news.wait())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({news, stopped}, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
            stopped.cancel()

    def _grow(self) -> None:
        """Wake everybody who waits at the end."""
        self._has_grown.set()
        self._has_grown = asyncio.Event()

    async def after(self, number: int, *, restores: int, has_caught_up: bool, seconds: float) -> list[Entry]:
        """Return what comes after an event, a page at most; nothing where nothing has come within so many seconds.

        Args:
            number: The event that the reader had last.
            restores: What `restores` was when the reader began.
            has_caught_up: Whether it has been at the end before: then it is given what is at hand and no old pages.
            seconds: How long is waited at the feed's end.

        Raises:
            SetBack: The table lies behind what the reader was told, or differs from it.
            Overtaken: It had caught up, and what it needs is no longer at hand.
            DependencyAway: An old page cannot be read now.
        """
        if self.position is not None and number >= self.position and not self.has_ended:
            await stopped_within(self._has_grown, seconds)
        self._check(restores)
        if self.position is None or number >= self.position:
            return []
        if self._kept and self._kept[0].number <= number + 1:
            start = number + 1 - self._kept[0].number
            return [self._kept[index] for index in range(start, min(start + PAGE_EVENTS, len(self._kept)))]
        if has_caught_up:
            raise Overtaken
        async with self._old_pages.acquire() as connection:
            page = [_entry(row) for row in await connection.fetch(_AFTER, number, PAGE_EVENTS)]
        self._check(restores)
        return page

    def _check(self, restores: int) -> None:
        if self.restores != restores:
            raise SetBack

    @staticmethod
    async def read_end(connection: "Connection") -> int:
        """Return the number of the newest event in the table."""
        last: int = await connection.fetchval(_END)
        return last
