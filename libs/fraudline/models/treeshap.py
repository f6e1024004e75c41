"""The trees of a model, ready to say what each feature of a row contributes: what LightGBM calls `pred_contrib`."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fraudline.models.coalitions import POINTS, add_contributions, prepare_entries
from fraudline.models.splits import splits_of
from fraudline.models.trees import Tree


class TreeShap:
    """Trees that were checked, ready to explain; any number of threads may ask at the same time.

    Args:
        trees: At least one.
        features: How many features a row has; no tree asks for another.
    """

    def __init__(self, trees: Sequence[Tree], features: int) -> None:
        prepare_entries()
        self._features = features
        self._splits = splits_of(trees)
        self._most_nodes = int(np.diff(self._splits.starts).max())
        paths = [_paths(tree) for tree in trees]
        # So many points give the integral of a polynomial of twice their number of factors.
        blocks = np.array([-(-one.most_features // (2 * POINTS)) for one in paths], np.int32)
        self._arrays = (
            np.concatenate([tree.leaf_values for tree in trees]),
            np.array([share for one in paths for share in one.left_share]),
            np.array([split for one in paths for split in one.earlier], np.int32),
            np.array([is_left for one in paths for is_left in one.is_left]),
            np.array([passed for one in paths for passed in one.passed]),
            blocks,
            *_gauss_legendre(int(blocks.max())),
        )
        self._base = sum(float(tree.leaf_values @ tree.leaf_counts) / float(tree.node_counts[0]) for tree in trees)

    def contributions(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each feature of each row contributes to its log-odds, the same bits whatever the batch.

        There is one column more than features: the base value, the score that is expected of a row of which nothing is
        known, the same in every row. A row adds up to its raw score.

        Raises:
            ValueError: The rows have another number of features than the trees.
        """
        if rows.ndim != 2 or rows.shape[1] != self._features:  # noqa: PLR2004 - rows and columns
            raise ValueError(f"Rows of shape {rows.shape} were given; a row has {self._features} features.")
        contributions = np.zeros((len(rows), self._features + 1))
        contributions[:, -1] = self._base
        nodes, columns = self._most_nodes, len(self._splits.feature)
        add_contributions(
            np.ascontiguousarray(rows, dtype=np.float64),
            *self._splits,
            *self._arrays,
            # The room is the call's own.
            np.empty((columns, 1)),
            np.empty(nodes, np.uint16),
            np.empty(nodes, np.uint16),
            np.empty(nodes),
            np.empty(nodes),
            np.empty((nodes, POINTS)),
            np.empty((nodes, POINTS)),
            np.empty((2 * nodes + 1, POINTS)),
            np.empty((columns, POINTS)),
            contributions,
        )
        return contributions


class _Paths(NamedTuple):
    """What was asked on the paths to a tree's nodes, see `coalitions`, and the most features that a path asks for."""

    left_share: list[float]
    earlier: list[int]
    is_left: list[bool]
    passed: list[float]
    most_features: int


def _paths(tree: Tree) -> _Paths:
    features, left, right = tree.features.tolist(), tree.left.tolist(), tree.right.tolist()
    left_share: list[float] = (tree.counts(tree.left) / tree.node_counts).tolist()
    earlier, is_left, passed = [-1] * len(features), [False] * len(features), [1.0] * len(features)
    most_features = 0
    # Of each node to come: the last split on its path for each feature asked there, and whether it is on its left.
    asked: dict[int, dict[int, tuple[int, bool]]] = {0: {}}
    for node, feature in enumerate(features):
        path = asked.pop(node)
        if feature in path:
            split, went_left = path[feature]
            earlier[node], is_left[node] = split, went_left
            passed[node] = passed[split] * (left_share[split] if went_left else 1.0 - left_share[split])
        for child, goes_left in ((left[node], True), (right[node], False)):
            if child >= 0:
                asked[child] = path | {feature: (node, goes_left)}
        most_features = max(most_features, len(path) + (feature not in path))
    return _Paths(left_share, earlier, is_left, passed, most_features)


def _gauss_legendre(most_blocks: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a block of points between 0 and 1, then two … and the weights that the compiled pass takes for them."""
    counts = (blocks * POINTS for blocks in range(1, most_blocks + 1))
    points, weights = zip(*(np.polynomial.legendre.leggauss(count) for count in counts), strict=True)
    chance = ((1.0 + np.concatenate(points)) / 2).reshape(-1, POINTS)
    return chance, np.concatenate(weights).reshape(-1, POINTS) / 2 / (chance * (1.0 - chance))
