"""The splits of a model's trees as flat arrays, in the form in which the compiled passes read them.

What a split asks is LightGBM's, to the last case: a value that is at most the threshold goes left; one that is no
farther than 1e-35 (as a 32-bit float) from zero is zero; NaN is zero, or missing, or zero is missing too, as the split
says, and what is missing goes the split's default way.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraudline.models.trees import Tree

_LEFT, _RIGHT = -math.inf, math.nan
_READINGS: Final = (
    # Nothing is missing: NaN is zero, whatever the default way.
    (0.0, 0.0),
    (0.0, 0.0),
    # Zero is missing, and NaN with it: by default right, left.
    (_RIGHT, _RIGHT),
    (_LEFT, _LEFT),
    # NaN is missing: by default right, left.
    (_RIGHT, 0.0),
    (_LEFT, 0.0),
)
"""What stands for NaN and for zero, by half of a split's decision type (0, 2 … 10); see `walk`."""


class Splits(NamedTuple):
    """The splits of all trees, one tree's after the other's.

    Attributes:
        feature: Of each column, the feature that it holds; splits that ask for a feature and read it alike share one.
        for_missing: Of each column, what stands there for NaN.
        for_zero: Of each column, what stands there for zero.
        starts: Of each tree, where its nodes begin, and last their number. A tree has one leaf more than nodes, so its
            leaves begin at the same place and as many further as there are trees before it.
        column: Of each node, the column whose value it asks for.
        threshold: Of each node, up to what that goes left.
        left: Of each node, where it goes left: to a node of its tree, or to a leaf, which count on from the nodes.
        right: The same on the right.
    """

    feature: NDArray[np.int32]
    for_missing: NDArray[np.float64]
    for_zero: NDArray[np.float64]
    starts: NDArray[np.int32]
    column: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.uint16]
    right: NDArray[np.uint16]


def splits_of(trees: Sequence[Tree]) -> Splits:
    """Return the splits of at least one tree."""
    sizes = np.array([len(tree.features) for tree in trees])
    decisions = np.concatenate([tree.decisions for tree in trees])
    asked = np.concatenate([tree.features for tree in trees])
    columns, column = np.unique(asked * len(_READINGS) + decisions // 2, return_inverse=True)
    missing, zero = np.array(_READINGS)[columns % len(_READINGS)].T
    return Splits(
        (columns // len(_READINGS)).astype(np.int32),
        np.ascontiguousarray(missing),
        np.ascontiguousarray(zero),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
        column.astype(np.int32),
        np.concatenate([tree.thresholds for tree in trees]),
        np.concatenate([codes(tree.left) for tree in trees]),
        np.concatenate([codes(tree.right) for tree in trees]),
    )


def codes(children: NDArray[np.int32]) -> NDArray[np.uint16]:
    """Number the leaves on from the nodes: leaf n, which a tree's text calls ~n, comes n after the last node."""
    return np.where(children >= 0, children, len(children) + ~children).astype(np.uint16)
