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
from fraudline_scorer.deliveries import decode_delivery
from fraudline_scorer.line import Batch, Line
from fraudline_scorer.metrics import ScorerMetrics
from fraudline_scorer.patience import Patience
from fraudline_scorer.suspects import SuspectNotes

if TYPE_CHECKING:
    from pathlib import Path

PATIENCE_SECONDS = 3.0


class Announced:
    """Keeps what was announced instead of publishing it."""

    def __init__(self) -> None:
        self.verdicts: list[str] = []
        self.letters: list[str] = []

    async def announce(self, verdicts: Any, letters: Any) -> None:
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
    away: list[str | None] = field(default_factory=list)

    async def process(self, *lines: bytes) -> None:
        await self.line.process(Message(*lines).batch(), ended=asyncio.Event())


@asynccontextmanager
async def owning_line(database_url: str, model: Path, folder: Path, **options: Any) -> AsyncIterator[LineAlone]:
    """A line over a state of its own, with the options of `PartitionState`; it has taken over."""
    database = await Database.connect(database_url, name="test line")
    state = PartitionState(0, Bundle.load(model), **options)
    announced = Announced()
    away: list[str | None] = []
    notes = SuspectNotes.open(folder, 0)
    line = Line(
        state=state,
        database=database,
        announcer=announced,  # type: ignore[arg-type] # records instead of publishing
        replies=Told(),  # type: ignore[arg-type] # the same
        notes=notes,
        metrics=ScorerMetrics(CollectorRegistry()),
        patience=Patience(asyncio.Event(), away.append, seconds=PATIENCE_SECONDS),
        note_broker=lambda _: None,
    )
    await line.take_over("test")
    yield LineAlone(line, state, database, announced, away)
    await database.close()
    notes.close()
