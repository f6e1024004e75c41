"""The count that decides: what the database holds of a run, against what was told to be accepted."""

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from fraudline.bench.answers import Answers, Floats, Integers
from fraudline.errors import FraudlineError

if TYPE_CHECKING:
    from fraudline.bench.subject import Subject

LOOK_SECONDS: Final = 0.1
# Nothing new for so long, and the rest does not come any more.
STANDSTILL_SECONDS: Final = 30.0
_SHOWN: Final = 5

Connection = Any  # asyncpg's own, which is generic for type checkers alone


class CountsDisagree(FraudlineError):  # noqa: N818 - what happened, told as such
    """What is stored is not what was accepted: the figures of the run are worth nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """The verdicts of a run, a row each, ascending by the payment's number.

    Attributes:
        number: The payment's.
        accepted_at: When the service took it in by its own word, in seconds since 1970.
        committed_at: When the database committed it, by its clock: just before the log is flushed.
        flagged: How many are no approval.
    """

    number: Integers
    accepted_at: Floats
    committed_at: Floats
    flagged: int

    def __len__(self) -> int:
        return len(self.number)

    def committed_of(self, first: Integers) -> Floats:
        """Return when the payments of these numbers were committed; NaN where one is not stored."""
        if not len(self):
            return np.full(len(first), np.nan)
        place = np.minimum(np.searchsorted(self.number, first), len(self) - 1)
        return np.where(self.number[place] == first, self.committed_at[place], np.nan)


async def count_so_far(connection: Connection, subject: "Subject") -> int:
    """Return the number that grows with every stored payment."""
    return int(await connection.fetchval(subject.so_far))


async def until_stored(connection: Connection, subject: "Subject", wanted: int) -> None:
    """Wait until the count has come to `wanted`, for as long as it moves."""
    last, moved_at = -1, time.monotonic()
    while (now := await count_so_far(connection, subject)) < wanted:
        if now != last:
            last, moved_at = now, time.monotonic()
        elif time.monotonic() - moved_at > STANDSTILL_SECONDS:
            return
        await asyncio.sleep(LOOK_SECONDS)


async def stored_of(connection: Connection, subject: "Subject", run: str) -> Stored:
    """Return what is stored of a run."""
    rows = await connection.fetch(subject.stored, f"{run}-", f"{run}.", timeout=120)
    number = np.array([row["number"] for row in rows], np.int64)
    order = np.argsort(number, kind="stable")
    accepted_at, committed_at = (
        np.array([np.nan if row[name] is None else row[name] for row in rows], np.float64)[order]
        for name in ("accepted_at", "committed_at")
    )
    return Stored(number[order], accepted_at, committed_at, sum(row["is_flagged"] for row in rows))


def check(answers: Answers, stored: Stored) -> None:
    """Compare, request by request: of each as many verdicts as it was told were taken in, once, and no other.

    Of a request that nobody knows the fate of there may be any number, of its own payments.

    Raises:
        CountsDisagree: One that was accepted is not stored, one is stored twice, or one that was not accepted is.
    """
    if len(twice := stored.number[:-1][np.diff(stored.number) == 0]):
        raise CountsDisagree(f"{len(twice):,} payments have two verdicts, number {twice[0]} for one")
    request = np.searchsorted(answers.first, stored.number, side="right") - 1
    is_ours = request >= 0
    is_ours[is_ours] = stored.number[is_ours] < answers.first[request[is_ours]] + answers.size
    if len(foreign := stored.number[~is_ours]):
        raise CountsDisagree(f"{len(foreign):,} stored payments were never posted: {_shown(foreign)}")
    found = np.bincount(request, minlength=len(answers))
    is_known = answers.in_doubt == 0
    missing = np.where(is_known, answers.accepted - found, 0)
    if (lost := missing > 0).any():
        raise CountsDisagree(
            f"{missing[lost].sum():,} of {answers.accepted_payments:,} accepted payments have no verdict, of the "
            f"requests from number {_shown(answers.first[lost])}"
        )
    if (extra := missing < 0).any():
        raise CountsDisagree(
            f"{-missing[extra].sum():,} payments are stored that were not accepted, of the requests from number "
            f"{_shown(answers.first[extra])}"
        )


def _shown(numbers: Integers) -> str:
    return ", ".join(map(str, numbers[:_SHOWN])) + (" …" if len(numbers) > _SHOWN else "")
