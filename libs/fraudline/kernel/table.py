"""The table that leads from kind and key to an entity's row.

It has chains, and grows by linear hashing (Litwin, "Linear Hashing", VLDB 1980): with each new row two more buckets
come into use, and only the rows of the two buckets that they relieve are moved. So no batch pays for growth, and a
small population stays in a small part of the memory reserved. A row's links hold its hash, so that a search reads no
words but those of the row that it finds.
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays by position

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.events import TRANSACTION
from fraudline.kernel.jit import part
from fraudline.kernel.layout import (
    BLOCK,
    BUCKETS,
    CARD,
    HASH,
    KEY,
    KIND,
    KINDS,
    MASK,
    MERCHANT,
    NEXT,
    OLDER,
    PAIR,
    SOUGHT_HASH,
    SOUGHT_KEY,
    SOUGHT_ROW,
    TAKES_LABELS,
    TAKES_TRANSACTIONS,
    USED,
    WORDS_OF_CACHE_LINE,
    YOUNGER,
)

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]
Links = NDArray[np.int32]
Shorts = NDArray[np.uint16]

_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
_KIND_SPREAD: Final = np.uint64(0xC2B2AE3D27D4EB4F)
_PAIR_SPREAD: Final = np.uint64(0xD6E8FEB86659FD93)
_HALF_OF_BITS: Final = np.uint64(32)
_HASH_BITS: Final = np.uint64(0x7FFFFFFF)


@part
def pair_of(one: np.uint64, other: np.uint64) -> np.uint64:
    """Return the key of two entities together: each of them, and their order, changes half of its bits."""
    mixed = (one ^ (one >> _HALF_OF_BITS)) * _PAIR_SPREAD
    mixed = (mixed ^ (mixed >> _HALF_OF_BITS)) + other
    mixed = (mixed ^ (mixed >> _HALF_OF_BITS)) * _SPREAD
    return np.uint64(mixed ^ (mixed >> _HALF_OF_BITS))


@part
def hash_of(kind: int, key: np.uint64) -> int:
    """Return the 31 bits by which an entity is looked up."""
    mixed = (key ^ (np.uint64(kind) * _KIND_SPREAD)) * _SPREAD
    return np.int64((mixed ^ (mixed >> _HALF_OF_BITS)) & _HASH_BITS)  # type: ignore[return-value]


@part
def bucket_of(hashed: int, tally: Ints) -> int:
    """Return the bucket in use to which a hash belongs."""
    bucket = hashed & tally[MASK]
    if bucket >= tally[BUCKETS]:
        bucket &= tally[MASK] >> 1
    return int(bucket)


@part
def find(kind: int, key: int, hashed: int, buckets: Links, links: Links, words: Ints, tally: Ints) -> int:
    """Return an entity's row, -1 for none."""
    row = int(buckets[bucket_of(hashed, tally)]) - 1
    while row >= 0 and not (links[row, HASH] == hashed and words[row, KEY] == key and words[row, KIND] == kind):
        row = int(links[row, NEXT]) - 1
    return row


@part
def look_up(
    start: int,
    stop: int,
    event: NDArray[np.int8],
    keys: Keys,
    kinds: Ints,
    buckets: Links,
    links: Links,
    words: Ints,
    tally: Ints,
    sought: Ints,
) -> None:
    """Write for a block of events the keys and hashes of their entities, and guesses at the rows.

    One after the other, each row would be waited for: bucket, links and words come from three far places. Here the
    waits of a whole block overlap, and when an event's turn comes its rows are near. A guess is checked then.
    """
    for n in range(start, stop):
        takes = TAKES_TRANSACTIONS if event[n] == TRANSACTION else TAKES_LABELS
        for kind in range(KINDS):
            at = (n - start) * KINDS + kind
            key = keys[n, min(kind, PAIR - 1)]
            present = key != 0
            if kind == PAIR:
                present = keys[n, CARD] != 0 and keys[n, MERCHANT] != 0
                key = pair_of(keys[n, CARD], keys[n, MERCHANT])
            sought[at, SOUGHT_HASH], sought[at, SOUGHT_ROW] = -1, -1
            if present and kinds[kind, takes] != 0:
                hashed = hash_of(kind, key)
                sought[at, SOUGHT_KEY] = np.int64(key)
                sought[at, SOUGHT_HASH] = hashed
                sought[at, SOUGHT_ROW] = int(buckets[bucket_of(hashed, tally)]) - 1
    for at in range((stop - start) * KINDS):
        row = sought[at, SOUGHT_ROW]
        while row >= 0 and links[row, HASH] != sought[at, SOUGHT_HASH]:
            row = int(links[row, NEXT]) - 1
        sought[at, SOUGHT_ROW] = row
    brought = 0
    for at in range((stop - start) * KINDS):
        row = sought[at, SOUGHT_ROW]
        if row >= 0:
            for word in range(0, kinds[at % KINDS, USED], WORDS_OF_CACHE_LINE):
                brought ^= words[row, word]
            brought ^= links[links[row, OLDER], HASH] ^ links[links[row, YOUNGER], HASH]
    # Nobody needs it, but what nobody keeps is not compiled.
    sought[BLOCK * KINDS, SOUGHT_KEY] = brought


@part
def chain(row: int, hashed: int, buckets: Links, links: Links, tally: Ints) -> None:
    """Enter a row."""
    bucket = bucket_of(hashed, tally)
    links[row, HASH] = hashed
    links[row, NEXT] = buckets[bucket]
    buckets[bucket] = row + 1


@part
def unchain(row: int, buckets: Links, links: Links, tally: Ints) -> None:
    """Take a row out."""
    bucket = bucket_of(int(links[row, HASH]), tally)
    before = int(buckets[bucket]) - 1
    if before == row:
        buckets[bucket] = links[row, NEXT]
    else:
        while links[before, NEXT] != row + 1:
            before = int(links[before, NEXT]) - 1
        links[before, NEXT] = links[row, NEXT]


@part
def split(buckets: Links, links: Links, tally: Ints) -> None:
    """Take one more bucket into use, with those rows of the one bucket that held them until now."""
    new = tally[BUCKETS]
    if new > tally[MASK]:
        tally[MASK] = 2 * tally[MASK] + 1
    tally[BUCKETS] = new + 1
    old = new & (tally[MASK] >> 1)
    row = int(buckets[old]) - 1
    buckets[old] = 0
    while row >= 0:
        following = int(links[row, NEXT]) - 1
        chain(row, int(links[row, HASH]), buckets, links, tally)
        row = following
