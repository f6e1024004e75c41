"""One oracle a feature, in plain Python: each recomputes its value from the list of all earlier events."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from kernel.builders import Event, Label, Transaction

Oracle = Callable[[Sequence[Event], Transaction], float]

HALF_LIFE_SECONDS = {"1h": 3_600, "1d": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
NOTHING_LEFT = 1e-100


@dataclass(frozen=True, slots=True)
class Past:
    """What one entity went through before a transaction."""

    transactions: list[Transaction]
    labels: list[Label]
    now: int

    def age_seconds(self, time: int) -> float:
        return (self.now - time) / 1e6

    def decayed(self, half_life: str, value: Callable[[Transaction], float] = lambda _: 1.0) -> float:
        return math.fsum(
            value(t) * 2.0 ** (-self.age_seconds(t.time) / HALF_LIFE_SECONDS[half_life]) for t in self.transactions
        )

    def mean(self, value: Callable[[Transaction], float]) -> float:
        weight = self.decayed("30d", lambda t: 0.0 if math.isnan(t.amount) else 1.0)
        if weight < NOTHING_LEFT:
            return math.nan
        return self.decayed("30d", lambda t: 0.0 if math.isnan(t.amount) else value(t)) / weight


def past(history: Sequence[Event], event: Transaction, kind: str) -> Past:
    own = [earlier for earlier in history if getattr(earlier, kind) == getattr(event, kind)]
    transactions = [earlier for earlier in own if isinstance(earlier, Transaction)]
    labels = [earlier for earlier in own if isinstance(earlier, Label)]
    return Past(transactions, labels, max([event.time, *(t.time for t in transactions)]))


def amount_log(_: Sequence[Event], event: Transaction) -> float:
    return math.log(1 + event.amount)


def amount_is_zero(_: Sequence[Event], event: Transaction) -> float:
    return math.nan if math.isnan(event.amount) else float(event.amount == 0)


def moment(event: Transaction) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=event.time)


def hour_of_day(_: Sequence[Event], event: Transaction) -> float:
    return moment(event).hour


def weekday(_: Sequence[Event], event: Transaction) -> float:
    return moment(event).weekday()


def count(history: Sequence[Event], event: Transaction, *, kind: str, half_life: str) -> float:
    return past(history, event, kind).decayed(half_life)


def amount(history: Sequence[Event], event: Transaction, *, kind: str, half_life: str) -> float:
    return past(history, event, kind).decayed(half_life, lambda t: 0.0 if math.isnan(t.amount) else t.amount)


def amount_mean(history: Sequence[Event], event: Transaction, *, kind: str) -> float:
    return past(history, event, kind).mean(lambda t: t.amount)


def amount_ratio(history: Sequence[Event], event: Transaction, *, kind: str) -> float:
    return (event.amount + 1) / (amount_mean(history, event, kind=kind) + 1)


def amount_deviation(history: Sequence[Event], event: Transaction, *, kind: str) -> float:
    own = past(history, event, kind)
    mean = own.mean(lambda t: math.log(1 + t.amount))
    variance = own.mean(lambda t: (math.log(1 + t.amount) - mean) ** 2)
    return (math.log(1 + event.amount) - mean) / math.sqrt(variance + 0.01)


def seconds_since_last(history: Sequence[Event], event: Transaction, *, kind: str) -> float:
    own = past(history, event, kind)
    return own.age_seconds(max(t.time for t in own.transactions)) if own.transactions else math.nan


def seconds_since_first(history: Sequence[Event], event: Transaction, *, kind: str) -> float:
    own = past(history, event, kind)
    return own.age_seconds(own.transactions[0].time) if own.transactions else math.nan


def seconds_late(history: Sequence[Event], event: Transaction, *, kind: str) -> float:
    return past(history, event, kind).age_seconds(event.time)


def frauds(history: Sequence[Event], event: Transaction, *, kind: str, half_life: str) -> float:
    own = past(history, event, kind)
    effects: list[Label] = []
    for label in own.labels:
        effects.append(label)
        if sum(effect.weight for effect in effects) == 0:
            effects.clear()  # nothing stands any more, so nothing is ahead of the next one either
    now = max([own.now, *(effect.time for effect in effects)])
    return math.fsum(
        effect.weight * 2.0 ** (-(now - effect.time) / 1e6 / HALF_LIFE_SECONDS[half_life]) for effect in effects
    )


def risk(history: Sequence[Event], event: Transaction, *, kind: str, half_life: str) -> float:
    numerator = frauds(history, event, kind=kind, half_life=half_life)
    return numerator / (count(history, event, kind=kind, half_life=half_life) + 5)


ORACLES: dict[str, Oracle] = {
    "amount_log": amount_log,
    "amount_is_zero": amount_is_zero,
    "hour_of_day": hour_of_day,
    "weekday": weekday,
    "card_amount_mean_30d": partial(amount_mean, kind="card"),
    "card_amount_ratio_30d": partial(amount_ratio, kind="card"),
    "card_amount_deviation_30d": partial(amount_deviation, kind="card"),
    "card_seconds_since_last": partial(seconds_since_last, kind="card"),
    "card_seconds_since_first": partial(seconds_since_first, kind="card"),
    "card_seconds_late": partial(seconds_late, kind="card"),
    "card_frauds_30d": partial(frauds, kind="card", half_life="30d"),
    "merchant_amount_ratio_30d": partial(amount_ratio, kind="merchant"),
    "merchant_seconds_since_last": partial(seconds_since_last, kind="merchant"),
    "merchant_seconds_since_first": partial(seconds_since_first, kind="merchant"),
    **{f"merchant_frauds_{h}": partial(frauds, kind="merchant", half_life=h) for h in ("7d", "30d")},
    **{f"merchant_risk_{h}": partial(risk, kind="merchant", half_life=h) for h in ("7d", "30d")},
    **{f"card_count_{h}": partial(count, kind="card", half_life=h) for h in HALF_LIFE_SECONDS},
    **{f"merchant_count_{h}": partial(count, kind="merchant", half_life=h) for h in HALF_LIFE_SECONDS},
    **{f"card_amount_{h}": partial(amount, kind="card", half_life=h) for h in ("1h", "1d", "7d")},
}
