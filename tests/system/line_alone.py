"""The owner's line over a real database, without a broker: what it announces is kept, not published."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry

from fraudline.models.bundle import Bundle
from fraudline.postgres.database import Database
from fraudline.state.partition_state import PartitionState
from fraudline_scorer.announcing import Announcing
from fraudline_scorer.batch import Batch
from fraudline_scorer.deliveries import decode_delivery
from fraudline_scorer.line import Line
from fraudline_scorer.metrics import ScorerMetrics
from fraudline_scorer.patience import Patience
from fraudline_scorer.suspects import SuspectNotes

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_SECONDS = 3.0


class Announced:
    """Keeps what was announced instead of publishing it; while `is_heard` is not set, nobody confirms."""

    def __init__(self) -> None:
        self.verdicts: list[str] = []
        self.letters: list[str] = []
        self.is_heard = asyncio.Event()
        self.is_heard.set()
        self.failure: Exception | None = None

    async def announce(self, verdicts: Any, letters: Any) -> None:
        await self.is_heard.wait()
        if self.failure is not None:
            raise self.failure
        self.verdicts += [verdict.transaction_id for verdict in verdicts]
        self.letters += [letter.reason.value for letter in letters]


class Told:
    """Nobody waits for a line alone."""

    async def send(self, batch: Batch, committed: Any) -> None:
        """Tell nobody."""


class Message:
    """A message whose acknowledgement is noted."""

    def __init__(self, *lines: bytes) -> None:
        self.body = b"\n".join(lines)
        self.headers: dict[str, Any] = {}
        self.reply_to: str | None = None
        self.is_acknowledged = False

    async def ack(self, *, multiple: bool) -> None:
        assert multiple
        self.is_acknowledged = True

    def batch(self) -> Batch:
        """The message alone, as the line takes it."""
        return Batch((decode_delivery(self, queue="scorer.events.0"),))  # type: ignore[arg-type] # the part that is used


@dataclass
class LineAlone:
    """A line that owns the partition, and what is around it."""

    line: Line
    state: PartitionState
    database: Database
    announced: Announced
    ended: asyncio.Event
    away: list[str | None] = field(default_factory=list)

    async def process(self, *lines: bytes) -> None:
        """Take a message of these lines to its end."""
        await self.take(Message(*lines).batch())

    async def take(self, batch: Batch) -> None:
        """Take a batch to its end."""
        await self.line.process(batch)
        await self.line.finish()


@asynccontextmanager
async def owning_line(database_url: str, model: Path, folder: Path, **options: Any) -> AsyncIterator[LineAlone]:
    """A line over a state of its own, with the options of `PartitionState`; it has taken over."""
    database = await Database.connect(database_url, name="test line")
    state = PartitionState(0, Bundle.load(model), **options)
    announced = Announced()
    away: list[str | None] = []
    notes = SuspectNotes.open(folder, 0)
    metrics = ScorerMetrics(CollectorRegistry())
    ended = asyncio.Event()
    line = Line(
        state=state,
        database=database,
        announcing=Announcing(
            announced,  # type: ignore[arg-type] # records instead of publishing
            metrics=metrics,
            note_broker=lambda _: None,
            ended=ended,
        ),
        replies=Told(),  # type: ignore[arg-type] # the same
        notes=notes,
        metrics=metrics,
        patience=Patience(asyncio.Event(), away.append, seconds=PATIENCE_SECONDS),
    )
    await line.take_over("test")
    yield LineAlone(line, state, database, announced, ended, away)
    await line.give_up()
    await database.close()
    notes.close()
