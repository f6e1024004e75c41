"""Which event was in work when the process went down: a small memory-mapped file that outlives a SIGKILL.

Only the events of suspect messages are noted. A note that another process left behind counts as a crash when that
process is gone; a lost connection, a takeover from a process that lives, an outage leave no note or no dead process.
"""

import mmap
import os
import struct
from typing import TYPE_CHECKING, Self

import psutil

if TYPE_CHECKING:
    from pathlib import Path

CRASHES_THAT_CONVICT = 2

_KEY_BYTES = 32
_NOBODY = b"\0" * _KEY_BYTES
_MAGIC = b"FLSUSP01"
_HEADER = struct.Struct(f"<8sQd{_KEY_BYTES}s")
_ENTRY = struct.Struct(f"<{_KEY_BYTES}sI")
_ENTRIES = 128
_SIZE = _HEADER.size + _ENTRIES * _ENTRY.size


class SuspectNotes:
    """The file of one partition; `key` is 32 bytes that tell an event from all others."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory = memory
        self._process = (os.getpid(), psutil.Process().create_time())

    @classmethod
    def open(cls, folder: "Path", partition: int) -> Self:
        """Open the file of a partition, or make it; one of another form is begun anew.

        Raises:
            OSError: The folder cannot be written.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"suspects-{partition}.bin"
        with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
            content = file.read()
            if len(content) != _SIZE or not content.startswith(_MAGIC):
                file.seek(0)
                file.truncate()
                file.write(_HEADER.pack(_MAGIC, 0, 0.0, _NOBODY).ljust(_SIZE, b"\0"))
                file.flush()
            return cls(mmap.mmap(file.fileno(), _SIZE))

    def close(self) -> None:
        """Let go of the file."""
        self._memory.close()

    def settle_accounts(self) -> None:
        """Count the event that a process which is gone had in work; the new owner calls this before it works."""
        _, pid, started, key = _HEADER.unpack_from(self._memory, 0)
        if key == _NOBODY or (pid, started) == self._process or _lives(pid, started):
            return
        self._count(key)
        self.done()

    def working_on(self, key: bytes) -> None:
        """Note the event that is computed next."""
        _HEADER.pack_into(self._memory, 0, _MAGIC, *self._process, key)

    def done(self) -> None:
        """Note that no event is in work."""
        _HEADER.pack_into(self._memory, 0, _MAGIC, *self._process, _NOBODY)

    def is_convicted(self, key: bytes) -> bool:
        """Return whether an event was in work each time when a process went down, twice at least."""
        return any(noted == key and crashes >= CRASHES_THAT_CONVICT for _, noted, crashes in self._entries())

    def _entries(self) -> list[tuple[int, bytes, int]]:
        offsets = range(_HEADER.size, _SIZE, _ENTRY.size)
        return [(offset, *_ENTRY.unpack_from(self._memory, offset)) for offset in offsets]

    def _count(self, key: bytes) -> None:
        entries = self._entries()
        for offset, noted, crashes in entries:
            if noted == key:
                _ENTRY.pack_into(self._memory, offset, key, crashes + 1)
                return
        # A free place, else the one with the fewest crashes: bounded, and the worst are remembered.
        offset, _, _ = min(entries, key=lambda entry: entry[2])
        _ENTRY.pack_into(self._memory, offset, key, 1)


def _lives(pid: int, started: float) -> bool:
    try:
        return psutil.Process(pid).create_time() == started
    except psutil.Error:
        return False
