"""What the features are, in the order of the kernel's columns: the one place where a feature is added.

Words used in definitions. An entity is a card, a merchant, a device, a merchant's country, a customer, or a card at one
merchant. Its clock is the latest time of its transactions so far; "now" is the later of that clock and this
transaction's time. A decayed sum adds up earlier transactions, each with the weight 2^(-age / half-life), its age
counted from its own time to now; "by 7 days" names the half-life. "Earlier" is by position, not by time: what arrived
before. A mean takes the known amounts alone and is NaN without any. A label counts from `reported_at`, on a clock of
the entity's labels. Where the amount is unknown (no rate), what needs it is NaN; where a transaction has no such
entity, all that is told of it is.

A fraud is ordinary if its amount was what its card might have paid: unknown, or with an `amount_log` at most 1 above
the card's mean by 120 days, as that was when the fraud was reported. Then the merchant is a likelier leak than the
card. A day (UTC) of an entity has matured when its frauds should all be known: `known_after_days` later, by the
entity's clock. The last 46 days are remembered; a fraud counts on the day of its transaction if that is one of them and
the entity had come so far when it was reported. Once every fraud of an entity was taken back, none is left on any day.

A feature is a statistic (`statistic.py`) of an entity by a half-life; the name says all three.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fraudline.kernel.statistic import STATISTICS

KERNEL_VERSION: Final = "3"
"""Changes whenever any bit of any feature may change; a model is bound to the version it was trained with."""

MAX_ENTITIES: Final = 5_000_000
"""How many entities a kernel remembers where nothing else is said; with more, the longest idle are forgotten."""

LEAST_ENTITIES: Final = 64
"""Of what a kernel can be told to remember: an event's own entities must find room beside each other."""

MOST_ENTITIES: Final = 2**30
"""Of the same: one more than a row and twice their number fit into the links and the hashes."""

KNOWN_AFTER_DAYS: Final = 8
"""After how many days the frauds of a day are known where nothing else is said: 7 days after each, at midnight."""

HALF_LIFE_SECONDS: Final = {
    "10m": 600.0,
    "1h": 3_600.0,
    "1d": 86_400.0,
    "7d": 604_800.0,
    "30d": 2_592_000.0,
    "120d": 10_368_000.0,
}

ENTITIES: Final = {
    "card": "the card",
    "merchant": "the merchant",
    "device": "the device",
    "country": "the merchant's country",
    "customer": "the customer",
    "pair": "the card at this merchant",
}
"""What has features, and what a definition calls it: the columns of `Events.keys`, then the first two together."""

_IN_WORDS: Final = {
    "10m": "10 minutes",
    "1h": "1 hour",
    "1d": "1 day",
    "7d": "7 days",
    "30d": "30 days",
    "120d": "120 days",
}
_STATISTICS: Final = {statistic.name: statistic for statistic in STATISTICS}


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of what the kernel computes.

    Attributes:
        statistic: The statistic's name.
        entity: The kind of entity that it is told of, one of `ENTITIES`; None where of the transaction alone.
        half_life: One of `HALF_LIFE_SECONDS`; None where nothing decays.
    """

    statistic: str
    entity: str | None = None
    half_life: str | None = None

    @property
    def name(self) -> str:
        """The column's name: entity, statistic and half-life, as far as it has them."""
        return "_".join(part for part in (self.entity, self.statistic, self.half_life) if part is not None)

    @property
    def unit(self) -> str:
        """What one unit of the value is."""
        return _STATISTICS[self.statistic].unit

    @property
    def definition(self) -> str:
        """What the value is, in one line, and when it is NaN."""
        return _STATISTICS[self.statistic].definition.format(
            entity=ENTITIES.get(self.entity or "", ""), half_life=_IN_WORDS.get(self.half_life or "", "")
        )


def known_after_days(label_delay: timedelta) -> int:
    """Return after how many days all frauds of a day are known, if each is at the first midnight `label_delay` later.

    With 7 days, those of day d on day d + 8.
    """
    return -(-label_delay // timedelta(days=1)) + 1


def _of(entity: str | None, *statistics: str) -> tuple[Feature, ...]:
    """Return an entity's features, each statistic with the half-lives that stand behind it."""
    features: list[Feature] = []
    for name, *half_lives in (statistic.split() for statistic in statistics):
        features += [Feature(name, entity, half_life) for half_life in half_lives] or [Feature(name, entity)]
    return tuple(features)


FEATURES: Final[tuple[Feature, ...]] = (
    *_of(None, "amount_log", "amount_is_zero", "hour_of_day", "weekday", "is_abroad", "is_remote"),
    *_of(
        "card",
        "count 10m 1h 1d 7d 30d",
        "amount 1h 1d 7d",
        "amount_mean 7d 30d 120d",
        "amount_ratio 7d 30d 120d",
        "amount_deviation 7d 30d 120d",
        "amount_spread 30d",
        "amount_peak 30d",
        "seconds_since_last",
        "seconds_since_first",
        "seconds_late",
        "velocity 1h 1d",
        "hour_habit 30d",
        "weekday_habit 30d",
        "travel_kmh",
        "frauds 7d 30d",
        "risk 30d",
        "seconds_since_fraud",
        "seconds_since_first_fraud",
    ),
    *_of(
        "merchant",
        "count 1h 1d 7d 30d 120d",
        "amount 1d 7d 30d",
        "amount_mean 7d 30d 120d",
        "amount_ratio 7d 30d 120d",
        "amount_deviation 30d 120d",
        "amount_spread 30d",
        "amount_peak 30d",
        "seconds_since_last",
        "seconds_since_first",
        "velocity 1h 1d",
        "hour_habit 30d",
        "weekday_habit 30d",
        "frauds 1d 7d 30d",
        "risk 1d 7d 30d",
        "seconds_since_fraud",
        "seconds_since_first_fraud",
        "ordinary_frauds",
        "ordinary_fraud_share",
        "cleared_since_fraud",
    ),
    *_of(
        "pair",
        "count 1d 30d",
        "amount_ratio 120d",
        "amount_deviation 120d",
        "seconds_since_last",
        "seconds_since_first",
    ),
    *_of(
        "device",
        "count 1h 1d 30d",
        "amount 1d",
        "seconds_since_last",
        "seconds_since_first",
        "frauds 30d",
        "risk 30d",
    ),
    *_of("country", "count 1h 1d", "amount_ratio 120d", "amount_deviation 120d", "frauds 30d", "risk 30d"),
    *_of(
        "customer",
        "count 1h 1d 7d",
        "amount 1d",
        "amount_ratio 120d",
        "amount_deviation 120d",
        "seconds_since_last",
        "seconds_since_first",
        "travel_kmh",
        "frauds 30d",
        "seconds_since_first_fraud",
    ),
)
