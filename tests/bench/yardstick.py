"""How fast this machine is: what LightGBM takes for a row of a model that is the same everywhere, now."""

import time

import lightgbm
import numpy as np

TREES, LEAVES, FEATURES, ROWS = 300, 63, 30, 256
TRAINED_ROWS, LOOKS = 6_000, 61
PARAMETERS = {
    "objective": "binary",
    "num_leaves": LEAVES,
    "min_data_in_leaf": 20,
    "learning_rate": 0.05,
    "num_threads": 2,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbosity": -1,
}


def predict_microseconds() -> float:
    """Return what `predict` takes a row in batches of 256, on one thread: CPU time, the median of many."""
    random = np.random.default_rng(1)
    rows = random.normal(size=(TRAINED_ROWS, FEATURES))
    # Something to learn, and noise, so that every tree has all its leaves.
    is_one = rows[:, 0] * rows[:, 1] + rows[:, 2] + random.normal(size=TRAINED_ROWS) > 0
    booster = lightgbm.train(PARAMETERS, lightgbm.Dataset(rows, is_one), num_boost_round=TREES)
    times = []
    for look in range(LOOKS):
        start = look * ROWS % (TRAINED_ROWS - ROWS)
        part = np.ascontiguousarray(rows[start : start + ROWS])
        began = time.thread_time()
        booster.predict(part, raw_score=True, num_threads=1)
        times.append(time.thread_time() - began)
    return 1e6 * float(np.median(times)) / ROWS
