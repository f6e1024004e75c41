"""From features to leaves, compiled: the two ways down the trees of a model.

Both ask at each node whether a value is at most the threshold, and nothing else. What LightGBM asks beside that,
whether the value is missing or zero and where such a one goes, is answered before: for each feature and way of reading
it there is a column in which a value that has to go left is -infinity, and one that has to go right is NaN, which is at
most nothing.

Many rows go side by side, a block of them through every node: each node costs a few instructions over the whole block,
without a single jump that the processor would have to guess. Few rows go one after another from the root to a leaf:
that visits a fourth of the nodes, but guesses wrong at every third. Each row's leaves are added in the order of the
trees, one by one, so its sum has the same bits either way, and those of LightGBM.
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays by position

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.jit import entry, part, prepare

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]
Codes = NDArray[np.uint16]

BLOCK: Final = 64
"""Rows that go side by side: their columns stay in the processor's nearest caches."""
LANES: Final = 8
"""A block is a multiple of this wide, so that vector instructions take all of it."""

_FEW: Final = 4  # so many rows take longer side by side
_NEXT_TO_NOTHING: Final = float(np.float32(1e-35))  # LightGBM takes what is no farther from zero for zero


@part
def read_block(
    rows: Floats, first: int, count: int, feature: Integers, for_missing: Floats, for_zero: Floats, columns: Floats
) -> None:
    """Write some rows into the columns, one row a lane."""
    for column in range(len(feature)):
        source, missing, zero = feature[column], for_missing[column], for_zero[column]
        for lane in range(count):
            value = rows[first + lane, source]
            if value != value:  # noqa: PLR0124 - that is how NaN is told
                value = missing
            elif -_NEXT_TO_NOTHING <= value <= _NEXT_TO_NOTHING:
                value = zero
            columns[column, lane] = value


@part
def one_after_another(
    starts: Integers,
    column: Integers,
    threshold: Floats,
    left: Codes,
    right: Codes,
    leaf_value: Floats,
    columns: Floats,
    lane: int,
) -> float:
    """Return the sum of the leaves that one lane reaches."""
    total = 0.0
    for tree in range(len(starts) - 1):
        start = starts[tree]
        nodes = starts[tree + 1] - start
        place = 0
        while place < nodes:
            node = start + place
            place = left[node] if columns[column[node], lane] <= threshold[node] else right[node]
        total += leaf_value[start + tree + place - nodes]
    return total


@part
def side_by_side(
    starts: Integers,
    column: Integers,
    threshold: Floats,
    left: Codes,
    right: Codes,
    leaf_value: Floats,
    columns: Floats,
    width: int,
    places: Codes,
    scores: Floats,
) -> None:
    """Add the leaves that the lanes reach to their scores."""
    for tree in range(len(starts) - 1):
        start = starts[tree]
        nodes = starts[tree + 1] - start
        for lane in range(width):
            places[lane] = 0
        # A node comes before its children: whoever is to pass it stands at it when its turn comes.
        for node in range(nodes):
            values, here = columns[column[start + node]], np.uint16(node)
            limit, lower, higher = threshold[start + node], left[start + node], right[start + node]
            for lane in range(width):
                onward = lower if values[lane] <= limit else higher
                places[lane] = onward if places[lane] == here else places[lane]
        leaves = start + tree - nodes
        for lane in range(len(scores)):
            scores[lane] += leaf_value[leaves + places[lane]]


@entry
def add_leaves(
    rows: Floats,
    feature: Integers,
    for_missing: Floats,
    for_zero: Floats,
    starts: Integers,
    column: Integers,
    threshold: Floats,
    left: Codes,
    right: Codes,
    leaf_value: Floats,
    columns: Floats,
    places: Codes,
    scores: Floats,
) -> None:
    """Add to each row's score the leaves that it reaches.

    Args:
        rows: Features, a row for each score.
        feature: What follows to `right` is described at `splits.Splits`.
        for_missing: See there.
        for_zero: See there.
        starts: See there.
        column: See there.
        threshold: See there.
        left: See there.
        right: See there.
        leaf_value: Of each leaf, what it adds.
        columns: Room for the columns of a block; its width is a multiple of `LANES`.
        places: Room for where each lane of a block is.
        scores: What is added to.
    """
    for first in range(0, len(rows), columns.shape[1]):
        count = min(columns.shape[1], len(rows) - first)
        read_block(rows, first, count, feature, for_missing, for_zero, columns)
        if count <= _FEW:
            for lane in range(count):
                scores[first + lane] += one_after_another(
                    starts, column, threshold, left, right, leaf_value, columns, lane
                )
            continue
        width = (count + LANES - 1) // LANES * LANES
        side_by_side(
            starts,
            column,
            threshold,
            left,
            right,
            leaf_value,
            columns,
            width,
            places,
            scores[first : first + count],
        )


def prepare_entries() -> None:
    """Load or compile every entry; the rows may be read-only."""
    floats, integers, codes = "float64[::1]", "int32[::1]", "uint16[::1]"
    columns = f"{integers}, {floats}, {floats}"
    nodes = f"{integers}, {integers}, {floats}, {codes}, {codes}, {floats}"
    room = f"float64[:, ::1], {codes}"
    prepare(add_leaves, f"void(Array(float64, 2, 'C', True), {columns}, {nodes}, {room}, {floats})")
