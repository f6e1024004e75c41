"""A server's state folder: claimed by one living process, with secrets that only its owner can read."""

import fcntl
import os
import time
from pathlib import Path

from fraudline.local.errors import FolderInUseError

MAX_LOG_BYTES = 8 * 1024 * 1024
TAIL_LINES = 25


class Claim:
    """The right to run the server of a folder, held until released or until this process dies.

    The kernel drops the lock with its holder, so a claim that cannot be had means a living holder, and after a claim
    every process that the folder's pid files still name is a leftover.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "lock"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = path.read_text().strip() or "unknown"
            os.close(self._descriptor)
            message = f"{folder} is in use by process {holder}: stop that one, or give this one another state folder."
            raise FolderInUseError(message) from error
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        """Let the next process have the folder."""
        os.close(self._descriptor)


def write_private(path: Path, text: str) -> None:
    """Write a file whole or not at all, readable by its owner alone."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}.{time.monotonic_ns()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    scratch.replace(path)


def tail(path: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, or nothing when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64 * 1024))
            text = file.read().decode("utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def keep_log_bounded(path: Path, max_bytes: int = MAX_LOG_BYTES) -> None:
    """Set a long log aside, so that a folder holds at most two of them."""
    if path.exists() and path.stat().st_size > max_bytes:
        path.replace(path.with_name(f"{path.name}.1"))
