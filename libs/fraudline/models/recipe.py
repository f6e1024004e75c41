"""How a model is grown: every constant of it, in one place; the manifest keeps what was used."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final

Parameters = Mapping[str, str | int | float | bool]

_LEARNER: Final[Parameters] = MappingProxyType(
    {
        "objective": "binary",
        # What the alerts' order is judged by: a loss would be ruled by the many that are no fraud.
        "metric": "average_precision",
        "learning_rate": 0.03,
        "num_leaves": 31,
        "min_data_in_leaf": 100,
        "lambda_l2": 2.0,
        "feature_fraction": 0.5,
        # Fine enough to see where amounts turn suspicious: with few bins the rarest, largest ones share one.
        "max_bin": 255,
        "seed": 1,
        # The same trees whatever the number of threads.
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
)


class Imbalance(StrEnum):
    """How the rarity of frauds is handled while trees are grown."""

    PLAIN = "plain"
    SAMPLED_OTHERS = "sampled_others"

    @property
    def description(self) -> str:
        """What it does, in a few words."""
        return _DESCRIPTIONS[self]


_DESCRIPTIONS: Final = {
    Imbalance.PLAIN: "every transaction counts as it comes",
    Imbalance.SAMPLED_OTHERS: "a part of the others stands for all of them, each with the weight of those left out",
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one model is grown.

    Attributes:
        parameters: LightGBM's, but for the number of threads, which changes no bit.
        max_trees: The most trees there can be.
        early_stopping_rounds: After so many trees without a gain on the later days no more are grown.
        imbalance: The ways to handle the rarity of frauds that are compared on the early-stopping days; the first one
            is taken where there is no other.
        trial_trees: How many trees each way gets in the comparison.
        trial_learning_rate: How fast it learns there: few trees are to show what many will, and with too
            few the ways are not yet apart.
        one_other_in: `SAMPLED_OTHERS` keeps one in so many transactions that are no fraud.
        refit: Whether the model that is shipped is grown again on all days, by the number of trees that was found,
            in proportion to its rows.
        resamples: How often the cards are drawn again for the intervals of the metrics.
        explained_rows: Of how many transactions the contributions are averaged for the report.
    """

    parameters: Parameters = field(default_factory=lambda: _LEARNER)
    max_trees: int = 400
    early_stopping_rounds: int = 40
    imbalance: tuple[Imbalance, ...] = tuple(Imbalance)
    trial_trees: int = 100
    trial_learning_rate: float = 0.1
    one_other_in: int = 5
    refit: bool = True
    resamples: int = 200
    explained_rows: int = 1_000

    def noted(self) -> dict[str, str | int | float | bool]:
        """Return what a manifest keeps of it."""
        return {
            **self.parameters,
            "max_trees": self.max_trees,
            "early_stopping_rounds": self.early_stopping_rounds,
            "trial_trees": self.trial_trees,
            "trial_learning_rate": self.trial_learning_rate,
            "one_other_in": self.one_other_in,
        }


STANDARD: Final = Recipe()
"""What `fraudline train` uses."""

QUICK: Final = Recipe(
    parameters=MappingProxyType({**_LEARNER, "learning_rate": 0.1}),
    max_trees=80,
    early_stopping_rounds=20,
    imbalance=(Imbalance.SAMPLED_OTHERS,),
    refit=False,
    resamples=50,
    explained_rows=200,
)
"""What the starter model is grown by, while somebody waits for a first start."""
