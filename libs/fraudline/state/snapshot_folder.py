"""Where the snapshots of a partition are kept: at most two whole ones, and what is being written."""

import fcntl
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from fraudline.state.snapshot_format import PAGE_BYTES, DamagedSnapshot, ForeignSnapshot, Kin, SnapshotHeader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEPT: Final = 2

_SUFFIX: Final = ".snapshot"
_UNFINISHED: Final = ".unfinished"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole file, as far as its first page says."""

    path: "Path"
    header: SnapshotHeader


def read_header(path: "Path") -> SnapshotHeader:
    """Read what a file says that it is, without its rows.

    Raises:
        DamagedSnapshot: It cannot be read, is another file's first page, or is cut short.
        ForeignSnapshot: It is that of another release's format.
    """
    try:
        with path.open("rb") as file:
            header = SnapshotHeader.of_page(file.read(PAGE_BYTES))
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise DamagedSnapshot(f"it cannot be read: {error.strerror}") from error
    if size != PAGE_BYTES + header.rows_bytes:
        raise DamagedSnapshot(f"it has {size:,} bytes, not {PAGE_BYTES + header.rows_bytes:,}")
    return header


class SnapshotFolder:
    """The snapshots of one partition in a state folder, which other processes may read and write too.

    Args:
        state_dir: The state folder.
        kin: Whose snapshots are of use here.
    """

    def __init__(self, state_dir: "Path", kin: Kin) -> None:
        self.kin = kin
        self.path = state_dir / "snapshots" / f"partition-{kin.partition}"
        self._refused: set[Path] = set()

    def paths(self) -> "list[Path]":
        """Return the files that were not refused, that of the highest position first; none where there is no folder."""
        found = (path for path in self.path.glob(f"*{_SUFFIX}") if path not in self._refused)
        return sorted(found, key=lambda path: path.name, reverse=True)

    def newest(self) -> Snapshot | None:
        """Return the snapshot of the highest position that is of use here, as far as first pages say; None for none."""
        for path in self.paths():
            with suppress(DamagedSnapshot, ForeignSnapshot):
                header = read_header(path)
                if header.kin == self.kin:
                    return Snapshot(path, header)
        return None

    def refuse(self, path: "Path") -> None:
        """Pass over a file from now on; it stays until newer ones take its place."""
        self._refused.add(path)

    @contextmanager
    def new_file(self, position: int) -> "Iterator[int]":
        """Make a file and lend its descriptor; what was written takes its name when the block ends well, else goes.

        So a name stands for a whole file at any moment, a power loss included. Older files than the newest two go.

        Raises:
            OSError: The folder cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._clear_up()
        unfinished = self.path / f"{position:020d}-{uuid4().hex}{_UNFINISHED}"
        final = self.path / f"{position:020d}{_SUFFIX}"
        file = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # Held as long as somebody writes: who finds it free may clear it up.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            os.fsync(file)
            unfinished.rename(final)
            self._sync()
        finally:
            unfinished.unlink(missing_ok=True)
            os.close(file)
        self._refused.discard(final)
        self._drop_old(final)

    def _sync(self) -> None:
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _drop_old(self, newest: "Path") -> None:
        """Keep what was written last, whatever its position: a log that was set back begins with lower ones."""
        others = [path for path in self.path.glob(f"*{_SUFFIX}") if path != newest]
        for path in sorted(others, key=_written_last, reverse=True)[KEPT - 1 :]:
            path.unlink(missing_ok=True)

    def _clear_up(self) -> None:
        """Remove what processes that are gone did not finish."""
        for path in self.path.glob(f"*{_UNFINISHED}"):
            with suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)


def _written_last(path: "Path") -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:  # somebody else has dropped it
        return 0
