"""Models of noise for the tests of what evaluates trees: any decision type, thresholds and values at every edge."""

import re

import lightgbm
import numpy as np
from numpy.typing import NDArray

from fraudline.models.trees import END_OF_TREES
from model_builders import with_fitting_sizes

NAMES = tuple(f"feature_{number}" for number in range(6))
ZERO = float(np.float32(1e-35))
"""LightGBM takes what is no farther from zero than this for zero."""
_SIZES = (0.0, 5e-324, 2e-310, 2e-36, 1e-35, ZERO, np.nextafter(ZERO, 1), 1e-15, 1.0, 1e300, 1.7e308, np.inf, np.nan)
EDGES = np.array([sign * size for sign in (1, -1) for size in _SIZES])
THRESHOLDS = (
    "0",
    "-0",
    "1e-36",
    "-1e-36",
    "1.0000000180025095e-35",
    "-1.0000000180025095e-35",
    "5e-324",
    "1e300",
    "inf",
)
DECISIONS = ("0", "2", "4", "6", "8", "10")


def rows_of(random: np.random.Generator, count: int, features: int) -> NDArray[np.float64]:
    """Rows of many sizes, a third of whose values are at some edge."""
    rows = random.normal(size=(count, features)) * 10.0 ** random.integers(-3, 4, size=(count, features))
    at_edge = random.random(rows.shape) < 0.33
    rows[at_edge] = random.choice(EDGES, size=int(at_edge.sum()))
    return rows


def a_model(
    random: np.random.Generator,
    *,
    trees: int,
    leaves: int,
    rows: int = 300,
    names: tuple[str, ...] = NAMES,
    **parameters: bool,
) -> bytes:
    """Grow trees of noise, on rows of all kinds."""
    # A model whose data was infinite is refused.
    features = np.clip(rows_of(random, rows, len(names)), -1e308, 1e308)
    is_fraud = random.random(rows) < 0.4
    dataset = lightgbm.Dataset(features, is_fraud.astype(float), feature_name=list(names))
    learner = {"objective": "binary", "num_leaves": leaves, "min_data_in_leaf": 1, "verbosity": -1, "num_threads": 1}
    text = lightgbm.train(learner | {"min_sum_hessian_in_leaf": 0} | parameters, dataset, trees).model_to_string()
    model: bytes = text.encode()
    return model[: model.index(END_OF_TREES) + len(END_OF_TREES)]


def with_other(model: bytes, name: str, values: tuple[str, ...], random: np.random.Generator, share: float) -> bytes:
    """Put one of some values in the place of a share of the nodes' own."""

    def other(line: re.Match[str]) -> str:
        own = line[1].split(" ")
        return f"{name}=" + " ".join(random.choice(values) if random.random() < share else value for value in own)

    return with_fitting_sizes(re.sub(rf"^{name}=(.*)$", other, model.decode(), flags=re.MULTILINE))
