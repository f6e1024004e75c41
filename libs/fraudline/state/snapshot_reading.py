"""From a snapshot's file back to a kernel: read and checked by one thread while another one fills the tables."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from io import FileIO
from os import POSIX_FADV_SEQUENTIAL, posix_fadvise
from typing import TYPE_CHECKING, Final

import numpy as np

from fraudline.state.snapshot_format import PAGE_BYTES, WORD_BYTES, DamagedSnapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from fraudline.kernel.kernel import Kernel
    from fraudline.state.snapshot_folder import Snapshot

_PART_WORDS: Final = 1 << 19


def restore_snapshot(kernel: "Kernel", snapshot: "Snapshot") -> None:
    """Fill a kernel that knows nobody; where that fails it still knows nobody. Not for the event loop.

    Raises:
        DamagedSnapshot: The file does not hold what was written.
    """
    header = snapshot.header
    try:
        with FileIO(snapshot.path) as file:
            kernel.restore(_checked_rows(file, snapshot), entities=header.entities, evicted=header.evicted)
    except OSError as error:
        raise DamagedSnapshot(f"it cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise DamagedSnapshot(f"its rows are none: {error}") from error


def _checked_rows(file: FileIO, snapshot: "Snapshot") -> "Iterator[NDArray[np.int64]]":
    """Yield the rows in parts, each good until the next is asked for; in the end see whether they were all good."""
    file.seek(PAGE_BYTES)
    with suppress(OSError):  # a file system that takes no advice
        posix_fadvise(file.fileno(), PAGE_BYTES, 0, POSIX_FADV_SEQUENTIAL)
    digest = sha256()
    read = 0

    def fill(part: "NDArray[np.int64]") -> "NDArray[np.int64]":
        """Fill as much of a part as the file has; it stops short at its end alone."""
        nonlocal read
        view = part.data.cast("B")
        filled = 0
        while filled < len(view) and (more := file.readinto(view[filled:])):
            filled += more
        digest.update(view[:filled])
        read += filled
        return part[: filled // WORD_BYTES]

    with ThreadPoolExecutor(1, "reading a snapshot") as reader:
        this, other = (np.empty(_PART_WORDS, np.int64) for _ in range(2))
        reading = reader.submit(fill, this)
        while len(rows := reading.result()):
            this, other = other, this
            reading = reader.submit(fill, this)
            yield rows
    if read != snapshot.header.rows_bytes or digest.hexdigest() != snapshot.header.rows_digest:
        raise DamagedSnapshot("its rows are not what was written")
