"""What a feature's name says: whose it is, which statistic, by which half-life."""

import functools
import re
from typing import Final, NamedTuple

from fraudline.domain.reasons.entity import ENTITIES

_HALF_LIFE: Final = re.compile(r"_([1-9]\d*[mhd])$")


class FeatureName(NamedTuple):
    """A name of the form `{entity}_{statistic}[_{half_life}]`, or a statistic of the payment itself.

    Attributes:
        entity: The kind of entity; empty for what is the payment's own.
        statistic: What is told of it, "amount_mean" for example.
        half_life: As in the name, "30d" for example; empty where nothing decays.
    """

    entity: str
    statistic: str
    half_life: str

    @property
    def stem(self) -> str:
        """The name without its half-life: what codes gather features by."""
        return f"{self.entity}_{self.statistic}" if self.entity else self.statistic


@functools.cache
def parse(name: str) -> FeatureName:
    """Take a feature's name to pieces; whatever the name, it has a stem."""
    found = _HALF_LIFE.search(name)
    half_life, stem = (found[1], name[: found.start()]) if found else ("", name)
    entity, _, statistic = stem.partition("_")
    return FeatureName(entity, statistic, half_life) if entity in ENTITIES else FeatureName("", stem, half_life)
