"""What the reports are made from: plain facts, put together by who trained or compared."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.domain.policy import Thresholds
from fraudline.models.evaluation.evaluation import Comparison, Evaluation
from fraudline.models.evaluation.scored import Scored
from fraudline.models.report import text
from fraudline.models.report.costs import Costs

ENTITIES: Final = ("card", "merchant", "pair", "device", "country", "customer")
"""What a feature can be of, by the first part of its name; what is of none of them is of the payment itself."""
CONTEXT: Final = "payment"

_DAY_SECONDS, _HOUR_SECONDS = 86_400, 3_600


@dataclass(frozen=True, slots=True)
class Side:
    """The transactions that count, what was found of them, and the thresholds of their decisions.

    The thresholds are None where nobody knows them: a file of verdicts does not tell.
    """

    scored: Scored
    evaluation: Evaluation
    thresholds: Thresholds | None = None

    @property
    def name(self) -> str:
        """What was measured: a file of verdicts, or a model."""
        return self.evaluation.name


@dataclass(frozen=True, slots=True)
class Importance:
    """What each feature contributes to the raw score (log-odds), by TreeSHAP, on average over a sample.

    Attributes:
        features: The features' names.
        mean_absolute: For each, the mean of the contribution's absolute value, shape (features,).
        rows: How many transactions the sample has.
        sample: How they were chosen, in a few words.
    """

    features: tuple[str, ...]
    mean_absolute: NDArray[np.float64]
    rows: int
    sample: str

    def ranked(self) -> list[tuple[str, float]]:
        """Return the features with their contributions, the strongest first."""
        order = np.argsort(-np.nan_to_num(self.mean_absolute), kind="stable")
        return [(self.features[index], float(self.mean_absolute[index])) for index in order.tolist()]

    def by_entity(self) -> dict[str, float]:
        """Return the sum for each entity that has features, in the order of `ENTITIES`, the payment itself first."""
        sums: dict[str, float] = {}
        for name, value in zip(self.features, np.nan_to_num(self.mean_absolute).tolist(), strict=True):
            sums[entity_of(name)] = sums.get(entity_of(name), 0.0) + value
        return {entity: sums[entity] for entity in (CONTEXT, *ENTITIES) if entity in sums}


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days (UTC), both included, with what they hold, and what they were for."""

    purpose: str
    first: date
    last: date
    transactions: int
    frauds: int


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """All that a bundle's report and model card tell.

    Attributes:
        model: The model's name and version, as verdicts call it.
        measured: The measuring days: what was scored, decided and found there.
        is_in_sample: The thresholds and the calibration were chosen on the measuring days too: those figures flatter.
        history_from: The first day of the file; what is before the training days only warms the state.
        periods: The split, in order of time.
        label_delay_seconds: How long after it a fraud becomes known.
        labels_known_until: The last label that was learned from fell due then, as people read it.
        amounts_without_rate: Transactions whose amount is unknown in the base currency.
        invented_amounts: Transactions of the history whose amount the invented rates converted.
        costs: What the thresholds were chosen by.
        most_alerts_per_day: How many transactions may be flagged a day, on average, or None.
        chosen_by: In a sentence, how the thresholds were chosen.
        calibration: In a sentence, how raw scores become probabilities.
        imbalance: In a sentence, how the rarity of frauds was handled.
        growth: In a sentence, which days the trees were grown on, and which trees the figures are of.
        is_refit: The trees were grown again on all days: the figures are those of an interim model.
        trees: How many trees the model has.
        parameters: Of the training, by name.
        features: The features' names, in the kernel's order.
        importance: What each contributes.
        kernel_version: Of the features.
        max_entities: How many entities the kernel kept at most.
        evicted: How many had to go.
        command: The command that makes this bundle again.
        libraries: Their versions.
    """

    model: str
    measured: Side
    is_in_sample: bool
    history_from: date
    periods: tuple[Period, ...]
    label_delay_seconds: int
    labels_known_until: str
    amounts_without_rate: int
    invented_amounts: int
    costs: Costs
    most_alerts_per_day: float | None
    chosen_by: str
    calibration: str
    imbalance: str
    growth: str
    is_refit: bool
    trees: int
    parameters: Mapping[str, str | int | float | bool]
    features: tuple[str, ...]
    importance: Importance
    kernel_version: str
    max_entities: int
    evicted: int
    command: str
    libraries: Mapping[str, str]

    @property
    def label_delay(self) -> str:
        """How long after it a fraud becomes known, in days where they are whole."""
        days, rest = divmod(self.label_delay_seconds, _DAY_SECONDS)
        return f"{self.label_delay_seconds / _HOUR_SECONDS:g} hours" if rest else text.counted(days, "day")

    def features_by_entity(self) -> dict[str, list[str]]:
        """Return the features of each entity, in the kernel's order, the payment itself first."""
        groups: dict[str, list[str]] = {entity: [] for entity in (CONTEXT, *ENTITIES)}
        for name in self.features:
            groups[entity_of(name)].append(name)
        return {entity: names for entity, names in groups.items() if names}


@dataclass(frozen=True, slots=True)
class EvaluationReport:
    """One file of verdicts, or two of the same transactions side by side.

    Attributes:
        sides: One or two; with two, those that `comparison` compares, in its order.
        comparison: The differences; None with one side.
        costs: What decisions cost.
        notes: What else the reader has to know (the file of outcomes, cards left out), each a sentence.
    """

    sides: tuple[Side, ...]
    comparison: Comparison | None
    costs: Costs
    notes: tuple[str, ...] = ()


def entity_of(feature: str) -> str:
    """Return what a feature is of."""
    first = feature.split("_", 1)[0]
    return first if first in ENTITIES else CONTEXT
