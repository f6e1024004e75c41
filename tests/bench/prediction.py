"""What scores and contributions cost on one thread, by way and size of batch: `tests/bench/prediction.py`.

The compiled trees stand beside LightGBM: `Booster.predict`, the function of its C API below that, and that one's fast
version for single rows. Every batch is of rows that were not seen just before, since a processor learns the way of the
same rows by heart; the times are those of the thread, the median over the batches. Fails where a score has other bits
than LightGBM's, where contributions are farther from LightGBM's than rounding takes them, or where one of them costs
more than the goals. Run it with `PYTHONPATH=tests`.
"""

import ctypes
import gc
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.jit import part
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.registry import FEATURES
from fraudline.models import walk
from fraudline.models.booster import load_booster, raw_scores
from fraudline.models.calibration import Isotonic, Sigmoid
from fraudline.models.forest import Forest
from fraudline.models.histories.point_in_time import point_in_time
from fraudline.models.recipe import STANDARD
from fraudline.models.starter_rates import starter_rates
from fraudline.models.trees import END_OF_TREES, check_trees
from fraudline.models.treeshap import TreeShap
from model_builders import a_simulated_history

Rows = NDArray[np.float64]
Way = Callable[[Rows], Rows]

SIZES: Final = (1, 2, 8, 64, 512)
MODELS: Final = {"600 trees of 31 leaves": (600, 31), "300 trees of 63 leaves": (300, 63)}
BATCHES: Final = 60
LEAST_GAIN: Final = {1: 1.0, 2: 1.0, 8: 1.5, 64: 3.0, 512: 3.0}
"""How many times as fast as `Booster.predict` the compiled trees have to be."""

EXPLAINED_SIZES: Final = (1, 8, 32)
EXPLAINED_BATCHES: Final = 12
LEAST_EXPLAINED_GAIN: Final = 3.0
"""The same of contributions, at any size; a batch of the explainer has 32 rows."""
MOST_APART: Final = 1e-9
"""How far contributions may be from LightGBM's, as a share of the sum of their sizes in a row."""

_NAMES: Final = tuple(feature.name for feature in FEATURES)
_FLOAT64, _RAW, _ROW_MAJOR = 1, 1, 1
_PARAMETERS: Final = b"num_threads=1"
_BEST: Final = "compiled"


def grown(features: Rows, trees: int, leaves: int) -> bytes:
    """Return a model of so many full trees: what it has to find is a noisy sum of all features."""
    random = np.random.default_rng(1)
    known = np.nan_to_num(features)
    sums = ((known - known.mean(axis=0)) / (known.std(axis=0) + 1e-9)) @ random.normal(size=len(_NAMES))
    noisy = sums + random.normal(size=len(sums)) * sums.std() * 2
    parameters = {**STANDARD.parameters, "metric": "binary_logloss", "num_leaves": leaves, "num_threads": 1}
    dataset = lightgbm.Dataset(features, (noisy > np.quantile(noisy, 0.97)).astype(float), feature_name=list(_NAMES))
    text: bytes = lightgbm.train(parameters, dataset, trees).model_to_string().encode()
    return text[: text.index(END_OF_TREES) + len(END_OF_TREES)]


def by_matrix(booster: lightgbm.Booster) -> Way:
    """Return LightGBM's C function for a matrix without the Python around it."""
    library, handle = lightgbm.basic._LIB, booster._handle  # noqa: SLF001 - what is measured

    def scores(rows: Rows) -> Rows:
        given, length = np.empty(len(rows)), ctypes.c_int64()
        _succeed(
            library.LGBM_BoosterPredictForMat(
                handle,
                ctypes.c_void_p(rows.ctypes.data),
                ctypes.c_int(_FLOAT64),
                ctypes.c_int32(len(rows)),
                ctypes.c_int32(rows.shape[1]),
                ctypes.c_int(_ROW_MAJOR),
                ctypes.c_int(_RAW),
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_char_p(_PARAMETERS),
                ctypes.byref(length),
                ctypes.c_void_p(given.ctypes.data),
            )
        )
        return given

    return scores


def by_single_rows(booster: lightgbm.Booster) -> Way:
    """Return LightGBM's fast C function for single rows, called for each."""
    library, prepared = lightgbm.basic._LIB, ctypes.c_void_p()  # noqa: SLF001 - what is measured
    _succeed(
        library.LGBM_BoosterPredictForMatSingleRowFastInit(
            booster._handle,  # noqa: SLF001 - the same
            ctypes.c_int(_RAW),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(len(_NAMES)),
            ctypes.c_char_p(_PARAMETERS),
            ctypes.byref(prepared),
        )
    )
    ask, length = library.LGBM_BoosterPredictForMatSingleRowFast, ctypes.c_int64()

    def scores(rows: Rows) -> Rows:
        given = np.empty(len(rows))
        source, target = rows.ctypes.data, given.ctypes.data
        for row in range(len(rows)):
            place, score = ctypes.c_void_p(source + row * rows.strides[0]), ctypes.c_void_p(target + row * 8)
            _succeed(ask(prepared, place, ctypes.byref(length), score))
        return given

    return scores


def _succeed(code: int) -> None:
    if code != 0:
        raise RuntimeError("LightGBM refused the call")


@part
def _each_alone(rows: Any, feature: Any, missing: Any, zero: Any, nodes: Any, columns: Any, scores: Any) -> None:
    for row in range(len(rows)):
        walk.read_block(rows, row, 1, feature, missing, zero, columns)
        scores[row] += walk.one_after_another(*nodes, columns, 0)


def by_rows_alone(forest: Forest) -> Way:
    """Return the compiled descent that the compiled trees take for few rows alone."""
    feature, missing, zero, *splits = forest._splits  # noqa: SLF001 - what is measured
    nodes = (*splits, forest._leaf_values)  # noqa: SLF001 - the same
    columns = np.empty((len(feature), walk.LANES))

    def scores(rows: Rows) -> Rows:
        given = np.zeros(len(rows))
        _each_alone(rows, feature, missing, zero, nodes, columns, given)
        return given

    return scores


def microseconds_a_row(way: Callable[[Rows], object], rows: Rows, size: int, *, batches: int = BATCHES) -> float:
    """Return the median over batches of other rows each."""
    times = []
    gc.disable()
    for start in range(0, min(len(rows) - size, size * batches), size):
        batch = rows[start : start + size]
        began = time.thread_time()
        way(batch)
        times.append(time.thread_time() - began)
    gc.enable()
    return float(np.median(times)) / size * 1e6


def explained_fast(model: bytes, booster: lightgbm.Booster, rows: Rows) -> bool:
    """Measure contributions; return whether ours agree with LightGBM's and are as fast as they have to be."""
    shap = TreeShap(check_trees(model, _NAMES), len(_NAMES))

    def by_booster(batch: Rows) -> Rows:
        return np.asarray(booster.predict(batch, pred_contrib=True, num_threads=1))

    some = rows[: max(EXPLAINED_SIZES)]
    expected = by_booster(some)
    apart = np.abs(shap.contributions(some) - expected).max(axis=1) / np.abs(expected).sum(axis=1)
    theirs, ours = (
        [microseconds_a_row(way, rows, size, batches=EXPLAINED_BATCHES) for size in EXPLAINED_SIZES]
        for way in (by_booster, shap.contributions)
    )
    say("  Booster.predict, contributions", theirs)
    say("  compiled, contributions", ours)
    gains = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
    say("  times as fast", gains)
    return bool(apart.max() <= MOST_APART) and min(gains) >= LEAST_EXPLAINED_GAIN


def say(what: str, figures: list[float]) -> None:
    """Print one line of the table."""
    sys.stdout.write(f"{what:<34}" + "".join(f"{figure:>9.2f}" for figure in figures) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Measure once; return the exit code."""
    reached = True
    features = Kernel().apply(point_in_time(a_simulated_history(days=20, customers=1500), starter_rates()))
    rows = features[np.random.default_rng(0).permutation(len(features))]
    sys.stdout.write(f"{'µs a row, batches of':<34}" + "".join(f"{size:>9}" for size in SIZES))
    sys.stdout.write(f"; contributions {EXPLAINED_SIZES}\n")
    for name, (trees, leaves) in MODELS.items():
        model = grown(features, trees, leaves)
        booster = load_booster(model)
        forest = Forest(check_trees(model, _NAMES), len(_NAMES))
        ways: dict[str, Way] = {
            "Booster.predict": lambda batch, booster=booster: raw_scores(booster, batch),  # type: ignore[misc]
            "C API, matrix": by_matrix(booster),
            "C API, single rows": by_single_rows(booster),
            "compiled, each row alone": by_rows_alone(forest),
            _BEST: forest.raw_scores,
        }
        sys.stdout.write(f"{name}\n")
        expected = raw_scores(booster, rows)
        costs = {}
        for way, scores in ways.items():
            if scores(rows).tobytes() != expected.tobytes():
                sys.stdout.write(f"{way}: other scores than LightGBM's\n")
                return 1
            costs[way] = [microseconds_a_row(scores, rows, size) for size in SIZES]
            say(f"  {way}", costs[way])
        gains = [theirs / ours for theirs, ours in zip(costs["Booster.predict"], costs[_BEST], strict=True)]
        say("  times as fast as Booster.predict", gains)
        reached &= all(gain >= LEAST_GAIN[size] for size, gain in zip(SIZES, gains, strict=True))
        reached &= explained_fast(model, booster, rows)
    sys.stdout.write("calibration\n")
    knots = np.cumsum(np.random.default_rng(2).random((2, 40)) / 4, axis=1) - 6
    for calibration in (Sigmoid(1.1, -0.3), Isotonic(tuple(knots[0].tolist()), tuple(knots[1].tolist()))):
        figures = [microseconds_a_row(calibration.probabilities, expected, size) for size in SIZES]
        say(f"  {type(calibration).__name__}", figures)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
