"""Payments to give reasons for, and what any sentence has to look like."""

import math
import re
from collections.abc import Iterator

from fraudline.domain.reasons import CODES, Facts, ReasonCode, code_of
from fraudline.domain.reasons.entity import ENTITIES
from fraudline.domain.reasons.feature_name import parse
from fraudline.kernel.kernel import Kernel
from kernel.builders import DAY, NAMES, NOON, Event, a_transaction, by_name, events_of

FEATURES_OF = {code.code: [name for name in NAMES if code_of(name) is code] for code in CODES}
"""The features of each code."""
BY_CODE = {code.code: code for code in CODES}
FIRST = {
    "card": "This is the first payment seen on this card.",
    "merchant": "This is the first payment seen at this merchant.",
}
"""What is said of the first payment, by what it is the first of."""


def told(code: str, values: dict[str, float], *, by: str | None = None, currency: str = "EUR") -> str:
    """Return a code's sentence; `by` is the feature that weighed the most, its first one where it does not matter."""
    return BY_CODE[code].sentence(Facts(values, by or FEATURES_OF[code][0], currency))


def features_after(*stream: Event) -> dict[str, float]:
    """Return what the kernel computes for the last transaction of a stream."""
    return by_name(Kernel().apply(events_of(stream))[-1])


def values(**changes: float) -> dict[str, float]:
    """Return the features of an ordinary payment but for the changes."""
    ordinary = features_after(*(a_transaction(time=NOON + day * DAY) for day in range(60)))
    return ordinary | changes


def all_known(**changes: float) -> dict[str, float]:
    """Return the features of a payment of which everything is known, but for the changes."""
    ordinary = values()
    known = {kind: {name for name in NAMES if parse(name).entity == kind} for kind in ENTITIES}
    as_card = {
        name: ordinary.get(f"card_{name.removeprefix(kind + '_')}", 1.0) for kind, own in known.items() for name in own
    }
    return ordinary | {name: 1.0 if math.isnan(value) else value for name, value in as_card.items()} | changes


def all_sentences(features: dict[str, float], currency: str = "EUR") -> Iterator[tuple[ReasonCode, str, str]]:
    for code in CODES:
        for strongest in FEATURES_OF[code.code]:
            yield code, strongest, code.sentence(Facts(features, strongest, currency))


def assert_is_sentence(text: str) -> None:
    assert re.fullmatch(r"[A-Z0-9][A-Za-z0-9 ,.:;'/]+[a-zA-Z0-9]\.", text), text
    assert not re.search(r"\b(nan|inf|e[+-]?\d+|-\d)\b|  ", text, re.IGNORECASE), text
    assert len(text) < 160, text
