"""What the feature kernel costs, on one thread: `python tests/bench/kernel.py`.

First the public file (cards, merchants and their pairs; left out where it is not there), then five million entities of
all kinds, from the first to come until there is no room left: time a transaction, the worst batch on the way, memory.
The times are those of the thread: what else the machine does meanwhile is not in them. Fails where one is over its
goal.
"""

import gc
import math
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
import psutil
from numpy.typing import NDArray

from fraudline.kernel.events import ENTITY_KINDS, LABEL, Events
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.keys import entity_key
from fraudline.kernel.registry import FEATURES

FILE = Path(__file__).parents[3] / "shared" / "data" / "handbook-2018-04-01--2018-08-14.parquet"
BATCH = 512
PASSES = 3
FILLINGS = 2
DAY = 86_400_000_000
LABEL_DELAY = 7 * DAY

ENTITIES = 5_000_000
CROWD = {"card": 1_200_000, "merchant": 300_000, "device": 800_000, "country": 200, "customer": 999_800}
PAIRS = ENTITIES - sum(CROWD.values())
MEASURED = 400_000
SHARE_OF_LABELS = 0.01
START = 1_767_614_400_000_000  # 2026-01-05T12:00:00Z

FILE_GOAL_MICROSECONDS = 3.0
CROWD_GOAL_MICROSECONDS = 3 * FILE_GOAL_MICROSECONDS
BATCH_GOAL_MILLISECONDS = 20.0


@dataclass(slots=True)
class Pace:
    """What feeding events took."""

    transactions: int = 0
    seconds: float = 0.0
    batches: list[float] = field(default_factory=list)

    @property
    def microseconds(self) -> float:
        """Per transaction, labels included."""
        return self.seconds / self.transactions * 1e6

    @property
    def worst_milliseconds(self) -> float:
        """Of a batch."""
        return max(self.batches) * 1e3


def feed(kernel: Kernel, events: Events) -> Pace:
    """Feed events in batches, each settled as after a commit."""
    pace = Pace()
    gc.disable()
    for start in range(0, len(events), BATCH):
        part = events.part(start, min(start + BATCH, len(events)))
        began = time.thread_time()
        pace.transactions += len(kernel.apply(part))
        kernel.settle()
        pace.batches.append(time.thread_time() - began)
    gc.enable()
    pace.seconds = sum(pace.batches)
    return pace


def of_columns(
    kind: NDArray[np.int8],
    time_: NDArray[np.int64],
    amount: NDArray[np.float64],
    keys: NDArray[np.uint64],
    place: NDArray[np.float64],
) -> Events:
    """Return events of which the flags are not known; a label came `LABEL_DELAY` after its transaction."""
    unknown = np.full(len(kind), math.nan)
    return Events(
        kind=kind,
        time=time_,
        amount=amount,
        keys=keys,
        latitude=np.ascontiguousarray(place[:, 0]),
        longitude=np.ascontiguousarray(place[:, 1]),
        abroad=unknown,
        remote=unknown,
        weight=np.where(kind == LABEL, 1.0, 0.0),
        transaction_time=time_ - np.where(kind == LABEL, LABEL_DELAY, 0),
    )


def of_the_file() -> Events:
    """Return the public file's transactions, and its labels a week after them."""
    table = pl.read_parquet(FILE).sort("TX_DATETIME", maintain_order=True)
    times = table["TX_DATETIME"].cast(pl.Datetime("us")).cast(pl.Int64).to_numpy()
    frauds = np.flatnonzero(table["TX_FRAUD"].to_numpy())
    keys = np.zeros((len(times), len(ENTITY_KINDS)), np.uint64)
    for column, (name, prefix) in enumerate((("CUSTOMER_ID", "customer"), ("TERMINAL_ID", "terminal"))):
        identifiers, place = np.unique(table[name].to_numpy(), return_inverse=True)
        own = [entity_key(ENTITY_KINDS[column], f"{prefix}-{identifier}") for identifier in identifiers]
        keys[:, column] = np.array(own, np.uint64)[place]
    rows = np.concatenate([np.arange(len(times)), frauds])
    kind = (np.arange(len(rows)) >= len(times)).astype(np.int8)
    moments = times[rows] + kind.astype(np.int64) * LABEL_DELAY
    order = np.argsort(moments, kind="stable")
    amounts = table["TX_AMOUNT"].cast(pl.Float64).to_numpy()
    nowhere = np.full((len(rows), 2), math.nan)
    return of_columns(kind[order], moments[order], amounts[rows][order], keys[rows][order], nowhere)


def of_a_crowd(people: NDArray[np.int64], first_moment: int, seed: int, *, strangers: int = 1) -> Events:
    """Return transactions and a few labels of numbered groups of entities, one group a pair, at random places."""
    random = np.random.default_rng(seed)
    keys = np.zeros((len(people), len(ENTITY_KINDS)), np.uint64)
    for column, name in enumerate(ENTITY_KINDS):
        # No two groups are the same pair; and what is multiplied looks like the hash of an identifier.
        number = (people + people // CROWD["card"] * 7 * min(column, 1)) % CROWD[name] + (column << 40) + strangers
        keys[:, column] = number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    kind = (random.random(len(people)) < SHARE_OF_LABELS).astype(np.int8)
    moments = first_moment + np.arange(len(people), dtype=np.int64) * 1_000_000
    place = np.column_stack([random.uniform(-90, 90, len(people)), random.uniform(-180, 180, len(people))])
    return of_columns(kind, moments, random.lognormal(3.0, 1.0, len(people)), keys, place)


def say(what: str, figure: str, note: str = "") -> None:
    """Print one line of the table."""
    sys.stdout.write(f"{what:<58}{figure:>14}  {note}\n")
    sys.stdout.flush()


def say_goal(what: str, figure: float, unit: str, goal: float) -> bool:
    """Print one line of the table with its goal; return whether it is reached."""
    say(what, f"{figure:.2f} {unit}", f"goal {goal:g}")
    return figure <= goal


def main() -> int:
    """Measure once; return the exit code."""
    process = psutil.Process()
    Kernel(64).apply(Events.empty())
    began = time.perf_counter()
    Kernel()
    say("a new kernel", f"{(time.perf_counter() - began) * 1e3:.2f} ms", f"{len(FEATURES)} features")
    reached = True

    if FILE.exists():
        events, paces = of_the_file(), []
        for _ in range(PASSES):
            kernel = Kernel()
            before = process.memory_info().rss
            paces.append(feed(kernel, events))
            grown = process.memory_info().rss - before
        best = min(paces, key=lambda pace: pace.seconds)
        what = f"public file, {best.transactions:,} transactions, {kernel.entities:,} entities"
        reached &= say_goal(what, best.microseconds, "µs", FILE_GOAL_MICROSECONDS)
        say("  memory", f"{grown / 1e6:,.0f} MB")
    else:
        say(f"{FILE.name} is not there", "-")

    crowd, fillings = of_a_crowd(np.random.default_rng(1).permutation(PAIRS), START, 2), []
    for _ in range(FILLINGS):
        kernel = Kernel(ENTITIES)
        before = process.memory_info().rss
        fillings.append(feed(kernel, crowd))
        grown = process.memory_info().rss - before
    # What a batch pays for growth it pays each time; what the machine does to it meanwhile, once.
    worst = max(min(batches) for batches in zip(*(pace.batches for pace in fillings), strict=True)) * 1e3
    filling = min(fillings, key=lambda pace: pace.seconds)
    say(f"filled with {kernel.entities:,} entities of all kinds", f"{filling.microseconds:.2f} µs")
    reached &= say_goal("  worst batch of 512 on the way, twice", worst, "ms", BATCH_GOAL_MILLISECONDS)
    single = max(pace.worst_milliseconds for pace in fillings)
    say("  worst of any", f"{single:.2f} ms", "the machine's own pauses included")
    say("  memory", f"{grown / 1e6:,.0f} MB", f"{grown / kernel.entities:.0f} bytes an entity")

    known = np.random.default_rng(3).integers(0, PAIRS, MEASURED)
    full = feed(kernel, of_a_crowd(known, START + 30 * DAY, 4))
    reached &= say_goal("known ones among them, six a transaction", full.microseconds, "µs", CROWD_GOAL_MICROSECONDS)

    evicting = feed(kernel, of_a_crowd(known, START + 40 * DAY, 5, strangers=1 << 32))
    say(f"strangers, for whom {kernel.evicted:,} had to go", f"{evicting.microseconds:.2f} µs")
    say("  worst batch of 512", f"{evicting.worst_milliseconds:.2f} ms")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
