"""The ring in which rows hang by idleness, and the journal by which every change is taken back.

The ring is closed by a row of links that belongs to nobody. Older than it hangs the row touched last, younger than it
the one idle the longest, which gives way when there is no room.

The journal keeps what a row held at its first touch since the latest savepoint, and beside which row it hung. So its
length is bounded by the entities touched and not by the events, unless entities are forgotten.

Touches are numbered, and a row keeps the number of its latest. So the order of the ring can be read from the rows
alone, and whether a row is in the journal from its number and that of the latest savepoint.
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays by position

import numpy as np

from fraudline.kernel.jit import entry, part
from fraudline.kernel.layout import (
    BUCKETS,
    BUCKETS_PER_ROW,
    ENTITIES,
    EVICTED,
    JOURNALLED,
    KEY,
    KIND,
    MADE,
    MADE_INSTEAD,
    OLDER,
    SAVED,
    TOUCHED,
    TOUCHES,
    USED,
    YOUNGER,
)
from fraudline.kernel.table import Ints, Links, chain, hash_of, split, unchain


@part
def hang(row: int, older: int, links: Links) -> None:
    """Hang a row into the ring, on the younger side of another."""
    younger = links[older, YOUNGER]
    links[row, OLDER] = older
    links[row, YOUNGER] = younger
    links[older, YOUNGER] = row
    links[younger, OLDER] = row


@part
def unhang(row: int, links: Links) -> None:
    """Take a row out of the ring."""
    links[links[row, OLDER], YOUNGER] = links[row, YOUNGER]
    links[links[row, YOUNGER], OLDER] = links[row, OLDER]


@part
def note(row: int, mark: int, kinds: Ints, words: Ints, journal: Ints, tally: Ints) -> None:
    """Note in the journal what a row holds."""
    at = tally[JOURNALLED]
    for word in range(kinds[words[row, KIND], USED]):
        journal[at, word] = words[row, word]
    journal[at, words.shape[1]] = row
    journal[at, words.shape[1] + 1] = mark
    tally[JOURNALLED] = at + 1


@part
def clear(row: int, kinds: Ints, words: Ints) -> None:
    """Set to zero what a row holds."""
    for word in range(kinds[words[row, KIND], USED]):
        words[row, word] = 0


@part
def touch(row: int, kinds: Ints, links: Links, words: Ints, journal: Ints, tally: Ints) -> None:
    """Make a row the last touched, after noting what it was at its first touch since the latest savepoint."""
    if words[row, TOUCHED] <= tally[SAVED]:
        note(row, int(links[row, OLDER]), kinds, words, journal, tally)
    tally[TOUCHES] += 1
    words[row, TOUCHED] = tally[TOUCHES]
    youngest = int(links[links.shape[0] - 1, OLDER])
    if youngest != row:
        unhang(row, links)
        hang(row, youngest, links)


@part
def make(
    kind: int,
    key: int,
    hashed: int,
    kinds: Ints,
    buckets: Links,
    links: Links,
    words: Ints,
    journal: Ints,
    tally: Ints,
) -> int:
    """Return the row of a new entity; where there is no room, that of the one that was idle the longest."""
    ring = links.shape[0] - 1
    row = int(tally[ENTITIES])
    if row < ring:
        tally[ENTITIES] = row + 1
        while tally[BUCKETS] < min(BUCKETS_PER_ROW * (row + 1), buckets.size):
            split(buckets, links, tally)
        journal[tally[JOURNALLED], words.shape[1]] = row
        journal[tally[JOURNALLED], words.shape[1] + 1] = MADE
        tally[JOURNALLED] += 1
    else:
        row = int(links[ring, YOUNGER])
        note(row, MADE_INSTEAD, kinds, words, journal, tally)
        unchain(row, buckets, links, tally)
        unhang(row, links)
        clear(row, kinds, words)
        tally[EVICTED] += 1
    words[row, KEY] = key
    words[row, KIND] = kind
    tally[TOUCHES] += 1
    words[row, TOUCHED] = tally[TOUCHES]
    chain(row, hashed, buckets, links, tally)
    hang(row, int(links[ring, OLDER]), links)
    return row


@entry
def undo(position: int, kinds: Ints, buckets: Links, links: Links, words: Ints, journal: Ints, tally: Ints) -> None:
    """Give every row back what it held, and its place in the ring, at a position of the journal, the youngest first.

    The rows that were not touched since a savepoint hang behind those that were, in their old order. So a row hung
    back on the younger side of its old neighbour hangs right: what was touched after it has been taken back already,
    and what was touched before it will be.
    """
    ring = links.shape[0] - 1
    for at in range(tally[JOURNALLED] - 1, position - 1, -1):
        row = journal[at, words.shape[1]]
        mark = journal[at, words.shape[1] + 1]
        unhang(row, links)
        if mark < 0:
            unchain(row, buckets, links, tally)
            clear(row, kinds, words)
        if mark == MADE:
            tally[ENTITIES] -= 1
            continue
        for word in range(kinds[journal[at, KIND], USED]):
            words[row, word] = journal[at, word]
        if mark == MADE_INSTEAD:
            chain(row, hash_of(words[row, KIND], np.uint64(words[row, KEY])), buckets, links, tally)
            hang(row, ring, links)
            tally[EVICTED] -= 1
        else:
            hang(row, mark, links)
    tally[JOURNALLED] = position


@entry
def by_idleness(links: Links, order: Ints) -> None:
    """Write the rows in the order of their latest touch, the one idle the longest first."""
    row = links.shape[0] - 1
    for n in range(order.size):
        row = links[row, YOUNGER]
        order[n] = row
