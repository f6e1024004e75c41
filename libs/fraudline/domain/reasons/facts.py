"""What a sentence may tell of one payment."""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from fraudline.domain.reasons.entity import ENTITIES, Entity
from fraudline.domain.reasons.feature_name import parse
from fraudline.domain.reasons.window import Window, window_of

_LARGEST_LOG: Final = 700.0  # a little less than the logarithm of the largest float


@dataclass(frozen=True, slots=True)
class Facts:
    """The values behind a reason. Not every statistic is there for every entity and half-life: ask by `value` or `of`.

    Attributes:
        values: All features of the payment, by name, as the kernel's registry defines them.
        strongest: The code's feature that raised the score the most: the one to tell of.
        currency: The base currency, in which all amounts are.
    """

    values: Mapping[str, float]
    strongest: str
    currency: str

    @property
    def stem(self) -> str:
        """The strongest feature's name without its half-life."""
        return parse(self.strongest).stem

    @property
    def statistic(self) -> str:
        """Which statistic the strongest feature is."""
        return parse(self.strongest).statistic

    @property
    def told(self) -> float:
        """The strongest feature's value."""
        return self.value(self.strongest)

    @property
    def entity(self) -> Entity:
        """Whose the strongest feature is.

        Raises:
            KeyError: It is the payment's own.
        """
        return ENTITIES[parse(self.strongest).entity]

    @property
    def half_life(self) -> str:
        """The half-life in the strongest feature's name; empty where it has none."""
        return parse(self.strongest).half_life

    @property
    def window(self) -> Window:
        """The half-life in words, where the strongest feature decays."""
        return window_of(self.half_life)

    @property
    def amount(self) -> float:
        """The payment's amount; NaN where it is unknown."""
        return math.expm1(min(self.value("amount_log"), _LARGEST_LOG))

    def value(self, name: str) -> float:
        """Return a feature; NaN where there is none of this name."""
        return self.values.get(name, math.nan)

    def of(self, statistic: str, half_life: str = "") -> float:
        """Return another statistic of the strongest feature's entity; NaN where it is no feature."""
        name = f"{parse(self.strongest).entity}_{statistic}"
        return self.value(f"{name}_{half_life}" if half_life else name)

    @property
    def is_absent(self) -> bool:
        """Whether the payment has no such entity: then none of its features has a value."""
        if not math.isnan(self.told):
            return False
        kind = parse(self.strongest).entity
        return all(math.isnan(value) for name, value in self.values.items() if parse(name).entity == kind)

    @property
    def is_new(self) -> bool:
        """Whether no earlier payment of the entity has been seen, as far as its features tell."""
        return math.isnan(self.values.get(f"{parse(self.strongest).entity}_seconds_since_first", 0.0))


Sentence = Callable[[Facts], str]
"""Tells the strongest feature in one sentence that is true, whatever its value."""


def of_present(sentence: Sentence) -> Sentence:
    """Return a sentence that is told only of an entity which the payment has."""

    @functools.wraps(sentence)
    def told(facts: Facts) -> str:
        return facts.entity.absent if facts.is_absent else sentence(facts)

    return told


def of_seen(sentence: Sentence) -> Sentence:
    """Return a sentence that is told only of an entity which was seen before."""

    @functools.wraps(sentence)
    def told(facts: Facts) -> str:
        return facts.entity.first if facts.is_new else sentence(facts)

    return of_present(told)
