"""Which event was in work when a process went down: small memory-mapped files that outlive a SIGKILL.

Only the events of suspect messages are noted. Each process notes in a file of its own, which it holds locked as long as
it lives; a note in a file that nobody holds is a crash. A lost connection, a takeover from a process that lives and an
outage leave no note, or a held one.
"""

import fcntl
import mmap
import os
import struct
from typing import TYPE_CHECKING, Self
from uuid import uuid4

if TYPE_CHECKING:
    from pathlib import Path

CRASHES_THAT_CONVICT = 2

_KEY_BYTES = 32
_NOBODY = b"\0" * _KEY_BYTES
_ENTRY = struct.Struct(f"<{_KEY_BYTES}sI")
_ENTRIES = 128
_SIZE = _ENTRIES * _ENTRY.size


def _open_sized(path: "Path", size: int) -> int:
    """Open a file for reading and writing, made or begun anew where it has another size; return its descriptor."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if os.fstat(descriptor).st_size != size:
        os.ftruncate(descriptor, 0)
        os.ftruncate(descriptor, size)
    return descriptor


class SuspectNotes:
    """The notes about one partition; `key` is 32 bytes, not all zero, that tell an event from all others."""

    def __init__(self, folder: "Path", partition: int) -> None:
        self._folder = folder
        self._partition = partition
        self._own = folder / f"working-{partition}-{uuid4().hex}.bin"
        self._lock = _open_sized(self._own, _KEY_BYTES)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._work = mmap.mmap(self._lock, _KEY_BYTES)
        crashes = _open_sized(folder / f"crashes-{partition}.bin", _SIZE)
        self._crashes = mmap.mmap(crashes, _SIZE)
        os.close(crashes)

    @classmethod
    def open(cls, folder: "Path", partition: int) -> Self:
        """Open the files of a partition, or make them.

        Raises:
            OSError: The folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return cls(folder, partition)

    def close(self) -> None:
        """Leave in order: there is nothing to note."""
        self._own.unlink(missing_ok=True)
        self._work.close()
        os.close(self._lock)
        self._crashes.close()

    def settle_accounts(self) -> None:
        """Count what processes that are gone had in work; the new owner calls this before it works."""
        for path in self._folder.glob(f"working-{self._partition}-*.bin"):
            if path != self._own:
                self._settle(path)

    def _settle(self, path: "Path") -> None:
        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                key = file.read(_KEY_BYTES)
                path.unlink(missing_ok=True)
        except (BlockingIOError, FileNotFoundError):
            return
        if len(key) == _KEY_BYTES and key != _NOBODY:
            self._count(key)

    def working_on(self, key: bytes) -> None:
        """Note the event that is computed next."""
        self._work[:] = key

    def done(self) -> None:
        """Note that no event is in work."""
        self._work[:] = _NOBODY

    def is_convicted(self, key: bytes) -> bool:
        """Return whether an event was in work each time when a process went down, twice at least."""
        return any(noted == key and crashes >= CRASHES_THAT_CONVICT for _, noted, crashes in self._entries())

    def _entries(self) -> list[tuple[int, bytes, int]]:
        return [(offset, *_ENTRY.unpack_from(self._crashes, offset)) for offset in range(0, _SIZE, _ENTRY.size)]

    def _count(self, key: bytes) -> None:
        entries = self._entries()
        for offset, noted, crashes in entries:
            if noted == key:
                _ENTRY.pack_into(self._crashes, offset, key, crashes + 1)
                return
        # A free place, else the one with the fewest crashes: bounded, and the worst are remembered.
        offset, _, _ = min(entries, key=lambda entry: entry[2])
        _ENTRY.pack_into(self._crashes, offset, key, 1)
