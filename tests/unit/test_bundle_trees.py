"""A hostile model is refused before LightGBM sees it, and what passes can be loaded and asked."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fraudline.kernel.registry import FEATURES
from fraudline.models.booster import load_booster, raw_scores
from fraudline.models.bundle import FEATURE_NAMES, Bundle, BundleError
from fraudline.models.forest import Forest
from fraudline.models.trees import check_trees
from model_builders import model_of, reseal, with_fitting_sizes


@pytest.fixture(scope="module")
def model(trained: Path) -> str:
    return model_of(trained)


def in_tree_1(model: str, name: str, new: str) -> str:
    r"""Write another line `name=…` in tree 1; \1 in `new` stands for the values but the first."""
    before, mark, after = model.partition("Tree=1\n")
    line = re.compile(rf"^{name}=\S+((?: \S+)*)$", re.MULTILINE)
    assert line.search(after)
    return before + mark + line.sub(new, after, count=1)


HOSTILE = {
    "an index of a child out of range": ("left_child", r"left_child=999\1", "out of range"),
    "a leaf out of range": ("right_child", r"right_child=-999\1", "out of range"),
    "a node that is its own child": ("left_child", r"left_child=0\1", "cycle"),
    "a child given twice": ("left_child", r"left_child=2\1", "tree"),
    "a feature out of range": ("split_feature", rf"split_feature={len(FEATURES)}\1", "feature"),
    "a negative feature": ("split_feature", r"split_feature=-1\1", "feature"),
    "a leaf of NaN": ("leaf_value", r"leaf_value=nan\1", "finite"),
    "a leaf of infinity": ("leaf_value", r"leaf_value=inf\1", "finite"),
    "a leaf that overflows": ("leaf_value", r"leaf_value=1e999\1", "finite"),
    "a leaf in another spelling": ("leaf_value", r"leaf_value=1_0\1", "number"),
    "a leaf too many": ("leaf_value", r"leaf_value=0.5 0.5\1", "where"),
    "a threshold of NaN": ("threshold", r"threshold=nan\1", "finite"),
    "a threshold too many": ("threshold", r"threshold=0.5 0.5\1", "where"),
    "an empty value": ("threshold", r"threshold= \1", ""),
    "more leaves than values": ("num_leaves", "num_leaves=9", "where"),
    "a single leaf": ("num_leaves", "num_leaves=1", "1 leaves"),
    "no leaves": ("num_leaves", "num_leaves=0", "0 leaves"),
    "fewer leaves than none": ("num_leaves", "num_leaves=-5", "-5 leaves"),
    "leaves without end": ("num_leaves", "num_leaves=999999999", "leaves"),
    "a number of more digits than a computer's": ("num_leaves", "num_leaves=99999999999999999999", "num_leaves"),
    "categories": ("num_cat", "num_cat=1", "categorical"),
    "a categorical split": ("decision_type", r"decision_type=1\1", "type"),
    "linear leaves": ("is_linear", "is_linear=1", "linear"),
    "a node without transactions": ("leaf_count", r"leaf_count=0\1", "transaction"),
    "a leaf that more transactions reached than its node": ("leaf_count", r"leaf_count=999999999\1", "transactions"),
    "a node that fewer transactions reached than its leaves": ("internal_count", r"internal_count=1\1", "transactions"),
    "a missing line": ("leaf_weight", "", "missing"),
    "a line given twice": ("shrinkage", "shrinkage=1\nshrinkage=1", "out of place"),
    "an unknown line": ("shrinkage", "shrinkage=1\nleaf_const=1", "unknown"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_forged_tree_is_refused_by_name_and_the_process_lives(trained: Path, tmp_path: Path, what: str) -> None:
    name, new, told = HOSTILE[what]
    bundle = Path(shutil.copytree(trained, tmp_path / "bundle"))
    reseal(bundle, {"model.txt": with_fitting_sizes(in_tree_1(model_of(bundle), name, new))})

    with pytest.raises(BundleError) as caught:
        Bundle.load(bundle)

    assert caught.value.file == str(bundle / "model.txt")
    assert "tree 1" in caught.value.reason
    assert told in caught.value.reason


def test_a_cycle_of_two_nodes_is_refused(model: str) -> None:
    before, mark, after = model.partition("Tree=1\n")
    left = re.search(r"^left_child=(.*)$", after, re.MULTILINE)
    assert left is not None
    children = left[1].split(" ")
    node = next(n for n, child in enumerate(children) if int(child) > 0)
    children[int(children[node])] = str(node)
    forged = before + mark + after.replace(left[0], "left_child=" + " ".join(children), 1)

    with pytest.raises(ValueError, match="cycle"):
        check_trees(with_fitting_sizes(forged), FEATURE_NAMES)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version=v4", "version=v3"),
        ("num_class=1", "num_class=2"),
        ("num_tree_per_iteration=1", "num_tree_per_iteration=0"),
        ("objective=binary sigmoid:1", "objective=custom"),
        (f"max_feature_idx={len(FEATURES) - 1}", "max_feature_idx=2000000000"),
        ("feature_names=", "feature_names=another "),
        ("feature_infos=[", "feature_infos=none ["),
        ("tree_sizes=", "tree_sizes=7 "),
        ("tree_sizes=", "tree_sizes=-7 "),
        ("tree\n", "tree\naverage_output\n"),
        ("end of trees\n", "end of trees\n\nparameters:\n[num_threads: 999]\n"),
        ("end of trees\n", "end of trees"),
        ("Tree=0\n", "Tree=1\n"),
        ("Tree=0\n", "Tree=\u00e9\n"),
    ],
)
def test_a_forged_frame_is_refused(model: str, old: str, new: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        check_trees(model.replace(old, new, 1).encode(), FEATURE_NAMES)


def test_sizes_that_cut_trees_elsewhere_are_refused(model: str) -> None:
    declared = re.search(r"^tree_sizes=(.*)$", model, re.MULTILINE)
    assert declared is not None
    sizes = [int(size) for size in declared[1].split(" ")]
    moved = [sizes[0] - 1, sizes[1] + 1, *sizes[2:]]
    forged = model.replace(declared[1], " ".join(map(str, moved)))

    with pytest.raises(ValueError, match="tree 0"):
        check_trees(forged.encode(), FEATURE_NAMES)


def test_a_model_that_ends_anywhere_else_is_refused(model: str) -> None:
    for kept in np.random.default_rng(5).integers(len(model), size=100):
        with pytest.raises(ValueError, match=r"\w"):
            check_trees(model[:kept].encode(), FEATURE_NAMES)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.sampled_from("0123456789-.e \n=Tn[")), min_size=1, max_size=3
    )
)
def test_whatever_passes_the_check_can_be_asked_and_is_read_as_lightgbm_reads_it(
    model: str, edits: list[tuple[float, str]]
) -> None:
    letters = list(model)
    for place, letter in edits:
        letters[int(place * len(letters))] = letter
    text = "".join(letters).encode()
    try:
        trees = check_trees(text, FEATURE_NAMES)
    except ValueError:
        return

    booster = load_booster(text)

    rows = np.random.default_rng(6).choice([0.0, np.nan, -1.0, 1e-9, 1.0, 30.0, 1e4], size=(20, len(FEATURES)))
    scores = raw_scores(booster, rows)
    assert booster.num_trees() == len(trees)
    assert np.isfinite(scores).all()
    assert Forest(trees, len(FEATURES)).raw_scores(rows).tobytes() == scores.tobytes()
