"""Growing trees: on earlier days for as long as later days gain from it, by the way of handling imbalance that wins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.registry import FEATURES
from fraudline.models.booster import raw_scores
from fraudline.models.errors import TrainingRefused
from fraudline.models.evaluation.metrics import average_precision
from fraudline.models.recipe import Imbalance, Recipe
from fraudline.models.training.examples import Examples, Progress
from fraudline.models.trees import END_OF_TREES, MAX_TREES

THREADS: Final = 1
"""Two are faster only while nobody else computes, and change no bit; see the decisions."""

_NAMES: Final = [feature.name for feature in FEATURES]
_A_STUMP_OF_NOTHING: Final = b"\nnum_leaves=1\n"


@dataclass(frozen=True, slots=True)
class Grown:
    """Trees as LightGBM's text, nothing but the trees, and how many they are."""

    model: bytes
    trees: int


class Grower:
    """Grows trees on some training days, judged on later ones."""

    def __init__(
        self, training: Examples, stopping: Examples, recipe: Recipe, *, progress: Progress, threads: int = THREADS
    ) -> None:
        self._training = training
        self._stopping = stopping
        self._recipe = recipe
        self._progress = progress
        self._parameters: dict[str, Any] = {**recipe.parameters, "num_threads": threads}

    def compare(self) -> dict[Imbalance, float]:
        """Return the average precision that each way of handling imbalance gets on the later days with few trees."""
        recipe = self._recipe
        parameters = {**self._parameters, "learning_rate": recipe.trial_learning_rate}
        precision = {}
        for number, imbalance in enumerate(recipe.imbalance):
            self._progress("comparing recipes", number / len(recipe.imbalance))
            booster = lightgbm.train(parameters, self._dataset(imbalance), num_boost_round=recipe.trial_trees)
            scores = raw_scores(booster, self._stopping.features)
            precision[imbalance] = average_precision(scores, self._stopping.is_fraud)
        self._progress("comparing recipes", 1.0)
        return precision

    def grow(self, imbalance: Imbalance) -> Grown:
        """Grow trees for as long as the average precision of the later days rises.

        Raises:
            TrainingRefused: Nothing tells frauds from others.
        """
        rows = self._dataset(imbalance)
        later = rows.create_valid(self._stopping.features, self._stopping.is_fraud.astype(np.float32))
        booster = lightgbm.train(
            self._parameters,
            rows,
            num_boost_round=self._recipe.max_trees,
            valid_sets=[later],
            callbacks=[
                lightgbm.early_stopping(self._recipe.early_stopping_rounds, verbose=False),
                _teller(self._progress, "growing trees", self._recipe.max_trees),
            ],
        )
        self._progress("growing trees", 1.0)
        return _grown(booster, booster.best_iteration)

    def _dataset(self, imbalance: Imbalance) -> lightgbm.Dataset:
        return _dataset(self._training, imbalance, self._recipe, self._parameters)


def grow_again(
    examples: Examples,
    imbalance: Imbalance,
    trees: int,
    recipe: Recipe,
    *,
    progress: Progress,
    threads: int = THREADS,
) -> Grown:
    """Grow so many trees on all of some examples, by the same recipe; nothing judges them."""
    parameters = {**recipe.parameters, "num_threads": threads}
    rounds = min(trees, MAX_TREES)
    stage = "growing again on all days"
    booster = lightgbm.train(
        parameters,
        _dataset(examples, imbalance, recipe, parameters),
        num_boost_round=rounds,
        callbacks=[_teller(progress, stage, rounds)],
    )
    progress(stage, 1.0)
    return _grown(booster, rounds)


def sample(
    is_fraud: NDArray[np.bool_], imbalance: Imbalance, one_other_in: int
) -> tuple[NDArray[np.int64] | None, NDArray[np.float32] | None]:
    """Return the rows to learn from and the weight of each; None for all of them, and for the weight 1.

    The others that are kept lie evenly over time and weigh as much as all of them: what is learned stays a probability.
    """
    if imbalance is Imbalance.PLAIN:
        return None, None
    others = np.flatnonzero(~is_fraud)
    kept = others[::one_other_in]
    rows = np.union1d(np.flatnonzero(is_fraud), kept)
    return rows, np.where(is_fraud[rows], 1.0, len(others) / len(kept)).astype(np.float32)


def _dataset(
    examples: Examples, imbalance: Imbalance, recipe: Recipe, parameters: Mapping[str, Any]
) -> lightgbm.Dataset:
    rows, weights = sample(examples.is_fraud, imbalance, recipe.one_other_in)
    features, is_fraud = examples.features, examples.is_fraud
    if rows is not None:
        features, is_fraud = features[rows], is_fraud[rows]
    # Made at once, so that a copied part of the rows can go.
    return lightgbm.Dataset(
        features, is_fraud.astype(np.float32), weight=weights, feature_name=_NAMES, params=dict(parameters)
    ).construct()


def _grown(booster: lightgbm.Booster, trees: int) -> Grown:
    text: bytes = booster.model_to_string(num_iteration=trees).encode()
    model = text[: text.index(END_OF_TREES) + len(END_OF_TREES)]
    if _A_STUMP_OF_NOTHING in model:
        raise TrainingRefused("Nothing that the features tell separates fraud from the rest; use more days.")
    return Grown(model, model.count(b"\nTree=") + model.startswith(b"Tree="))


def _teller(progress: Progress, stage: str, rounds: int) -> Callable[[Any], None]:
    def tell(environment: Any) -> None:
        progress(stage, (environment.iteration + 1) / rounds)

    return tell
