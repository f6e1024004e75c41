"""One pass up and one down the trees of a model that tell what each feature of a row contributes: TreeSHAP, compiled.

A coalition is the set of the features whose values are known. A payment goes the row's way at a split on one of them;
at any other split it goes either way, as often as the training data did. A feature's contribution is its Shapley value:
how much it adds to the expected leaf, over all orders in which the features can become known. That is the integral,
over `chance` from 0 to 1, of how fast the expected leaf rises with the feature's own chance of being known, where each
feature is known with the same `chance` (Owen, "Multilinear extensions of games", 1972). On a path over d features it is
a polynomial of degree d - 1, so a few points of Gauss and Legendre give the integral itself, not an approximation. Yu,
Xu and others ("Linear TreeSHAP", 2022) walk down a tree once with such polynomials; here, at each point, go up and down
plain chances:

- `known` is the chance that a node's feature is known, given that a payment came there. That is `chance` where no split
  before asked for it; 0 where a split before did and the payment left the row's way, as it would not have if it were
  known; and else, as Bayes has it, chance / (chance + (1 - chance) · passed), where `passed` is the share of the
  training data that took the row's way at all those splits.
- `aside` is the chance that the payment leaves the row's way: (1 - known) · the share of the data that goes there.
- Upwards: what is expected below a node is onward - aside · (onward - other), of its children on and off the row's way.
- Downwards: how often a payment comes to a node, and so to its children.
- The node's feature gains how often a payment comes there · (onward - other) · how fast `aside` falls with its chance:
  that is aside · known / (chance · (1 - chance)), whatever was asked before. The divisor is in the points' weights.

No step divides by what can be small, and what is taken from each other are expected leaves and chances: the sums are as
exact as those of the leaves.
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays by position

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.jit import entry, part, prepare
from fraudline.models.walk import Codes, Floats, Integers, read_block

Flags = NDArray[np.bool_]

POINTS: Final = 8
"""Points that go side by side, for none to wait for what another one wrote; enough for sixteen features on a path."""


@part
def turn(
    column: Integers,
    threshold: Floats,
    left: Codes,
    right: Codes,
    left_share: Floats,
    earlier: Integers,
    is_left: Flags,
    values: Floats,
    onward: Codes,
    other: Codes,
    other_share: Floats,
    is_open: Floats,
) -> None:
    """Write of each node of a tree which child is on the row's way, and 1, or 0 where its feature cannot be known."""
    for node in range(len(column)):
        goes_left = values[column[node], 0] <= threshold[node]
        onward[node] = left[node] if goes_left else right[node]
        other[node] = right[node] if goes_left else left[node]
        other_share[node] = 1.0 - left_share[node] if goes_left else left_share[node]
        split = earlier[node]
        if split < 0:
            is_open[node] = 1.0
        else:
            went_left = values[column[split], 0] <= threshold[split]
            is_open[node] = is_open[split] if went_left == is_left[node] else 0.0


@part
def expect(
    chance: Floats,
    passed: Floats,
    onward: Codes,
    other: Codes,
    other_share: Floats,
    is_open: Floats,
    leaf_value: Floats,
    aside: Floats,
    gain: Floats,
    places: Floats,
) -> None:
    """Go up: write what is expected at each place, and of each node `aside` and the gain of a payment that comes."""
    nodes = len(passed)
    for leaf in range(len(leaf_value)):
        for point in range(POINTS):
            places[nodes + leaf, point] = leaf_value[leaf]
    for node in range(nodes - 1, -1, -1):
        share, before, may_be = other_share[node], passed[node], is_open[node]
        on, off = places[onward[node]], places[other[node]]
        for point in range(POINTS):
            known = may_be * chance[point] / (chance[point] + (1.0 - chance[point]) * before)
            leaves = (1.0 - known) * share
            rise = on[point] - off[point]
            aside[node, point] = leaves
            gain[node, point] = leaves * known * rise
            places[node, point] = on[point] - leaves * rise


@part
def gather(
    weight: Floats,
    column: Integers,
    onward: Codes,
    other: Codes,
    aside: Floats,
    gain: Floats,
    places: Floats,
    gained: Floats,
) -> None:
    """Go down: write how often a payment comes to each place, and add what it gains there to the node's column."""
    for point in range(POINTS):
        places[0, point] = weight[point]
    for node in range(len(column)):
        on, off, total = places[onward[node]], places[other[node]], gained[column[node]]
        for point in range(POINTS):
            comes = places[node, point]
            leaves = comes * aside[node, point]
            off[point] = leaves
            on[point] = comes - leaves
            total[point] += comes * gain[node, point]


@entry
def add_contributions(
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
    left_share: Floats,
    earlier: Integers,
    is_left: Flags,
    passed: Floats,
    blocks: Integers,
    chance: Floats,
    weight: Floats,
    values: Floats,
    onward: Codes,
    other: Codes,
    other_share: Floats,
    is_open: Floats,
    aside: Floats,
    gain: Floats,
    places: Floats,
    gained: Floats,
    contributions: Floats,
) -> None:
    """Add to each row's contributions what its features contribute.

    Args:
        rows: Features, a row for each row of contributions.
        feature: What follows to `right` is described at `splits.Splits`.
        for_missing: See there.
        for_zero: See there.
        starts: See there.
        column: See there.
        threshold: See there.
        left: See there.
        right: See there.
        leaf_value: Of each leaf, what it adds.
        left_share: Of each node, which share of the training data that came there went left.
        earlier: Of each node, the last split above it that asks for the same feature, by its place in the tree, or -1.
        is_left: Of each node, whether it is on the left of that one.
        passed: Of each node, which share of the training data went its way at all such splits above it.
        blocks: Of each tree, how many blocks of points it takes.
        chance: The block of points for those that take one, then the two blocks for those that take two …
        weight: The weight of each of these points, divided by chance · (1 - chance).
        values: Room for the columns of one row.
        onward: Room for the nodes of the largest tree, as in the three that follow.
        other: See there.
        other_share: See there.
        is_open: See there.
        aside: Room for a block of each of these nodes, as in the one that follows.
        gain: See there.
        places: Room for a block of each of its nodes and leaves.
        gained: Room for a block of each column.
        contributions: What is added to: of each row a number a feature, and whatever else after them.
    """
    for row in range(len(rows)):
        read_block(rows, row, 1, feature, for_missing, for_zero, values)
        gained[:] = 0.0
        for tree in range(len(starts) - 1):
            start, stop = starts[tree], starts[tree + 1]
            of_tree = column[start:stop]
            turn(
                of_tree,
                threshold[start:stop],
                left[start:stop],
                right[start:stop],
                left_share[start:stop],
                earlier[start:stop],
                is_left[start:stop],
                values,
                onward,
                other,
                other_share,
                is_open,
            )
            leaves = leaf_value[start + tree : stop + tree + 1]
            count = blocks[tree]
            for block in range((count - 1) * count // 2, (count + 1) * count // 2):
                expect(
                    chance[block],
                    passed[start:stop],
                    onward,
                    other,
                    other_share,
                    is_open,
                    leaves,
                    aside,
                    gain,
                    places,
                )
                gather(weight[block], of_tree, onward, other, aside, gain, places, gained)
        for number in range(len(feature)):
            for point in range(POINTS):
                contributions[row, feature[number]] += gained[number, point]


def prepare_entries() -> None:
    """Load or compile every entry; the rows may be read-only."""
    floats, integers, codes, table = "float64[::1]", "int32[::1]", "uint16[::1]", "float64[:, ::1]"
    splits = f"{integers}, {floats}, {floats}, {integers}, {integers}, {floats}, {codes}, {codes}"
    paths = f"{floats}, {floats}, {integers}, boolean[::1], {floats}"
    points = f"{integers}, {table}, {table}"
    room = f"{table}, {codes}, {codes}, {floats}, {floats}, {table}, {table}, {table}, {table}"
    prepare(
        add_contributions,
        f"void(Array(float64, 2, 'C', True), {splits}, {paths}, {points}, {room}, {table})",
    )
