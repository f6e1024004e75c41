"""The statistics: what the kernel can compute of an entity, and what it has to keep for that.

Each has its branch in the compiled code (`values.value_of`), an oracle in the tests, and the definition here, into
which a feature fills its entity and its half-life.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Statistic:
    """One way to compute a value.

    Attributes:
        name: What it is called in the names of features and, in capitals, in the compiled code.
        unit: What one unit of the value is.
        definition: What the value is, in one line, and when it is NaN; with {entity} and {half_life} to be filled in.
        needs: The quantities (`program.QUANTITIES`) that a row must keep for it, in the order in which the compiled
            code takes their words: by the feature's half-life, or by the one that is named after an @. Beside them
            there are "frauds", kept by labels, "place", the latest known, and "days", the last ones.
        of_labels: Whether labels change it.
    """

    name: str
    unit: str
    definition: str
    needs: tuple[str, ...] = ()
    of_labels: bool = False


_MOMENTS: Final = ("known", "log", "log_square")

STATISTICS: Final[tuple[Statistic, ...]] = (
    # Of the transaction alone.
    Statistic("amount_log", "log(1 + base currency)", "log(1 + amount); NaN where the amount is unknown"),
    Statistic("amount_is_zero", "0 or 1", "1 for an account verification (amount 0), else 0; NaN where it is unknown"),
    Statistic("hour_of_day", "hours", "whole hours since midnight UTC, 0 to 23"),
    Statistic("weekday", "days", "day of the week in UTC, 0 for Monday to 6 for Sunday"),
    Statistic(
        "is_abroad", "0 or 1", "1 where the merchant's country is not the billing country; NaN where one is unknown"
    ),
    Statistic("is_remote", "0 or 1", "1 for ecommerce, moto and transfer, 0 for pos and atm; NaN where it is unknown"),
    # Of an entity's transactions.
    Statistic(
        "count", "transactions", "earlier transactions of {entity}, decayed by {half_life}; 0 without any", ("count",)
    ),
    Statistic(
        "amount",
        "base currency",
        "sum of the earlier known amounts of {entity}, decayed by {half_life}; 0 without any",
        ("amount",),
    ),
    Statistic(
        "amount_mean",
        "base currency",
        "mean of the earlier amounts of {entity}, decayed by {half_life}; NaN without any",
        ("amount", "known"),
    ),
    Statistic(
        "amount_ratio",
        "1",
        "(amount + 1) / (mean of the earlier amounts of {entity}, decayed by {half_life}, + 1); NaN where either is",
        ("amount", "known"),
    ),
    Statistic(
        "amount_deviation",
        "standard deviations",
        "(amount_log - its mean) / sqrt(its variance + 0.01), both of {entity} so far, decayed by {half_life}",
        _MOMENTS,
    ),
    Statistic(
        "amount_spread",
        "log(1 + base currency)",
        "standard deviation of amount_log in earlier ones of {entity}, decayed by {half_life}; NaN without any",
        _MOMENTS,
    ),
    Statistic(
        "amount_peak",
        "base currency",
        "largest of the earlier known amounts of {entity}, each decayed by {half_life}; 0 without any",
        ("peak",),
    ),
    Statistic("seconds_since_last", "seconds", "from the clock of {entity} to now, 0 when late; NaN for the first"),
    Statistic("seconds_since_first", "seconds", "from the first to arrive of {entity} until now; NaN for the first"),
    Statistic("seconds_late", "seconds", "how far this time lies behind the clock of {entity}; 0 when it does not"),
    Statistic(
        "velocity",
        "1",
        "(count of {entity} by {half_life} + 1) / (what its count by 30 days makes one expect + 1)",
        ("count", "count@30d"),
    ),
    Statistic(
        "hour_habit",
        "1",
        "mean cosine between this time of day and the earlier ones of {entity}, decayed by {half_life}; or NaN",
        ("hour_cos", "hour_sin", "count"),
    ),
    Statistic(
        "weekday_habit",
        "1",
        "mean cosine between this time of the week and the earlier ones of {entity}, decayed by {half_life}; or NaN",
        ("week_cos", "week_sin", "count"),
    ),
    Statistic(
        "travel_kmh",
        "km/h",
        "distance from the latest known place of {entity} / time between, at least a minute; NaN without both places",
        ("place",),
    ),
    # Of an entity's labels.
    Statistic(
        "frauds",
        "frauds",
        "labelled frauds of {entity}, decayed by {half_life}; 0 without any",
        ("frauds",),
        of_labels=True,
    ),
    Statistic(
        "risk",
        "frauds a transaction",
        "labelled frauds of {entity} / (its count + 5), both decayed by {half_life}",
        ("frauds", "count"),
        of_labels=True,
    ),
    Statistic(
        "seconds_since_fraud",
        "seconds",
        "from the latest label of {entity} that stands until now; NaN without one",
        of_labels=True,
    ),
    Statistic(
        "seconds_since_first_fraud",
        "seconds",
        "from the first of the latest series of labels of {entity}, each within 30 days of the last; or NaN",
        of_labels=True,
    ),
    Statistic(
        "ordinary_frauds",
        "frauds",
        "ordinary frauds of {entity} that are known of its matured days; 0 without any",
        ("days",),
        of_labels=True,
    ),
    Statistic(
        "ordinary_fraud_share",
        "frauds a transaction",
        "ordinary frauds of {entity} / its transactions (or 1), on matured days from the first such fraud's on; or NaN",
        ("days",),
        of_labels=True,
    ),
    Statistic(
        "cleared_since_fraud",
        "transactions",
        "transactions of {entity} on matured days after that of its last ordinary fraud; NaN without one",
        ("days",),
        of_labels=True,
    ),
)
