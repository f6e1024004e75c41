"""The trees of a model, ready to score: the same bits as LightGBM, in a fraction of its time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fraudline.models.splits import splits_of
from fraudline.models.trees import Tree
from fraudline.models.walk import BLOCK, LANES, add_leaves, prepare_entries


class Forest:
    """Trees that were checked, ready to score; any number of threads may ask at the same time.

    Args:
        trees: At least one, in the order in which their leaves are added.
        features: How many features a row has; no tree asks for another.
    """

    def __init__(self, trees: Sequence[Tree], features: int) -> None:
        prepare_entries()
        self._features = features
        self._splits = splits_of(trees)
        self._leaf_values = np.concatenate([tree.leaf_values for tree in trees])

    def raw_scores(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds of each row, the same bits whatever the batch.

        Raises:
            ValueError: The rows have another number of features than the trees.
        """
        if rows.ndim != 2 or rows.shape[1] != self._features:  # noqa: PLR2004 - rows and columns
            raise ValueError(f"Rows of shape {rows.shape} were given; a row has {self._features} features.")
        scores = np.zeros(len(rows))
        # The room is the call's own, and no larger than its rows ask for.
        width = min(BLOCK, -(-len(rows) // LANES) * LANES)
        add_leaves(
            np.ascontiguousarray(rows, dtype=np.float64),
            *self._splits,
            self._leaf_values,
            np.empty((len(self._splits.feature), max(width, LANES))),
            np.empty(max(width, LANES), np.uint16),
            scores,
        )
        return scores
