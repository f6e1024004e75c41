"""The statistics, compiled: each a value from what is known of a transaction and from the row of an entity.

The row was brought to now before, so its sums stand as of now. Times are subtracted as floats: exact for the next two
centuries, and no difference of any two times overflows.
"""

# ruff: noqa: PLR0917, C901, PLR0912 - compiled functions take arrays by position, and one decides by number

import math
from typing import Final

from fraudline.kernel.jit import part
from fraudline.kernel.layout import (
    ABROAD,
    AMOUNT,
    AMOUNT_DEVIATION,
    AMOUNT_IS_ZERO,
    AMOUNT_LOG,
    AMOUNT_MEAN,
    AMOUNT_PEAK,
    AMOUNT_RATIO,
    AMOUNT_SPREAD,
    AT_X,
    AT_Y,
    AT_Z,
    CLEARED_OF,
    CLEARED_SINCE_FRAUD,
    CLOCK,
    COUNT,
    DAY,
    FIRST,
    FRAUDS,
    GAP,
    HOUR,
    HOUR_COS,
    HOUR_HABIT,
    HOUR_OF_DAY,
    HOUR_SIN,
    IS_ABROAD,
    IS_REMOTE,
    IS_ZERO,
    LABEL_CLOCK,
    LABEL_FIRST,
    LABELS,
    LATE,
    ORDINARY_FRAUD_SHARE,
    ORDINARY_FRAUD_SHARE_OF,
    ORDINARY_FRAUDS,
    ORDINARY_FRAUDS_OF,
    PLACE_TIME,
    REMOTE,
    RISK,
    SECONDS_LATE,
    SECONDS_SINCE_FIRST,
    SECONDS_SINCE_FIRST_FRAUD,
    SECONDS_SINCE_FRAUD,
    SECONDS_SINCE_LAST,
    SEEN,
    TOLD_AMOUNT,
    TOLD_LOG,
    TRAVEL_KMH,
    VELOCITY,
    WEEK_COS,
    WEEK_SIN,
    WEEKDAY,
    WEEKDAY_HABIT,
    X,
    Y,
    Z,
)
from fraudline.kernel.table import Floats, Ints

_LEAST_WEIGHT: Final = 1e-100  # under it a mean is a quotient of vanishing numbers
_VARIANCE_FLOOR: Final = 0.01  # so that a card which always pays the same does not turn a cent into infinity
_RISK_PRIOR: Final = 5.0  # transactions that an entity is taken to have had without fraud
_EXPECTED_BY_SECONDS: Final = 2_592_000.0  # the half-life of the count that a velocity is compared with
_LEAST_TRAVEL_SECONDS: Final = 60.0  # clocks of terminals differ
_EARTH_RADIUS_KM: Final = 6_371.0088
_SECONDS_OF_HOUR: Final = 3_600.0
_MICROSECONDS: Final = 1e6


@part
def mean_of(total: float, weight: float) -> float:
    """Return a decayed mean; NaN where nothing is left of what it is of."""
    if weight < _LEAST_WEIGHT:
        return math.nan
    return total / weight


@part
def variance_of(known: float, log: float, log_square: float) -> float:
    """Return the variance of the amounts' logarithms; NaN where nothing is known."""
    mean = mean_of(log, known)
    if math.isnan(mean):
        return math.nan
    # Rounding can leave the variance of equal amounts a little under zero.
    return max(log_square / known - mean * mean, 0.0)


@part
def frauds_of(counted: float, labels: float, age: float, half_life_seconds: float) -> float:
    """Return the labelled frauds as of now, given those at the latest label; one ahead of now counts as it stands."""
    if labels == 0.0 or age <= 0.0:
        return counted
    return counted * math.exp2(-age / half_life_seconds)


@part
def seconds_between(earlier: int, later: int) -> float:
    """Return the seconds from one time to another."""
    return (float(later) - float(earlier)) / _MICROSECONDS


@part
def speed(chord: float, seconds: float) -> float:
    """Return km/h along the great circle between two points of the unit sphere, given the chord between them."""
    kilometres = _EARTH_RADIUS_KM * 2.0 * math.asin(min(chord / 2.0, 1.0))
    return kilometres / max(seconds, _LEAST_TRAVEL_SECONDS) * _SECONDS_OF_HOUR


@part
def value_of_transaction(statistic: int, values: Floats) -> float:
    """Return a statistic of the transaction alone."""
    value = math.nan
    if statistic == AMOUNT_LOG:
        value = float(values[TOLD_LOG])
    elif statistic == AMOUNT_IS_ZERO:
        value = float(values[IS_ZERO])
    elif statistic == HOUR_OF_DAY:
        value = float(values[HOUR])
    elif statistic == WEEKDAY:
        value = float(values[DAY])
    elif statistic == IS_ABROAD:
        value = float(values[ABROAD])
    elif statistic == IS_REMOTE:
        value = float(values[REMOTE])
    return value


@part
def value_of(
    statistic: int,
    kind: int,
    words: Ints,
    floats: Floats,
    row: int,
    first: int,
    second: int,
    third: int,
    half_life_seconds: float,
    time: int,
    values: Floats,
) -> float:
    """Return a statistic of an entity, given the words that its definition needs.

    Args:
        statistic: Its number.
        kind: The entity's kind.
        words: All rows, as integers.
        floats: The same, as floats.
        row: The entity's row, brought to now.
        first: The word of the first quantity that the definition needs; 0 where it needs none, here and below.
        second: The word of the second.
        third: The word of the third.
        half_life_seconds: The feature's half-life.
        time: The transaction's time.
        values: What `look_at` wrote of the transaction, and `bring_to_now` of its entities.
    """
    value = math.nan
    a, b, c = floats[row, first], floats[row, second], floats[row, third]
    if statistic in (COUNT, AMOUNT, AMOUNT_PEAK):
        value = float(a)
    elif statistic == AMOUNT_MEAN:
        value = mean_of(a, b)
    elif statistic == AMOUNT_RATIO:
        value = float((values[TOLD_AMOUNT] + 1.0) / (mean_of(a, b) + 1.0))
    elif statistic == AMOUNT_DEVIATION:
        value = float((values[TOLD_LOG] - mean_of(b, a)) / math.sqrt(variance_of(a, b, c) + _VARIANCE_FLOOR))
    elif statistic == AMOUNT_SPREAD:
        value = math.sqrt(variance_of(a, b, c))
    elif statistic == SECONDS_SINCE_LAST:
        value = float(values[GAP + kind])
    elif statistic == SECONDS_SINCE_FIRST:
        if words[row, SEEN] > 0:
            value = seconds_between(words[row, FIRST], words[row, CLOCK])
    elif statistic == SECONDS_LATE:
        value = float(values[LATE + kind])
    elif statistic == VELOCITY:
        value = float((a + 1.0) / (b * (half_life_seconds / _EXPECTED_BY_SECONDS) + 1.0))
    elif statistic == HOUR_HABIT:
        value = mean_of(a * values[HOUR_COS] + b * values[HOUR_SIN], c)
    elif statistic == WEEKDAY_HABIT:
        value = mean_of(a * values[WEEK_COS] + b * values[WEEK_SIN], c)
    elif statistic == TRAVEL_KMH:
        x, y, z = floats[row, first + X], floats[row, first + Y], floats[row, first + Z]
        chord = math.sqrt((values[AT_X] - x) ** 2 + (values[AT_Y] - y) ** 2 + (values[AT_Z] - z) ** 2)
        if (x != 0.0 or y != 0.0 or z != 0.0) and not math.isnan(chord):
            value = speed(chord, abs(seconds_between(words[row, first + PLACE_TIME], time)))
    elif statistic in (FRAUDS, RISK):
        age = seconds_between(words[row, LABEL_CLOCK], words[row, CLOCK])
        value = frauds_of(a, floats[row, LABELS], age, half_life_seconds)
        if statistic == RISK:
            value /= b + _RISK_PRIOR
    elif statistic == ORDINARY_FRAUDS:
        value = float(values[ORDINARY_FRAUDS_OF + kind])
    elif statistic == ORDINARY_FRAUD_SHARE:
        value = float(values[ORDINARY_FRAUD_SHARE_OF + kind])
    elif statistic == CLEARED_SINCE_FRAUD:
        value = float(values[CLEARED_OF + kind])
    elif floats[row, LABELS] > 0.0:
        if statistic == SECONDS_SINCE_FRAUD:
            value = max(seconds_between(words[row, LABEL_CLOCK], words[row, CLOCK]), 0.0)
        elif statistic == SECONDS_SINCE_FIRST_FRAUD:
            value = max(seconds_between(words[row, LABEL_FIRST], words[row, CLOCK]), 0.0)
    return value
