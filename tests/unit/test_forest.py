"""The compiled trees against LightGBM itself: the same bits for whatever rows and trees there can be."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fraudline.models.booster import load_booster, raw_scores
from fraudline.models.bundle import FEATURE_NAMES, Bundle
from fraudline.models.forest import Forest
from fraudline.models.manifest import MODEL_FILE
from fraudline.models.trees import check_trees
from tree_builders import DECISIONS, EDGES, NAMES, THRESHOLDS, a_model, rows_of, with_other


def assert_agreement(model: bytes, names: tuple[str, ...], rows: NDArray[np.float64]) -> None:
    expected = raw_scores(load_booster(model), rows)
    forest = Forest(check_trees(model, names), len(names))
    assert forest.raw_scores(rows).tobytes() == expected.tobytes()
    for size in (1, 3, 5, 63):
        parts = [forest.raw_scores(rows[start : start + size]) for start in range(0, len(rows), size)]
        assert np.concatenate(parts).tobytes() == expected.tobytes()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    leaves=st.integers(2, 40),
    zero_as_missing=st.booleans(),
    use_missing=st.booleans(),
    share=st.sampled_from([0.0, 0.2, 1.0]),
)
def test_any_trees_give_any_rows_the_bits_of_lightgbm(
    seed: int, leaves: int, *, zero_as_missing: bool, use_missing: bool, share: float
) -> None:
    random = np.random.default_rng(seed)
    model = a_model(random, trees=5, leaves=leaves, zero_as_missing=zero_as_missing, use_missing=use_missing)
    assume(b"num_leaves=1\n" not in model)
    model = with_other(model, "decision_type", DECISIONS, random, share)
    model = with_other(model, "threshold", THRESHOLDS, random, share)

    assert_agreement(model, NAMES, rows_of(random, 135, len(NAMES)))


def test_trees_of_many_leaves_give_the_bits_of_lightgbm() -> None:
    random = np.random.default_rng(1)
    model = a_model(random, trees=3, leaves=2_000, rows=5_000)
    assert max(len(tree.leaf_values) for tree in check_trees(model, NAMES)) > 500

    assert_agreement(model, NAMES, rows_of(random, 300, len(NAMES)))


def test_a_bundle_gives_its_golden_rows_and_others_the_bits_of_lightgbm(trained: Path) -> None:
    random = np.random.default_rng(2)
    golden = np.array([row for row, _ in Bundle.load(trained).manifest.golden.rows()])
    holed = np.where(random.random(golden.shape) < 0.2, random.choice(EDGES, size=golden.shape), golden)

    assert_agreement((trained / MODEL_FILE).read_bytes(), FEATURE_NAMES, np.concatenate([golden, holed]))


def test_threads_do_not_disturb_each_other() -> None:
    random = np.random.default_rng(3)
    model = a_model(random, trees=20, leaves=31)
    forest, rows = Forest(check_trees(model, NAMES), len(NAMES)), rows_of(random, 2_000, len(NAMES))
    expected = forest.raw_scores(rows).tobytes()

    with ThreadPoolExecutor(4) as threads:
        for given_scores in threads.map(lambda _: forest.raw_scores(rows), range(16)):
            assert given_scores.tobytes() == expected


def test_rows_of_another_width_are_refused() -> None:
    forest = Forest(check_trees(a_model(np.random.default_rng(4), trees=1, leaves=4), NAMES), len(NAMES))

    with pytest.raises(ValueError, match="a row has 6 features"):
        forest.raw_scores(np.zeros((2, 5)))


def test_scoring_and_explaining_do_without_lightgbm(trained: Path) -> None:
    program = (
        "import sys, pathlib, numpy\n"
        "from fraudline.models.bundle import FEATURE_NAMES, Bundle\n"
        f"bundle = Bundle.load(pathlib.Path({str(trained)!r}))\n"
        "bundle.predict(numpy.zeros((1, len(FEATURE_NAMES))))\n"
        "bundle.contributions(numpy.zeros((1, len(FEATURE_NAMES))))\n"
        "print('lightgbm' in sys.modules)\n"
    )

    told = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)

    assert told.stdout == "False\n"
