"""The model of the throughput bench: of a real installation's size, trained once on the payments and kept."""

import hashlib
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from fraudline.kernel.registry import FEATURES, KERNEL_VERSION
from fraudline.models.bundle import Bundle, BundleError
from fraudline.models.histories.history import History
from fraudline.models.manifest import FORMAT
from fraudline.models.recipe import QUICK, Imbalance
from fraudline.models.starter_rates import starter_rates
from fraudline.models.training.training import train_bundle

FOLDER = Path(__file__).parents[2] / ".bench" / "throughput"
TREES, LEAVES, DAYS = 300, 63, 35
RECIPE = replace(
    QUICK,
    parameters={
        **QUICK.parameters,
        # By average precision it would stop growing long before.
        "metric": "binary_logloss",
        "num_leaves": LEAVES,
        "min_data_in_leaf": 20,
        "learning_rate": 0.01,
    },
    max_trees=TREES,
    early_stopping_rounds=TREES,
    imbalance=(Imbalance.PLAIN,),
)


def model_for(history: History) -> Path:
    """Return the bundle trained on the first five weeks of a history; the first time that takes some minutes."""
    last_day = min(history.first_day + timedelta(days=DAYS - 1), history.last_day)
    made_from = [KERNEL_VERSION, FORMAT, *FEATURES, RECIPE.noted(), len(history), history.first_day, last_day]
    digest = hashlib.sha256("\n".join(map(str, made_from)).encode()).hexdigest()[:8]
    folder = FOLDER / f"model-{digest}"
    try:
        Bundle.load(folder)
    except BundleError:
        # Not there, or made by other code.
        shutil.rmtree(folder, ignore_errors=True)
        FOLDER.mkdir(parents=True, exist_ok=True)
        train_bundle(history, folder, name="bench", rates=starter_rates(), last_day=last_day, recipe=RECIPE)
    return folder
