"""Builders of events for the kernel's tests: they fill what does not matter and show what does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.events import ENTITY_KINDS, LABEL, TRANSACTION, Events
from fraudline.kernel.keys import NO_ENTITY
from fraudline.kernel.registry import FEATURES

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
NOON = 1_767_614_400 * SECOND  # 2026-01-05T12:00:00Z, a Monday

SMALL = 64  # entities: so few that a crowd is forgotten all the time
NAMES = tuple(feature.name for feature in FEATURES)


@dataclass(frozen=True, slots=True)
class Transaction:
    time: int
    amount: float
    card: int
    merchant: int
    device: int = NO_ENTITY
    country: int = NO_ENTITY
    customer: int = NO_ENTITY
    latitude: float = math.nan
    longitude: float = math.nan
    abroad: float = math.nan
    remote: float = math.nan


@dataclass(frozen=True, slots=True)
class Label:
    time: int
    card: int
    merchant: int
    weight: float
    device: int = NO_ENTITY
    country: int = NO_ENTITY
    customer: int = NO_ENTITY
    amount: float = 20.0
    transaction_time: int = NOON


Event = Transaction | Label


def a_transaction(
    *,
    time: int = NOON,
    amount: float = 20.0,
    card: int = 1,
    merchant: int = 2,
    device: int = NO_ENTITY,
    country: int = NO_ENTITY,
    customer: int = NO_ENTITY,
    place: tuple[float, float] = (math.nan, math.nan),
    abroad: float = math.nan,
    remote: float = math.nan,
) -> Transaction:
    return Transaction(time, amount, card, merchant, device, country, customer, *place, abroad, remote)


def a_label(
    *,
    time: int = NOON,
    card: int = 1,
    merchant: int = 2,
    device: int = NO_ENTITY,
    country: int = NO_ENTITY,
    customer: int = NO_ENTITY,
    amount: float = 20.0,
    transaction_time: int = NOON,
) -> Label:
    return Label(time, card, merchant, 1.0, device, country, customer, amount, transaction_time)


def its_correction(label: Label) -> Label:
    return replace(label, weight=-1.0)


def events_of(stream: Sequence[Event]) -> Events:
    def of_transactions(field: str, otherwise: float) -> NDArray[np.float64]:
        return np.array([getattr(event, field, otherwise) for event in stream], np.float64)

    kinds = [TRANSACTION if isinstance(event, Transaction) else LABEL for event in stream]
    keys = [[getattr(event, kind) for kind in ENTITY_KINDS] for event in stream]
    return Events(
        kind=np.array(kinds, np.int8),
        time=np.array([event.time for event in stream], np.int64),
        amount=np.array([event.amount for event in stream], np.float64),
        keys=np.array(keys, np.uint64).reshape(len(stream), len(ENTITY_KINDS)),
        latitude=of_transactions("latitude", math.nan),
        longitude=of_transactions("longitude", math.nan),
        abroad=of_transactions("abroad", math.nan),
        remote=of_transactions("remote", math.nan),
        weight=np.array([event.weight if isinstance(event, Label) else 0.0 for event in stream], np.float64),
        transaction_time=np.array([getattr(event, "transaction_time", event.time) for event in stream], np.int64),
    )


# Of sixty entities: with them a kernel of 64 has to forget somebody at almost every new one.
A_CROWD: list[Event] = [a_transaction(time=NOON - HOUR + n, card=1_000 + n, merchant=1_000 + n) for n in range(20)]


def column(features: NDArray[np.float64], name: str) -> list[float]:
    return [float(value) for value in features[:, NAMES.index(name)]]


def by_name(row: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(NAMES, (float(value) for value in row), strict=True))


def bits(features: NDArray[np.float64]) -> list[list[int]]:
    """Features as integers, so that NaN equals NaN and -0.0 does not equal 0.0."""
    rows: list[list[int]] = features.view(np.uint64).tolist()
    return rows
