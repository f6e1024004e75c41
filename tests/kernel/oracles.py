"""One oracle a statistic, in plain Python: each recomputes its value from the list of all earlier events."""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fraudline.kernel.registry import ENTITIES, FEATURES, Feature
from fraudline.kernel.statistic import STATISTICS
from kernel.builders import DAY, Event, Label, Transaction

HALF_LIFE_SECONDS = {
    "10m": 600,
    "1h": 3_600,
    "1d": 86_400,
    "7d": 7 * 86_400,
    "30d": 30 * 86_400,
    "120d": 120 * 86_400,
}
NOTHING_LEFT = 1e-100
SERIES_SECONDS = 30 * 86_400
DAYS_KEPT = 46
MOST_A_DAY = 65_535
KNOWN_AFTER_DAYS = 8
LABELLED_KINDS = {
    feature.entity
    for feature in FEATURES
    for known in STATISTICS
    if known.name == feature.statistic and known.of_labels
}


def key_of(event: Event, kind: str) -> object:
    """What names the event's entity of a kind; None where it has none."""
    if kind == "pair":
        return (event.card, event.merchant) if event.card and event.merchant else None
    return getattr(event, kind) or None


@dataclass(frozen=True, slots=True)
class Past:
    """What one entity went through before a transaction."""

    transactions: list[Transaction]
    labels: list[Label]
    now: int
    events: list[Event]
    ordinary: list[bool]  # of each event, whether it is the label of an ordinary fraud
    _weights: dict[str, list[float]] = field(default_factory=dict)

    def age_seconds(self, time: int) -> float:
        return (self.now - time) / 1e6

    def decayed(self, half_life: str, value: Callable[[Transaction], float] = lambda _: 1.0) -> float:
        if half_life not in self._weights:
            self._weights[half_life] = [
                2.0 ** (-self.age_seconds(t.time) / HALF_LIFE_SECONDS[half_life]) for t in self.transactions
            ]
        return math.fsum(
            value(t) * weight for t, weight in zip(self.transactions, self._weights[half_life], strict=True)
        )

    def mean(self, value: Callable[[Transaction], float], half_life: str = "30d") -> float:
        weight = self.decayed(half_life, lambda t: 0.0 if math.isnan(t.amount) else 1.0)
        if weight < NOTHING_LEFT:
            return math.nan
        return self.decayed(half_life, lambda t: 0.0 if math.isnan(t.amount) else value(t)) / weight

    def standing(self) -> list[Label]:
        """The labels and corrections since none stood."""
        effects: list[Label] = []
        for label in self.labels:
            effects.append(label)
            if sum(effect.weight for effect in effects) == 0:
                effects.clear()  # nothing stands any more, so nothing is ahead of the next one either
        return effects

    def days(self) -> list[tuple[int, int, int]]:
        """Each day that is remembered, with its transactions and its ordinary frauds, the oldest first."""
        counts: dict[int, list[int]] = {}
        today, standing = None, 0.0
        for event, ordinary in zip(self.events, self.ordinary, strict=True):
            day = (event.transaction_time if isinstance(event, Label) else event.time) // DAY
            if isinstance(event, Transaction):
                today = day if today is None else max(day, today)
                counts = {kept: value for kept, value in counts.items() if kept > today - DAYS_KEPT}
                if day > today - DAYS_KEPT:
                    counts.setdefault(day, [0, 0, 0])[0] += 1
                continue
            standing = max(standing + event.weight, 0.0)
            if standing == 0.0:
                counts = {kept: [value[0], 0, 0] for kept, value in counts.items()}
            elif today is not None and today - DAYS_KEPT < day <= today:
                frauds = counts.setdefault(day, [0, 0, 0])
                kind = 1 if ordinary else 2
                if event.weight < 0 and frauds[kind] == 0:
                    kind = 3 - kind
                frauds[kind] = max(frauds[kind] + int(event.weight), 0)
        return [(day, value[0], value[1]) for day, value in sorted(counts.items())]

    def matured(self) -> list[tuple[int, int, int]]:
        """Those of the days whose frauds should all be known, from the first with an ordinary fraud on."""
        today = self.now // DAY
        days = [day for day in self.days() if today - DAYS_KEPT < day[0] <= today - KNOWN_AFTER_DAYS]
        first = next((n for n, day in enumerate(days) if day[2]), len(days))
        return days[first:]


def past(
    history: Sequence[Event],
    event: Transaction,
    kind: str,
    since: Mapping[str, int] | None = None,
    ordinary: Sequence[bool] | None = None,
) -> Past:
    """What the event's entity of a kind went through; all of it where nothing says since when it is remembered."""
    ordinary = ordinary_frauds_in(history, None) if ordinary is None else ordinary
    first = (since or {}).get(kind, 0)
    own = [
        (earlier, ordinary[position])
        for position, earlier in enumerate(history)
        if position >= first and key_of(earlier, kind) == key_of(event, kind)
    ]
    transactions = [earlier for earlier, _ in own if isinstance(earlier, Transaction)]
    labels = [earlier for earlier, _ in own if isinstance(earlier, Label)]
    now = max([event.time, *(t.time for t in transactions)])
    return Past(transactions, labels, now, [earlier for earlier, _ in own], [is_ordinary for _, is_ordinary in own])


def ordinary_frauds_in(history: Sequence[Event], since: Sequence[Mapping[str, int]] | None) -> list[bool]:
    """Whether each event is a label whose amount is unknown, or at most e times what its card pays by then."""
    return [
        isinstance(event, Label) and is_ordinary(history[(since[n].get("card", 0) if since else 0) : n], event)
        for n, event in enumerate(history)
    ]


def is_ordinary(history: Sequence[Event], label: Label) -> bool:
    paid = [
        earlier
        for earlier in history
        if isinstance(earlier, Transaction) and earlier.card == label.card != 0 and not math.isnan(earlier.amount)
    ]
    if not paid or math.isnan(label.amount):
        return True
    weights = [2.0 ** (-(max(t.time for t in paid) - t.time) / 1e6 / HALF_LIFE_SECONDS["120d"]) for t in paid]
    if math.fsum(weights) < NOTHING_LEFT:
        return True
    mean = math.fsum(math.log(1 + t.amount) * w for t, w in zip(paid, weights, strict=True)) / math.fsum(weights)
    return math.log(1 + label.amount) - mean <= 1


class Memory:
    """Whom a kernel remembers, and since which position: the longest idle is forgotten when there is no room."""

    def __init__(self, max_entities: int) -> None:
        self.max_entities = max_entities
        self.evicted = 0
        self.since: OrderedDict[tuple[str, object], int] = OrderedDict()

    def take(self, position: int, event: Event) -> dict[str, int]:
        """Return since when each entity of the event is remembered."""
        kinds = ENTITIES if isinstance(event, Transaction) else LABELLED_KINDS
        own = [(kind, key_of(event, kind)) for kind in ENTITIES if kind in kinds and key_of(event, kind) is not None]
        for entity in own:
            if entity in self.since:
                self.since.move_to_end(entity)
        for entity in own:
            if entity not in self.since:
                if len(self.since) == self.max_entities:
                    self.since.popitem(last=False)
                    self.evicted += 1
                self.since[entity] = position
        return {entity[0]: self.since[entity] for entity in own}


def moment(event: Transaction) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=event.time)


OF_THE_TRANSACTION: dict[str, Callable[[Transaction], float]] = {
    "amount_log": lambda event: math.log(1 + event.amount),
    "amount_is_zero": lambda event: math.nan if math.isnan(event.amount) else float(event.amount == 0),
    "hour_of_day": lambda event: moment(event).hour,
    "weekday": lambda event: moment(event).weekday(),
    "is_abroad": lambda event: event.abroad,
    "is_remote": lambda event: event.remote,
}


def count(own: Past, _: Transaction, half_life: str) -> float:
    return own.decayed(half_life)


def amount(own: Past, _: Transaction, half_life: str) -> float:
    return own.decayed(half_life, lambda t: 0.0 if math.isnan(t.amount) else t.amount)


def amount_mean(own: Past, _: Transaction, half_life: str) -> float:
    return own.mean(lambda t: t.amount, half_life)


def amount_ratio(own: Past, event: Transaction, half_life: str) -> float:
    return (event.amount + 1) / (amount_mean(own, event, half_life) + 1)


def amount_spread(own: Past, _: Transaction, half_life: str) -> float:
    mean = own.mean(lambda t: math.log(1 + t.amount), half_life)
    return math.sqrt(own.mean(lambda t: (math.log(1 + t.amount) - mean) ** 2, half_life))


def amount_deviation(own: Past, event: Transaction, half_life: str) -> float:
    mean = own.mean(lambda t: math.log(1 + t.amount), half_life)
    return (math.log(1 + event.amount) - mean) / math.sqrt(amount_spread(own, event, half_life) ** 2 + 0.01)


def amount_peak(own: Past, _: Transaction, half_life: str) -> float:
    seconds = HALF_LIFE_SECONDS[half_life]
    known = [t for t in own.transactions if not math.isnan(t.amount)]
    return max((t.amount * 2.0 ** (-own.age_seconds(t.time) / seconds) for t in known), default=0.0)


def seconds_since_last(own: Past, _: Transaction, __: str) -> float:
    return own.age_seconds(max(t.time for t in own.transactions)) if own.transactions else math.nan


def seconds_since_first(own: Past, _: Transaction, __: str) -> float:
    return own.age_seconds(own.transactions[0].time) if own.transactions else math.nan


def seconds_late(own: Past, event: Transaction, _: str) -> float:
    return own.age_seconds(event.time)


def velocity(own: Past, _: Transaction, half_life: str) -> float:
    expected = own.decayed("30d") * HALF_LIFE_SECONDS[half_life] / HALF_LIFE_SECONDS["30d"]
    return (own.decayed(half_life) + 1) / (expected + 1)


def habit(own: Past, event: Transaction, half_life: str, period_seconds: int) -> float:
    weight = own.decayed(half_life)
    if weight < NOTHING_LEFT:
        return math.nan
    turn = 2 * math.pi / period_seconds
    period = period_seconds * 1_000_000
    return own.decayed(half_life, lambda t: math.cos((event.time % period - t.time % period) / 1e6 * turn)) / weight


def hour_habit(own: Past, event: Transaction, half_life: str) -> float:
    return habit(own, event, half_life, 86_400)


def weekday_habit(own: Past, event: Transaction, half_life: str) -> float:
    return habit(own, event, half_life, 7 * 86_400)


def has_place(event: Transaction) -> bool:
    return abs(event.latitude) <= 90 and abs(event.longitude) <= 180


def kilometres_between(one: Transaction, other: Transaction) -> float:
    """By the haversine formula, on a sphere with the mean radius of the Earth."""
    north, other_north = math.radians(one.latitude), math.radians(other.latitude)
    east = math.radians(other.longitude - one.longitude)
    haversine = (
        math.sin((other_north - north) / 2) ** 2 + math.cos(north) * math.cos(other_north) * math.sin(east / 2) ** 2
    )
    return 2 * 6_371.0088 * math.asin(math.sqrt(min(haversine, 1.0)))


def travel_kmh(own: Past, event: Transaction, _: str) -> float:
    places = [(t.time, position, t) for position, t in enumerate(own.transactions) if has_place(t)]
    if not places or not has_place(event):
        return math.nan
    time, _position, latest = max(places, key=lambda place: place[:2])
    return kilometres_between(latest, event) / max(abs(event.time - time) / 3.6e9, 1 / 60)


def frauds(own: Past, _: Transaction, half_life: str) -> float:
    effects = own.standing()
    now = max([own.now, *(effect.time for effect in effects)])
    return math.fsum(
        effect.weight * 2.0 ** (-(now - effect.time) / 1e6 / HALF_LIFE_SECONDS[half_life]) for effect in effects
    )


def risk(own: Past, event: Transaction, half_life: str) -> float:
    return frauds(own, event, half_life) / (own.decayed(half_life) + 5)


def seconds_since_fraud(own: Past, _: Transaction, __: str) -> float:
    effects = own.standing()
    return max(own.age_seconds(max(effect.time for effect in effects)), 0.0) if effects else math.nan


def seconds_since_first_fraud(own: Past, _: Transaction, __: str) -> float:
    effects = own.standing()
    starts = [
        effect.time
        for n, effect in enumerate(effects)
        if n == 0 or (effect.weight > 0 and effect.time - max(e.time for e in effects[:n]) > SERIES_SECONDS * 1_000_000)
    ]
    return max(own.age_seconds(starts[-1]), 0.0) if starts else math.nan


def ordinary_frauds(own: Past, _: Transaction, __: str) -> float:
    return sum(frauds for _day, _transactions, frauds in own.matured())


def ordinary_fraud_share(own: Past, event: Transaction, _: str) -> float:
    known = ordinary_frauds(own, event, "")
    return known / max(sum(transactions for _day, transactions, _ in own.matured()), known) if known else math.nan


def cleared_since_fraud(own: Past, _event: Transaction, _: str) -> float:
    last = max((day for day, _transactions, frauds in own.matured() if frauds), default=None)
    return math.nan if last is None else sum(transactions for day, transactions, _ in own.matured() if day > last)


OF_AN_ENTITY: dict[str, Callable[[Past, Transaction, str], float]] = {
    oracle.__name__: oracle
    for oracle in (
        count,
        amount,
        amount_mean,
        amount_ratio,
        amount_deviation,
        amount_spread,
        amount_peak,
        seconds_since_last,
        seconds_since_first,
        seconds_late,
        velocity,
        hour_habit,
        weekday_habit,
        travel_kmh,
        frauds,
        risk,
        seconds_since_fraud,
        seconds_since_first_fraud,
        ordinary_frauds,
        ordinary_fraud_share,
        cleared_since_fraud,
    )
}


def truths(
    history: Sequence[Event],
    event: Transaction,
    features: Sequence[Feature] = FEATURES,
    since: Sequence[Mapping[str, int]] | None = None,
) -> dict[str, float]:
    """What each feature of a transaction is, given all events before it.

    `since` says of each event, and of the transaction last, since when its entities are remembered.
    """
    ordinary = ordinary_frauds_in(history, since)
    remembered = since[len(history)] if since else {}
    pasts = {kind: past(history, event, kind, remembered, ordinary) for kind in ENTITIES}
    values: dict[str, float] = {}
    for feature in features:
        if feature.entity is None:
            values[feature.name] = OF_THE_TRANSACTION[feature.statistic](event)
        elif key_of(event, feature.entity) is None:
            values[feature.name] = math.nan
        else:
            oracle = OF_AN_ENTITY[feature.statistic]
            values[feature.name] = oracle(pasts[feature.entity], event, feature.half_life or "")
    return values


# Relative and absolute, where the kernel's formula is less exact than the oracle's.
TOLERANCES = {
    "travel_kmh": (1e-6, 1e-3),  # opposite points of the Earth: an arc sine near 1
    "habit": (1e-9, 1e-9),  # a sum of cosines near 0
    "spread": (1e-6, 1e-6),  # the root of a difference near 0
}


def agree(name: str, value: float, truth: float) -> bool:
    """Whether a feature is what its oracle says, up to rounding."""
    if math.isnan(truth):
        return math.isnan(value)
    relative, absolute = next((t for part, t in TOLERANCES.items() if part in name), (1e-9, 1e-12))
    return math.isclose(value, truth, rel_tol=relative, abs_tol=absolute)
