"""The structure of a LightGBM text model, checked before LightGBM sees it.

LightGBM trusts its model files: a truncated one aborts the process, an index out of range reads foreign memory, a cycle
of children never returns. So a model of ours is a header, the trees and `end of trees`, nothing else, and each of their
lines is checked here. What passes is a list of finite binary trees over the features that were asked for.
"""

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_TREES = 10_000
MAX_LEAVES = 4_096
END_OF_TREES = b"end of trees\n"

# Numerical splits with default direction (2) and missing values as none, zero or NaN (0, 4, 8): never categorical (1).
_DECISIONS = frozenset({0, 2, 4, 6, 8, 10})
_HEADER = {
    "version": "v4",
    "num_class": "1",
    "num_tree_per_iteration": "1",
    "label_index": "0",
    "objective": "binary sigmoid:1",
}
_NUMBERS = re.compile(r"[-+0-9.e ]*", re.ASCII)
_INTEGERS = re.compile(r"-?[0-9]{1,9}(?: -?[0-9]{1,9})*", re.ASCII)
_RANGES = re.compile(r"(?:none|\[[-+0-9.e]+:[-+0-9.e]+\])(?: (?:none|\[[-+0-9.e]+:[-+0-9.e]+\]))*", re.ASCII)

_SPLIT_INTEGERS = ("split_feature", "decision_type", "left_child", "right_child", "internal_count")
_SPLIT_NUMBERS = ("split_gain", "internal_value", "internal_weight")
_TREE_LINES = (
    "num_leaves",
    "num_cat",
    "split_feature",
    "split_gain",
    "threshold",
    "decision_type",
    "left_child",
    "right_child",
    "leaf_value",
    "leaf_weight",
    "leaf_count",
    "internal_value",
    "internal_weight",
    "internal_count",
    "is_linear",
    "shrinkage",
)


class Tree(NamedTuple):
    """One tree of a model that was checked.

    Attributes:
        features: Of each node, the feature that it asks for. The root is the first, a node comes before its children.
        thresholds: Of each node, up to what a value goes left.
        decisions: Of each node, what it takes for missing and where that goes: LightGBM's decision type.
        left: Of each node, its left child; one below zero is leaf ~child.
        right: The same on the right.
        leaf_values: Of each leaf, its log-odds; there is one more than nodes.
        node_counts: Of each node, how many transactions of the training reached it: as many as both of its children.
        leaf_counts: The same of each leaf; at least one.
    """

    features: NDArray[np.int32]
    thresholds: NDArray[np.float64]
    decisions: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    leaf_values: NDArray[np.float64]
    node_counts: NDArray[np.int32]
    leaf_counts: NDArray[np.int32]

    def counts(self, children: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return how many transactions reached each of some children."""
        # One below zero counts from the end, where the leaves stand in turn.
        return np.concatenate([self.node_counts, self.leaf_counts[::-1]]).astype(np.int64)[children]


def check_trees(model: bytes, features: Sequence[str]) -> tuple[Tree, ...]:
    """Return the trees; raise ValueError with what is wrong where the text is no sound model."""
    header, separator, _ = model.partition(b"\n\n")
    if not separator or not model.endswith(END_OF_TREES):
        raise ValueError("is truncated: header or end of the trees is missing")
    if not model.isascii():
        raise ValueError("holds bytes that no model holds")
    sizes = _check_header(header.decode("ascii"), features)
    start = len(header) + len(separator)
    if start + sum(sizes) + len(END_OF_TREES) != len(model):
        raise ValueError("declares tree sizes that do not add up to its length")
    trees = []
    for number, size in enumerate(sizes):
        try:
            tree = _check_tree(model[start : start + size].decode("ascii"), number, len(features))
        except ValueError as error:
            raise ValueError(f"tree {number} {error}") from error
        trees.append(tree)
        start += size
    return tuple(trees)


def _check_header(header: str, features: Sequence[str]) -> list[int]:
    first, *lines = header.split("\n")
    declared = dict(line.split("=", maxsplit=1) for line in lines if "=" in line)
    expected = _HEADER | {"max_feature_idx": str(len(features) - 1), "feature_names": " ".join(features)}
    ranges = declared.pop("feature_infos", "")
    sizes = _integers(declared.pop("tree_sizes", ""), "tree_sizes")
    if first != "tree" or len(lines) != len(expected) + 2:
        raise ValueError("has a header that is not ours")
    for name, value in expected.items():
        if declared.get(name) != value:
            raise ValueError(f"declares {name} {declared.get(name, '')[:80]!r} where {value[:80]!r} is expected")
    if _RANGES.fullmatch(ranges) is None or ranges.count(" ") != len(features) - 1:
        raise ValueError("has no range for each feature")
    if not 0 < len(sizes) <= MAX_TREES or min(sizes) <= 0:
        raise ValueError(f"declares {len(sizes)} trees where 1 to {MAX_TREES} are allowed")
    return sizes


def _check_tree(text: str, number: int, features: int) -> Tree:
    title, *lines = text.split("\n")
    # Each tree ends with two empty lines.
    names = [line.partition("=")[0] for line in lines[:-3]]
    if title != f"Tree={number}" or tuple(names) != _TREE_LINES or lines[-3:] != ["", "", ""]:
        raise ValueError("has lines that are missing, unknown or out of place")
    values = {name: line.partition("=")[2] for name, line in zip(names, lines, strict=False)}
    if values["num_cat"] != "0" or values["is_linear"] != "0":
        raise ValueError("has categorical splits or linear leaves, which are not supported")
    (leaves,) = _integers(values["num_leaves"], "num_leaves")[:1]
    if not 2 <= leaves <= MAX_LEAVES:  # noqa: PLR2004 - a tree that splits has two leaves
        raise ValueError(f"has {leaves} leaves where 2 to {MAX_LEAVES} are allowed")
    splits = {name: _integers(values[name], name, leaves - 1) for name in _SPLIT_INTEGERS}
    for name in _SPLIT_NUMBERS:
        _numbers(values[name], name, leaves - 1)
    # Infinity is how LightGBM writes a split of the known values from the missing ones.
    known = values["threshold"].split(" ")
    finite = [threshold for threshold in known if threshold != "inf"]
    _numbers(" ".join(finite) or "0", "threshold", len(finite) or 1)
    if len(known) != leaves - 1:
        raise ValueError(f"has {len(known)} values of threshold where {leaves - 1} are expected")
    leaf_values = _numbers(values["leaf_value"], "leaf_value", leaves)
    _numbers(values["leaf_weight"], "leaf_weight", leaves)
    _numbers(values["shrinkage"], "shrinkage", 1)
    counts = _integers(values["leaf_count"], "leaf_count", leaves)
    if min(counts) < 1 or min(splits["internal_count"]) < 1:
        raise ValueError("has a node that no transaction reached")
    if not 0 <= min(splits["split_feature"]) <= max(splits["split_feature"]) < features:
        raise ValueError(f"splits on a feature that is none of the {features}")
    if not _DECISIONS.issuperset(splits["decision_type"]):
        raise ValueError("has a split of an unknown type")
    _check_children(splits["left_child"], splits["right_child"], leaves)
    feature, decision, left, right, reached = (np.array(splits[name], np.int32) for name in _SPLIT_INTEGERS)
    thresholds = np.array([float(threshold) for threshold in known])
    tree = Tree(feature, thresholds, decision, left, right, np.array(leaf_values), reached, np.array(counts, np.int32))
    if (tree.counts(left) + tree.counts(right) != reached).any():
        raise ValueError("has a node that more or fewer transactions reached than both of its children")
    return tree


def _check_children(left: list[int], right: list[int], leaves: int) -> None:
    """Each node but the root is the child of one earlier node, and so is each leaf (~n): no cycle, no orphan."""
    if any(0 <= child <= node for children in (left, right) for node, child in enumerate(children)):
        raise ValueError("has children that form a cycle")
    if sorted(left + right) != [*range(-leaves, 0), *range(1, leaves - 1)]:
        raise ValueError("has children that are out of range or form no tree")


def _integers(text: str, name: str, count: int | None = None) -> list[int]:
    if _INTEGERS.fullmatch(text) is None:
        raise ValueError(f"has a {name} that is no list of whole numbers")
    numbers = [int(number) for number in text.split(" ")]
    if count is not None and len(numbers) != count:
        raise ValueError(f"has {len(numbers)} values of {name} where {count} are expected")
    return numbers


def _numbers(text: str, name: str, count: int) -> list[float]:
    # The letters alone keep out nan, inf and the spellings that Python reads and LightGBM does not.
    if _NUMBERS.fullmatch(text) is None:
        raise ValueError(f"has a {name} that is not finite or no number")
    numbers = [float(number) for number in text.split(" ")]
    if len(numbers) != count:
        raise ValueError(f"has {len(numbers)} values of {name} where {count} are expected")
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"has a {name} that is not finite")
    return numbers
