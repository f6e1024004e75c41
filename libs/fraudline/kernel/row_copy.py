"""All rows as they were at one moment, handed out in small parts while the kernel goes on.

Nobody waits for a copy of everything. A row that changes before its part comes is put aside as it was: that stands in
the journal, which holds every row's content at its first touch, and is looked through each time before it is dropped.
Rows made after the moment have no part in it; one that gave its place to another is there as it was.

The rows come in no order, and packed: of each only the words that its kind uses, of which the second tells the kind.
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays by position

from collections.abc import Callable, Iterator
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.jit import entry, part, prepare
from fraudline.kernel.layout import ENTITIES, EVICTED, JOURNALLED, KIND, MADE, MADE_INSTEAD, USED
from fraudline.kernel.table import Ints, Links

_State = tuple[Ints, Links, Links, Ints, Ints, Ints]
_Marks = NDArray[np.uint8]

ROWS_OF_PART: Final = 2_048
"""How many rows are read at a time: well under a millisecond, for which the kernel's next batch may have to wait."""

_MOST_BYTES_ASIDE: Final = 256 << 20


class CopyGivenUp(Exception):  # noqa: N818 - what happened, told as such
    """Too much changed before its turn and was not fetched: the copy was given up, so that memory stays bounded."""


@part
def pack(source: Ints, kinds: Ints, packed: Ints, at: int) -> int:
    """Write the words that a row uses behind each other; return where the next row's begin."""
    used = kinds[source[KIND], USED]
    for word in range(used):
        packed[at + word] = source[word]
    return int(at + used)


@entry
def pack_rows(first: int, stop: int, is_packed: _Marks, kinds: Ints, words: Ints, packed: Ints) -> int:
    """Pack the rows from `first` to `stop` that are not yet; return how many words that took."""
    at = 0
    for row in range(first, stop):
        if is_packed[row] == 0:
            at = pack(words[row], kinds, packed, at)
    return at


@entry
def pack_changed(
    first: int, stop: int, is_packed: _Marks, kinds: Ints, journal: Ints, tally: Ints, packed: Ints
) -> int:
    """Pack what the journal says that rows from `first` to `stop` held, of those not packed; return the words taken.

    A row that was noted twice was noted first as it stood when the journal was begun.
    """
    at = 0
    noted_row = journal.shape[1] - 2
    for n in range(tally[JOURNALLED]):
        row = journal[n, noted_row]
        if first <= row < stop and is_packed[row] == 0 and journal[n, noted_row + 1] != MADE:
            is_packed[row] = 1
            at = pack(journal[n], kinds, packed, at)
    return at


class RowCopy:
    """A copy under way; the moment is when it was begun, before what was not settled then.

    `parts` is for another thread than the kernel's: it holds the kernel up for one part at a time.

    Args:
        state: Returns the kernel's arrays as they are now.
        lock: Held by whoever reads or changes them.
        rows_a_part: How many rows are read at a time.
    """

    def __init__(self, state: Callable[[], _State], lock: Lock, rows_a_part: int) -> None:
        self._state = state
        self._lock = lock
        self._rows_a_part = rows_a_part
        *_, journal, tally = state()
        marks = journal[: int(tally[JOURNALLED]), -1]
        self.entities = int(tally[ENTITIES]) - int(np.count_nonzero(marks == MADE))
        self.evicted = int(tally[EVICTED]) - int(np.count_nonzero(marks == MADE_INSTEAD))
        self.is_over = self.entities == 0
        self._is_given_up = False
        self._next = 0
        self._is_packed = np.zeros(self.entities, np.uint8)
        self._aside: list[NDArray[np.int64]] = []
        self._words_aside = 0
        # Apart: what was packed is still read outside the lock while what changes is put aside.
        self._packed = np.empty(0, np.int64)
        self._changed = np.empty(0, np.int64)

    def parts(self) -> Iterator[NDArray[np.int64]]:
        """Yield all rows packed, each once; a part is good until the next one is asked for.

        Raises:
            CopyGivenUp: The parts were asked for too slowly.
        """
        while True:
            with self._lock:
                if self._is_given_up:
                    raise CopyGivenUp
                # What is in the journal has changed since: it has to come from there.
                self._put_aside()
                aside, self._aside, self._words_aside = self._aside, [], 0
                rows = self._pack_next()
            yield from aside
            if not len(rows):
                return
            yield rows

    def give_up(self) -> None:
        """End it: what changes from now on is not put aside any more."""
        with self._lock:
            self._give_up()

    def before_settling(self) -> None:
        """Put aside what the journal alone still knows; the kernel calls this, holding the lock, before it drops it."""
        if not self.is_over:
            self._put_aside()
            if self._words_aside * 8 > _MOST_BYTES_ASIDE:
                self._give_up()

    def _give_up(self) -> None:
        self._is_given_up = self.is_over = True
        self._aside = []

    def _put_aside(self) -> None:
        kinds, _, _, _, journal, tally = self._state()
        self._changed = _with_room(self._changed, int(tally[JOURNALLED]) * journal.shape[1])
        taken = pack_changed(self._next, self.entities, self._is_packed, kinds, journal, tally, self._changed)
        if taken:
            self._aside.append(self._changed[:taken].copy())
            self._words_aside += taken

    def _pack_next(self) -> NDArray[np.int64]:
        """Pack the next rows; at the end, where none are left, the copy is over."""
        kinds, _, _, words, _, _ = self._state()
        self._packed = _with_room(self._packed, self._rows_a_part * words.shape[1])
        taken = 0
        while not taken and self._next < self.entities:
            first, self._next = self._next, min(self._next + self._rows_a_part, self.entities)
            taken = pack_rows(first, self._next, self._is_packed, kinds, words, self._packed)
        self.is_over = self._next == self.entities
        return self._packed[:taken]


def _with_room(array: NDArray[np.int64], words: int) -> NDArray[np.int64]:
    """Return an array with room for so many words: this one where it has that."""
    return array if len(array) >= words else np.empty(words, np.int64)


def prepare_entries() -> None:
    """Load or compile every entry."""
    table, words, marks = "int64[:, ::1]", "int64[::1]", "uint8[::1]"
    prepare(pack_rows, f"int64(int64, int64, {marks}, {table}, {table}, {words})")
    prepare(pack_changed, f"int64(int64, int64, {marks}, {table}, {table}, {words}, {words})")
