"""Writes a snapshot beside the line: copied part by part, hashed, on the disk before it has a name."""

import os
import shutil
import time
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from fraudline.errors import FraudlineError
from fraudline.kernel.row_copy import CopyGivenUp
from fraudline.state.snapshot_format import PAGE_BYTES, SnapshotHeader

if TYPE_CHECKING:
    import threading

    from fraudline.kernel.row_copy import RowCopy
    from fraudline.state.snapshot_folder import SnapshotFolder

# After each part the writer rests for so many times as long as that took: the machine is the line's.
REST: Final = 2.0

# So much waits for the disk at most: more would hold up whoever else waits for it, the database's log first.
_UNSYNCED_BYTES: Final = 8 << 20
_BYTES_LEFT_FREE: Final = 256 << 20
_MOST_BYTES_AN_ENTITY: Final = 448


class SnapshotFailed(FraudlineError):  # noqa: N818 - what happened, told as such
    """No snapshot was written; nothing is left of it."""


def write_snapshot(
    folder: "SnapshotFolder", copy: "RowCopy", *, position: int, log_mark: str, stop: "threading.Event"
) -> SnapshotHeader:
    """Write what a kernel held at a position of the log, in the time that this takes; not for the event loop.

    Args:
        folder: Where it gets its name.
        copy: What the kernel held; it is given up where this fails.
        position: Up to which position of the log the kernel had been fed.
        log_mark: What tells that log from another one.
        stop: Ends the writing early.

    Raises:
        SnapshotFailed: The disk does not take it, the kernel could not wait for it, or `stop` was set.
    """
    try:
        _check_room(folder, copy.entities)
        with folder.new_file(position) as file:
            length, digest = _write_rows(file, copy, stop)
            header = SnapshotHeader(
                kin=folder.kin,
                position=position,
                log_mark=log_mark,
                entities=copy.entities,
                evicted=copy.evicted,
                rows_bytes=length,
                rows_digest=digest,
                written_at=datetime.now(UTC).isoformat(timespec="seconds"),
            )
            _write_all(file, memoryview(header.page()), at=0)
    except OSError as error:
        raise SnapshotFailed(f"{folder.path} does not take it: {error.strerror}") from error
    except CopyGivenUp as error:
        raise SnapshotFailed("the disk is slower than the entities change") from error
    finally:
        copy.give_up()
    return header


def _check_room(folder: "SnapshotFolder", entities: int) -> None:
    folder.path.mkdir(parents=True, exist_ok=True, mode=0o700)
    needed = entities * _MOST_BYTES_AN_ENTITY + _BYTES_LEFT_FREE
    free = shutil.disk_usage(folder.path).free
    if free < needed:
        raise SnapshotFailed(f"{folder.path} has {free:,} bytes free, and {needed:,} may be needed")


def _write_rows(file: int, copy: "RowCopy", stop: "threading.Event") -> tuple[int, str]:
    """Write all parts behind the first page; return their length and digest."""
    digest = sha256()
    at = synced = PAGE_BYTES
    began = time.monotonic()
    for rows in copy.parts():
        words = rows.data.cast("B")
        digest.update(words)
        _write_all(file, words, at=at)
        at += len(words)
        if at - synced >= _UNSYNCED_BYTES:
            os.fdatasync(file)
            synced = at
        if stop.wait(REST * (time.monotonic() - began)):
            raise SnapshotFailed("the process is to stop")
        began = time.monotonic()
    return at - PAGE_BYTES, digest.hexdigest()


def _write_all(file: int, data: memoryview, *, at: int) -> None:
    while data:
        written = os.pwrite(file, data, at)
        data, at = data[written:], at + written
