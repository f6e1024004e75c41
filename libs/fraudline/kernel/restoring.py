"""Rows that were packed (`row_copy.py`), back in the tables of a kernel that knows nobody yet.

Chains are made anew, and the ring from the numbers of the latest touches; where a row stands means nothing.
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays by position

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.jit import entry, prepare
from fraudline.kernel.layout import (
    BUCKETS,
    BUCKETS_AT_FIRST,
    BUCKETS_PER_ROW,
    ENTITIES,
    EVICTED,
    KEY,
    KIND,
    MASK,
    SAVED,
    TOUCHED,
    TOUCHES,
    USED,
)
from fraudline.kernel.ring import hang
from fraudline.kernel.table import Ints, Links, chain, hash_of


@entry
def unpack(
    packed: Ints, most: int, kinds: Ints, buckets: Links, links: Links, words: Ints, tally: Ints, touched: Ints
) -> int:
    """Give at most so many packed rows their places and enter them; return how many words they took, -1 for no row.

    The last row may be cut off: it is left.
    """
    at = 0
    for _ in range(most):
        if packed.size - at <= KIND:
            break
        kind = packed[at + KIND]
        row = tally[ENTITIES]
        if not 0 <= kind < kinds.shape[0] or row == touched.size:
            return -1
        used = kinds[kind, USED]
        if packed.size - at < used:
            break
        for word in range(used):
            words[row, word] = packed[at + word]
        touched[row] = words[row, TOUCHED]
        chain(row, hash_of(kind, np.uint64(words[row, KEY])), buckets, links, tally)
        tally[ENTITIES] = row + 1
        at += used
    return at


@entry
def hang_all(order: Ints, links: Links) -> None:
    """Hang rows into an empty ring, the first as the one idle the longest."""
    ring = links.shape[0] - 1
    youngest = ring
    for n in range(order.size):
        hang(order[n], youngest, links)
        youngest = order[n]


def restore(
    parts: Iterable[NDArray[np.int64]],
    *,
    entities: int,
    evicted: int,
    kinds: Ints,
    buckets: Links,
    links: Links,
    words: Ints,
    tally: Ints,
) -> None:
    """Fill the tables of a new kernel; see `Kernel.restore`.

    Raises:
        ValueError: The parts are not exactly so many rows, or there is no room for them.
    """
    if not 0 <= entities <= len(words):
        raise ValueError(f"{entities:,} entities, but room for {len(words):,}")
    tally[EVICTED] = evicted
    # The chains of as many buckets as would be in use had the rows come one after the other.
    tally[BUCKETS] = max(BUCKETS_AT_FIRST, min(BUCKETS_PER_ROW * entities, len(buckets)))
    tally[MASK] = (1 << int(tally[BUCKETS] - 1).bit_length()) - 1
    touched = np.empty(entities, np.int64)
    rest = np.empty(0, np.int64)

    def enter(packed: NDArray[np.int64], most: int) -> NDArray[np.int64]:
        taken = unpack(packed, most, kinds, buckets, links, words, tally, touched)
        if taken < 0:
            raise ValueError(f"what follows {int(tally[ENTITIES]):,} entities is none, or one too many")
        return packed[taken:]

    for part in parts:
        whole = part
        if len(rest):
            # The row that the last part cut off, whole: no row has more words than the table's.
            head = np.concatenate([rest, part[: words.shape[1]]])
            left = enter(head, 1)
            if len(left) == len(head):
                rest = np.concatenate([rest, part])
                continue
            whole = part[len(head) - len(left) - len(rest) :]
        rest = enter(whole, entities + 1).copy()
    if len(rest) or tally[ENTITIES] != entities:
        raise ValueError(f"{int(tally[ENTITIES]):,} entities and {len(rest)} words, not {entities:,} entities")
    hang_all(np.argsort(touched), links)
    tally[TOUCHES] = tally[SAVED] = int(touched.max(initial=0))


def prepare_entries() -> None:
    """Load or compile every entry; the words that are unpacked may be read-only."""
    table, words = "int64[:, ::1]", "int64[::1]"
    packed = "Array(int64, 1, 'C', True)"
    prepare(unpack, f"int64({packed}, int64, {table}, int32[::1], int32[:, ::1], {table}, {words}, {words})")
    prepare(hang_all, f"void({words}, int32[:, ::1])")
