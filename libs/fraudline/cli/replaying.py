"""Posting a history in its order, with labels at the moment at which they fall due.

One batch is in flight at a time: the log then has the order of the file, which makes a replay repeatable bit for bit.
Labels stand where training sees them: at 00:00 of the file's time, before that day's transactions. There everything
before is scored first, and every label is applied before anything after it is posted.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from fraudline.domain.label import LabelSource, LabelValue
from fraudline.domain.partition import partition_of
from fraudline.domain.transaction import rfc3339
from fraudline.models.histories.point_in_time import LABEL_DELAY, labels_in_order

if TYPE_CHECKING:
    from fraudline.cli.client import Client, Rejection
    from fraudline.cli.pace import Pace
    from fraudline.models.histories.history import History

MAX_BATCH = 500
SHOWN_REJECTIONS = 5
FIRST_LOOK_SECONDS = 0.01
LONGEST_LOOK_SECONDS = 0.5


@dataclass(slots=True)
class Replayed:
    """What has been done so far; `overdue` are transactions whose verdict or label did not come in time."""

    posted: int = 0
    accepted: int = 0
    rejected: int = 0
    labels: int = 0
    posting_seconds: float = 0.0
    seconds: float = 0.0
    first_rejections: "list[Rejection]" = field(default_factory=list)
    overdue: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class DueLabels:
    """The frauds that become known before the transaction at `index`, at one moment."""

    index: int
    reported_at: str
    transaction_ids: list[str]


class Replaying:
    """One replay of a history.

    Args:
        client: Where it is posted.
        history: What is posted, in order of time.
        pace: When each may leave.
        label_delay: How long after it a fraud becomes known.
        verdict_seconds: How long a verdict is waited for.
        tell: Is called with the state of things after each batch.
    """

    def __init__(
        self,
        client: "Client",
        history: "History",
        *,
        pace: "Pace",
        label_delay: timedelta = LABEL_DELAY,
        verdict_seconds: float = 60.0,
        tell: Callable[[Replayed], None] = lambda _: None,
    ) -> None:
        self.replayed = Replayed()
        self._client = client
        self._history = history
        self._pace = pace
        self._label_delay = label_delay
        self._verdict_seconds = verdict_seconds
        self._tell = tell
        self._started = 0.0
        self._paused_seconds = 0.0
        # Within a partition verdicts come in the order of posting: the last one stands for all before it.
        self._last_accepted: dict[int, str] = {}
        self._rejected_ids: set[str] = set()

    async def run(self) -> Replayed:
        """Post everything, wait for the last verdicts, and return what was done.

        Raises:
            Refused: Ingest refused a whole batch, or the key.
            DependencyAway: Ingest was away for longer than the client's patience.
        """
        self._started = time.monotonic()
        start = 0
        for due in due_labels(self._history, self._label_delay):
            await self._post_rows(start, due.index)
            start = due.index
            if not await self._report(due):
                break
        else:
            await self._post_rows(start, len(self._history))
        self.replayed.posting_seconds = time.monotonic() - self._started
        await self._await_verdicts()
        self.replayed.seconds = time.monotonic() - self._started
        return self.replayed

    async def _post_rows(self, start: int, stop: int) -> None:
        while start < stop:
            count = await self._until_due(start, stop)
            await self._post_batch(self._history.rows(start, start + count))
            start += count

    async def _until_due(self, start: int, stop: int) -> int:
        """Wait until the next transaction may leave; return how many may leave with it."""
        wait = self._pace.seconds_until(start) - self._elapsed()
        if wait > 0:
            await asyncio.sleep(wait)
        return max(1, int(min(self._pace.due(self._elapsed()) - start, MAX_BATCH, stop - start)))

    def _elapsed(self) -> float:
        return time.monotonic() - self._started - self._paused_seconds

    async def _post_batch(self, rows: list[dict[str, Any]]) -> None:
        result = await self._client.post_batch(rows)
        refused = {rejection.index for rejection in result.rejected}
        self.replayed.posted += len(rows)
        self.replayed.accepted += result.accepted
        self.replayed.rejected += len(refused)
        self.replayed.first_rejections += result.rejected[: SHOWN_REJECTIONS - len(self.replayed.first_rejections)]
        for index, row in enumerate(rows):
            if index in refused:
                self._rejected_ids.add(row["transaction_id"])
            else:
                self._last_accepted[partition_of(row["card_id"])] = row["transaction_id"]
        self._tell(self.replayed)

    async def _report(self, due: DueLabels) -> bool:
        """Post the labels of one moment, with all before them scored and themselves applied; return whether they were.

        The file's clock stands still meanwhile.
        """
        paused_at = time.monotonic()
        known = [identifier for identifier in due.transaction_ids if identifier not in self._rejected_ids]
        if not await self._await_verdicts():
            return False
        if known:
            # One after the other, as a backtest takes them: the log has their order, and with it which entities have
            # been idle the longest. When the last one is applied, so are those before it.
            for transaction_id in known:
                await self._client.post_label(_label(transaction_id, due.reported_at))
                self.replayed.labels += 1
            if not await self._seen(known[-1], lambda found: _has_label(found, due.reported_at)):
                return False
        self._paused_seconds += time.monotonic() - paused_at
        return True

    async def _await_verdicts(self) -> bool:
        """Wait until all that was posted is scored; return whether it was, in time."""
        seen = [await self._seen(identifier, lambda _: True) for identifier in self._last_accepted.values()]
        return all(seen)

    async def _seen(self, transaction_id: str, is_there: Callable[[dict[str, Any]], bool]) -> bool:
        """Wait until a transaction is scored and `is_there` holds of it."""
        give_up_at = time.monotonic() + self._verdict_seconds
        pause = FIRST_LOOK_SECONDS
        while True:
            found = await self._client.get(transaction_id)
            if found is not None and is_there(found):
                return True
            if time.monotonic() > give_up_at:
                if transaction_id not in self.replayed.overdue:
                    self.replayed.overdue.append(transaction_id)
                return False
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_LOOK_SECONDS)


def due_labels(history: "History", label_delay: timedelta) -> Iterator[DueLabels]:
    """Yield the labels that some transaction of a history sees: together those of one moment and one place."""
    labels = labels_in_order(history, label_delay)
    identifiers = history.frame["transaction_id"]
    together = zip(labels.before.tolist(), labels.due.tolist(), labels.row.tolist(), strict=True)
    for (index, moment), members in groupby(together, key=itemgetter(0, 1)):
        yield DueLabels(
            index=index,
            reported_at=rfc3339(_EPOCH + timedelta(microseconds=moment)),
            transaction_ids=[str(identifiers[row]) for _, _, row in members],
        )


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _label(transaction_id: str, reported_at: str) -> dict[str, str]:
    return {
        "transaction_id": transaction_id,
        "label": LabelValue.FRAUD.value,
        "source": LabelSource.CHARGEBACK.value,
        "reported_at": reported_at,
    }


def _has_label(found: dict[str, Any], reported_at: str) -> bool:
    return any(
        label["reported_at"] == reported_at and label["source"] == LabelSource.CHARGEBACK.value
        for label in found["labels"]
    )
