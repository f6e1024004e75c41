"""The compiled contributions against LightGBM's own, and against the definition."""

import math
import re
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fraudline.models.booster import load_booster
from fraudline.models.bundle import FEATURE_NAMES, Bundle
from fraudline.models.manifest import MODEL_FILE
from fraudline.models.trees import check_trees
from fraudline.models.treeshap import TreeShap
from model_builders import with_fitting_sizes
from tree_builders import DECISIONS, EDGES, NAMES, THRESHOLDS, a_model, rows_of, with_other

if TYPE_CHECKING:
    from pathlib import Path


def assert_agreement(model: bytes, names: tuple[str, ...], rows: NDArray[np.float64]) -> None:
    booster = load_booster(model)
    expected = np.asarray(booster.predict(rows, pred_contrib=True, num_threads=1))
    contributions = TreeShap(check_trees(model, names), len(names)).contributions(rows)
    allowed = 1e-9 * np.abs(expected).sum(axis=1)
    assert (np.abs(contributions - expected).max(axis=1) <= allowed).all()
    raw = booster.predict(rows, raw_score=True, num_threads=1)
    assert (np.abs(contributions.sum(axis=1) - raw) <= allowed).all()


def as_a_chain(model: bytes) -> bytes:
    """Put a leaf on the right of every node of the only tree, and let each ask for a feature of its own."""
    nodes = model.decode().partition("split_feature=")[2].partition("\n")[0].count(" ") + 1
    lines = {
        "split_feature": range(nodes),
        "left_child": [*range(1, nodes), ~nodes],
        "right_child": [~leaf for leaf in range(nodes)],
        "leaf_count": [1] * (nodes + 1),
        "internal_count": range(nodes + 1, 1, -1),
    }
    text = model.decode()
    for name, values in lines.items():
        text = re.sub(rf"^{name}=.*$", f"{name}=" + " ".join(map(str, values)), text, flags=re.MULTILINE)
    return with_fitting_sizes(text)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    leaves=st.integers(2, 40),
    zero_as_missing=st.booleans(),
    use_missing=st.booleans(),
    share=st.sampled_from([0.0, 0.2, 1.0]),
)
def test_any_trees_give_any_rows_the_contributions_of_lightgbm(
    seed: int, leaves: int, *, zero_as_missing: bool, use_missing: bool, share: float
) -> None:
    random = np.random.default_rng(seed)
    model = a_model(random, trees=5, leaves=leaves, zero_as_missing=zero_as_missing, use_missing=use_missing)
    assume(b"num_leaves=1\n" not in model)
    model = with_other(model, "decision_type", DECISIONS, random, share)
    model = with_other(model, "threshold", THRESHOLDS, random, share)

    assert_agreement(model, NAMES, rows_of(random, 20, len(NAMES)))


def test_paths_that_ask_for_a_feature_again_and_again_give_the_contributions_of_lightgbm() -> None:
    random = np.random.default_rng(1)
    model = a_model(random, trees=2, leaves=1_000, rows=4_000)
    assert max(len(tree.leaf_values) for tree in check_trees(model, NAMES)) > 300

    assert_agreement(model, NAMES, rows_of(random, 20, len(NAMES)))


def a_path_over(features: int) -> tuple[bytes, tuple[str, ...], NDArray[np.float64]]:
    """Return a tree that asks for so many features one after the other, their names, and rows."""
    random = np.random.default_rng(2)
    names = tuple(f"feature_{number}" for number in range(features))
    rows = rows_of(random, 20, features)
    rows[0] = -1e308  # all the way down
    return as_a_chain(a_model(random, trees=1, leaves=features + 1, names=names)), names, rows


@pytest.mark.parametrize("features", [16, 17, 32, 33])
def test_paths_over_many_features_give_the_contributions_of_lightgbm(features: int) -> None:
    assert_agreement(*a_path_over(features))


def test_a_row_adds_up_to_its_score_on_paths_where_lightgbm_loses_its_digits() -> None:
    model, names, rows = a_path_over(60)

    contributions = TreeShap(check_trees(model, names), len(names)).contributions(rows)

    raw = load_booster(model).predict(rows, raw_score=True, num_threads=1)
    assert contributions.sum(axis=1) == pytest.approx(raw, rel=1e-12)


def test_a_bundle_gives_its_golden_rows_and_others_the_contributions_of_lightgbm(trained: "Path") -> None:
    random = np.random.default_rng(3)
    golden = np.array([row for row, _ in Bundle.load(trained).manifest.golden.rows()])
    holed = np.where(random.random(golden.shape) < 0.2, random.choice(EDGES, size=golden.shape), golden)

    assert_agreement((trained / MODEL_FILE).read_bytes(), FEATURE_NAMES, np.concatenate([golden, holed]))


def test_contributions_are_what_features_add_over_all_orders_of_coming_to_be_known() -> None:
    model = a_model(np.random.default_rng(4), trees=1, leaves=25)
    (tree,) = check_trees(with_other(model, "decision_type", ("2",), np.random.default_rng(0), 1.0), NAMES)
    row = np.random.default_rng(5).normal(size=len(NAMES))

    @cache
    def expected(known: frozenset[int], node: int = 0) -> float:
        if node < 0:
            return float(tree.leaf_values[~node])
        children = int(tree.left[node]), int(tree.right[node])
        if tree.features[node] in known:
            return expected(known, children[int(row[tree.features[node]] > tree.thresholds[node])])
        shares = tree.counts(np.array(children)) / tree.node_counts[node]
        return sum(share * expected(known, child) for share, child in zip(shares.tolist(), children, strict=True))

    def shapley(feature: int) -> float:
        others = [other for other in range(len(NAMES)) if other != feature]
        return sum(
            (expected(frozenset((*known, feature))) - expected(frozenset(known)))
            / (len(NAMES) * math.comb(len(others), size))
            for size in range(len(NAMES))
            for known in combinations(others, size)
        )

    (contributions,) = TreeShap([tree], len(NAMES)).contributions(row[np.newaxis])

    assert contributions[:-1] == pytest.approx([shapley(feature) for feature in range(len(NAMES))], abs=1e-12)
    assert contributions[-1] == pytest.approx(expected(frozenset()), abs=1e-12)


def test_rows_of_another_width_are_refused() -> None:
    shap = TreeShap(check_trees(a_model(np.random.default_rng(6), trees=1, leaves=4), NAMES), len(NAMES))

    with pytest.raises(ValueError, match="a row has 6 features"):
        shap.contributions(np.zeros((2, 5)))
