"""What a snapshot of five million entities costs the line, and how fast it is read: `python tests/bench/snapshots.py`.

Fills a kernel with entities of all kinds, then feeds it batches of 512 as a line would, one after the other: each is
applied and settled, then written to a file on the same disk and waited for, as the database does with its log. It
measures how long both take alone, and while snapshots are written beside them. A snapshot holds a batch up by the work
that it adds to it, and by the part of it that the batch may have to wait for: both are told by the processor's time,
and in the other times is what else the machine does. Known entities are what the snapshot
holds anyway; strangers, for whom others have to go, are the most that can change. At last a snapshot is restored into a
new kernel, from the disk and from memory.
Fails where a figure is over its goal, or the restored kernel differs.
"""

import gc
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray

from fraudline.kernel.kernel import Kernel
from fraudline.kernel.row_copy import RowCopy
from fraudline.state.snapshot_folder import SnapshotFolder
from fraudline.state.snapshot_format import Kin
from fraudline.state.snapshot_reading import restore_snapshot
from fraudline.state.snapshot_writing import write_snapshot
from kernel import BATCH, CROWD, DAY, ENTITIES, PAIRS, START, feed, of_a_crowd, say, say_goal

MODEL_SECONDS = 0.01
BYTES_OF_COMMIT = 256 << 10
LOG_BYTES = 16 << 20
BATCHES_ALONE = 600
ROUNDS = 3

PAUSE_GOAL_MILLISECONDS = 20.0
RESTORE_GOAL_SECONDS = 10.0  # as long as a million positions of the tail may take (`rebuild.py`)


class Log:
    """A file that is written over and over again, as a database does with its log."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)
        os.pwrite(self._file, bytes(LOG_BYTES), 0)
        os.fsync(self._file)
        self._at = 0

    def append(self) -> None:
        """Write what a batch takes, and wait until it is on the disk."""
        os.pwrite(self._file, os.urandom(BYTES_OF_COMMIT), self._at)
        os.fdatasync(self._file)
        self._at = (self._at + BYTES_OF_COMMIT) % LOG_BYTES


@dataclass(slots=True)
class Took:
    """Milliseconds that batches took: to be applied and settled, the processor's part of that, to be on the disk."""

    kernel: list[float] = field(default_factory=list)
    work: list[float] = field(default_factory=list)
    disk: list[float] = field(default_factory=list)


class Line:
    """Feeds batches one after the other, as often as asked."""

    def __init__(self, kernel: Kernel, log: Log, *, strangers: bool) -> None:
        known = np.random.default_rng(3).integers(0, PAIRS, 400 * BATCH)
        first = 1 << 32 if strangers else 1
        self._kernel = kernel
        self._log = log
        self._parts = [
            of_a_crowd(known[at : at + BATCH], START + 40 * DAY, at, strangers=first + (at if strangers else 0))
            for at in range(0, len(known), BATCH)
        ]
        self._next = 0
        self._idle = threading.Event()

    def batch(self, took: Took) -> None:
        """Feed one; note what it took."""
        part = self._parts[self._next % len(self._parts)]
        self._next += 1
        began, idle = time.perf_counter(), time.thread_time()
        self._kernel.apply(part)
        self._kernel.settle()
        applied, worked = time.perf_counter(), time.thread_time()
        self._log.append()
        took.kernel.append((applied - began) * 1e3)
        took.work.append((worked - idle) * 1e3)
        took.disk.append((time.perf_counter() - applied) * 1e3)
        self._idle.wait(MODEL_SECONDS)


def told(what: str, milliseconds: list[float]) -> None:
    """Print how long batches took."""
    middle, high, worst = np.percentile(milliseconds, [50, 99, 100])
    say(what, f"{worst:.2f} ms", f"worst of {len(milliseconds):,}; median {middle:.2f}, 99 % {high:.2f}")


class TimedCopy:
    """A copy whose parts are timed, each with what was put aside before it."""

    def __init__(self, copy: RowCopy) -> None:
        self._copy = copy
        self.entities, self.evicted, self.give_up = copy.entities, copy.evicted, copy.give_up
        self.longest_milliseconds = 0.0

    def parts(self) -> Iterator[NDArray[np.int64]]:
        """Yield the parts; what they take of the processor is the time for which a batch may wait for them."""
        parts = self._copy.parts()
        while True:
            began = time.thread_time()
            rows = next(parts, None)
            self.longest_milliseconds = max(self.longest_milliseconds, (time.thread_time() - began) * 1e3)
            if rows is None:
                return
            yield rows


def beside(kernel: Kernel, line: Line, folder: SnapshotFolder, position: int) -> tuple[Took, float, float]:
    """Feed batches until a snapshot is written; return what they took, its longest part, and the seconds it took."""
    began = time.perf_counter()
    copy = TimedCopy(kernel.copy())
    stop = threading.Event()
    writing = threading.Thread(
        target=write_snapshot, args=(folder, copy), kwargs={"position": position, "log_mark": "", "stop": stop}
    )
    writing.start()
    took = Took()
    while writing.is_alive():
        line.batch(took)
    return took, copy.longest_milliseconds, time.perf_counter() - began


def main() -> int:
    """Measure once; return the exit code."""
    place = Path(tempfile.mkdtemp(prefix="fraudline-bench-"))
    try:
        return measure(SnapshotFolder(place, Kin.of(partition=0, max_entities=ENTITIES)))
    finally:
        shutil.rmtree(place, ignore_errors=True)


def measure(folder: SnapshotFolder) -> int:
    """Print the table; return the exit code."""
    reached = True
    folder.path.parent.mkdir(parents=True)
    kernel = Kernel(ENTITIES)
    feed(kernel, of_a_crowd(np.random.default_rng(1).permutation(PAIRS), START, 2))
    say("entities", f"{kernel.entities:,}", f"{len(CROWD) + 1} kinds")
    gc.disable()
    log = Log(folder.path.parent / "log")
    for strangers, what in ((False, "known entities"), (True, "strangers")):
        line, alone, worst = Line(kernel, log, strangers=strangers), Took(), []
        for _ in range(BATCHES_ALONE):
            line.batch(alone)
        told(f"a batch of {what}, alone", alone.kernel)
        told("  its work", alone.work)
        told("  its commit", alone.disk)
        for number in range(ROUNDS):
            before = psutil.Process().memory_info().rss
            took, part, seconds = beside(kernel, line, folder, position=2 * number + strangers)
            told(f"  beside snapshot {number + 1}, {seconds:.1f} s", took.kernel)
            told("    its commit", took.disk)
            say("    memory for it", f"{(psutil.Process().memory_info().rss - before) / 1e6:,.0f} MB")
            worst.append(max(took.work) - np.percentile(alone.work, 50) + part)
            say("    its longest part", f"{part:.2f} ms", f"worst work of a batch {max(took.work):.2f} ms")
        # What a snapshot costs it costs each time; what the machine does to it meanwhile, once.
        reached &= say_goal("  pause by a snapshot", min(worst), "ms", PAUSE_GOAL_MILLISECONDS)
    newest = folder.newest()
    assert newest is not None
    size = newest.path.stat().st_size
    say("size", f"{size / 1e6:,.0f} MB", f"{size / newest.header.entities:.0f} bytes an entity")
    for where in ("disk", "memory"):
        if where == "disk":
            with newest.path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        target = Kernel(ENTITIES)
        began, idle = time.perf_counter(), time.process_time()
        restore_snapshot(target, newest)
        seconds, worked = time.perf_counter() - began, time.process_time() - idle
        reached &= say_goal(f"restored from {where}", seconds, "s", RESTORE_GOAL_SECONDS)
        say("  the processors' part, in two threads", f"{worked:.2f} s")
    last, copy = kernel, kernel.copy()
    write_snapshot(folder, copy, position=1_000_000, log_mark="", stop=threading.Event())
    newest = folder.newest()
    assert newest is not None
    target = Kernel(ENTITIES)
    restore_snapshot(target, newest)
    is_equal = target.digest() == last.digest()
    say("equal to what was copied", "yes" if is_equal else "no")
    return 0 if reached and is_equal else 1


if __name__ == "__main__":
    sys.exit(main())
