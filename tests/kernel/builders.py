"""Builders of events for the kernel's tests: they fill what does not matter and show what does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.events import LABEL, TRANSACTION, Events
from fraudline.kernel.registry import FEATURES

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
NOON = 1_767_614_400 * SECOND  # 2026-01-05T12:00:00Z, a Monday

NAMES = tuple(feature.name for feature in FEATURES)


@dataclass(frozen=True, slots=True)
class Transaction:
    time: int
    amount: float
    card: int
    merchant: int


@dataclass(frozen=True, slots=True)
class Label:
    time: int
    card: int
    merchant: int
    weight: float


Event = Transaction | Label


def a_transaction(*, time: int = NOON, amount: float = 20.0, card: int = 1, merchant: int = 2) -> Transaction:
    return Transaction(time, amount, card, merchant)


def a_label(*, time: int = NOON, card: int = 1, merchant: int = 2) -> Label:
    return Label(time, card, merchant, 1.0)


def its_correction(label: Label) -> Label:
    return replace(label, weight=-1.0)


def events_of(stream: Sequence[Event]) -> Events:
    kinds = [TRANSACTION if isinstance(event, Transaction) else LABEL for event in stream]
    amounts = [event.amount if isinstance(event, Transaction) else 0.0 for event in stream]
    weights = [event.weight if isinstance(event, Label) else 0.0 for event in stream]
    return Events(
        kind=np.array(kinds, np.int8),
        time=np.array([event.time for event in stream], np.int64),
        amount=np.array(amounts, np.float64),
        card=np.array([event.card for event in stream], np.uint64),
        merchant=np.array([event.merchant for event in stream], np.uint64),
        weight=np.array(weights, np.float64),
    )


def column(features: NDArray[np.float64], name: str) -> list[float]:
    return [float(value) for value in features[:, NAMES.index(name)]]


def by_name(row: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(NAMES, (float(value) for value in row), strict=True))


def bits(features: NDArray[np.float64]) -> list[list[int]]:
    """Features as integers, so that NaN equals NaN and -0.0 does not equal 0.0."""
    rows: list[list[int]] = features.view(np.uint64).tolist()
    return rows
