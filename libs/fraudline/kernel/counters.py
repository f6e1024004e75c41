"""The one pass over events, which reads the counters of their entities and then updates them."""

# ruff: noqa: PLR0917 - compiled functions take their arrays by position

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.days import count_transaction, empty_days, look_back
from fraudline.kernel.events import LABEL, TRANSACTION
from fraudline.kernel.jit import entry, part, prepare
from fraudline.kernel.labels import apply_label, is_ordinary
from fraudline.kernel.layout import (
    ABROAD,
    AT_X,
    AT_Y,
    AT_Z,
    BLOCK,
    BY_HALF_LIFE,
    CLEARED_OF,
    CLOCK,
    DAY,
    DAYS,
    ENTITY,
    FIRST,
    GAP,
    HALF_LIFE,
    HEADER,
    HOUR,
    HOUR_COS,
    HOUR_SIN,
    IS_ZERO,
    KEY,
    KIND,
    KINDS,
    KNOWN,
    KNOWN_AMOUNT,
    LABELS,
    LARGEST_AMOUNT,
    LATE,
    LOG,
    LOG_SQUARE,
    ONE,
    ORDINARY_FRAUD_SHARE_OF,
    ORDINARY_FRAUDS_OF,
    PEAK,
    PLACE,
    PLACE_TIME,
    QUANTITY,
    REMOTE,
    SEEN,
    SOUGHT_HASH,
    SOUGHT_KEY,
    SOUGHT_ROW,
    STATISTIC,
    SUMS_FROM,
    SUMS_UNTIL,
    TOLD_AMOUNT,
    TOLD_LOG,
    WEEK_COS,
    WEEK_SIN,
    WORD,
    X,
    Y,
    Z,
)
from fraudline.kernel.ring import by_idleness, make, touch, undo
from fraudline.kernel.table import Floats, Ints, Keys, Links, Shorts, find, look_up
from fraudline.kernel.values import seconds_between, value_of, value_of_transaction

_NORTHMOST: Final = 90.0  # degrees
_EASTMOST: Final = 180.0
_MICROSECONDS_OF_HOUR: Final = 3_600_000_000
_MICROSECONDS_OF_DAY: Final = 86_400_000_000
_MICROSECONDS_OF_WEEK: Final = 604_800_000_000
_WEEKDAY_OF_1970: Final = 3  # a Thursday


@part
def look_at(
    time: int, sent_amount: float, latitude: float, longitude: float, abroad: float, remote: float, values: Floats
) -> None:
    """Write what a transaction adds to sums, and what else is known of it; an unknown amount adds nothing."""
    known, amount, amount_log = 0.0, 0.0, 0.0
    values[TOLD_AMOUNT], values[TOLD_LOG], values[IS_ZERO] = math.nan, math.nan, math.nan
    if 0.0 <= sent_amount <= LARGEST_AMOUNT:
        known, amount, amount_log = 1.0, sent_amount, math.log1p(sent_amount)
        values[TOLD_AMOUNT], values[TOLD_LOG], values[IS_ZERO] = amount, amount_log, 1.0 if amount == 0.0 else 0.0
    values[ONE] = 1.0
    values[KNOWN_AMOUNT] = amount
    values[KNOWN] = known
    values[LOG] = amount_log
    values[LOG_SQUARE] = amount_log * amount_log
    values[PEAK] = amount
    values[HOUR] = time // _MICROSECONDS_OF_HOUR % 24
    values[DAY] = (time // _MICROSECONDS_OF_DAY + _WEEKDAY_OF_1970) % 7
    angle = time % _MICROSECONDS_OF_DAY / _MICROSECONDS_OF_DAY * 2.0 * math.pi
    values[HOUR_COS], values[HOUR_SIN] = math.cos(angle), math.sin(angle)
    angle = time % _MICROSECONDS_OF_WEEK / _MICROSECONDS_OF_WEEK * 2.0 * math.pi
    values[WEEK_COS], values[WEEK_SIN] = math.cos(angle), math.sin(angle)
    values[ABROAD] = abroad if abroad == 0.0 or abroad == 1.0 else math.nan  # noqa: PLR1714 - compiled as it stands
    values[REMOTE] = remote if remote == 0.0 or remote == 1.0 else math.nan  # noqa: PLR1714 - the same
    values[AT_X], values[AT_Y], values[AT_Z] = math.nan, math.nan, math.nan
    if abs(latitude) <= _NORTHMOST and abs(longitude) <= _EASTMOST:
        north, east = math.radians(latitude), math.radians(longitude)
        values[AT_X] = math.cos(north) * math.cos(east)
        values[AT_Y] = math.cos(north) * math.sin(east)
        values[AT_Z] = math.sin(north)


@part
def advance(
    kind: int,
    row: int,
    time: int,
    kinds: Ints,
    sums: Ints,
    half_lives: Floats,
    words: Ints,
    floats: Floats,
    shorts: Shorts,
) -> tuple[float, float]:
    """Bring a row to now; return the seconds since its last transaction (NaN for none) and the seconds of lateness."""
    if words[row, SEEN] == 0:
        words[row, CLOCK] = time
        words[row, FIRST] = time
        return math.nan, 0.0
    gap = seconds_between(words[row, CLOCK], time)
    if time < words[row, CLOCK]:
        return 0.0, -gap
    if gap > 0.0:
        word, last, decay = HEADER, -1, 1.0
        for n in range(kinds[kind, SUMS_FROM], kinds[kind, SUMS_UNTIL]):
            if sums[n, BY_HALF_LIFE] != last:
                last = sums[n, BY_HALF_LIFE]
                decay = math.exp2(-gap / half_lives[last])
            floats[row, word] *= decay
            word += 1
    if kinds[kind, DAYS] > 0:
        empty_days(kinds[kind, DAYS], row, words[row, CLOCK], time, shorts)
    words[row, CLOCK] = time
    return gap, 0.0


@part
def bring_to_now(
    own: Ints,
    time: int,
    known_after_days: int,
    kinds: Ints,
    sums: Ints,
    half_lives: Floats,
    words: Ints,
    floats: Floats,
    shorts: Shorts,
    values: Floats,
) -> None:
    """Bring the rows of a transaction's entities to now, and write what that tells of them."""
    for kind in range(KINDS):
        row = own[kind, SOUGHT_ROW]
        if row >= 0:
            gap, late = advance(kind, row, time, kinds, sums, half_lives, words, floats, shorts)
            values[GAP + kind], values[LATE + kind] = gap, late
            frauds, share, cleared = 0.0, math.nan, math.nan
            if kinds[kind, DAYS] > 0 and floats[row, LABELS] > 0.0:
                frauds, share, cleared = look_back(kinds[kind, DAYS], row, words[row, CLOCK], known_after_days, shorts)
            values[ORDINARY_FRAUDS_OF + kind] = frauds
            values[ORDINARY_FRAUD_SHARE_OF + kind], values[CLEARED_OF + kind] = share, cleared


@part
def write_features(
    own: Ints,
    time: int,
    columns: Ints,
    half_lives: Floats,
    words: Ints,
    floats: Floats,
    values: Floats,
    features: Floats,
) -> None:
    """Write a transaction's features; those of an entity that it does not have are NaN."""
    for column in range(columns.shape[0]):
        statistic, kind = columns[column, STATISTIC], columns[column, ENTITY]
        if kind < 0:
            features[column] = value_of_transaction(statistic, values)
        elif own[kind, SOUGHT_ROW] < 0:
            features[column] = math.nan
        else:
            features[column] = value_of(
                statistic,
                kind,
                words,
                floats,
                own[kind, SOUGHT_ROW],
                columns[column, WORD],
                columns[column, WORD + 1],
                columns[column, WORD + 2],
                half_lives[columns[column, HALF_LIFE]],
                time,
                values,
            )


@part
def absorb(
    kind: int,
    row: int,
    time: int,
    late: float,
    values: Floats,
    kinds: Ints,
    sums: Ints,
    half_lives: Floats,
    words: Ints,
    floats: Floats,
    shorts: Shorts,
) -> None:
    """Count a transaction in a row that was brought to now."""
    words[row, SEEN] += 1
    word, last, weight = HEADER, -1, 1.0
    for n in range(kinds[kind, SUMS_FROM], kinds[kind, SUMS_UNTIL]):
        if late > 0.0 and sums[n, BY_HALF_LIFE] != last:
            last = sums[n, BY_HALF_LIFE]
            weight = math.exp2(-late / half_lives[last])
        value = weight * values[sums[n, QUANTITY]]
        if sums[n, QUANTITY] == PEAK:
            floats[row, word] = max(floats[row, word], value)
        else:
            floats[row, word] += value
        word += 1
    if kinds[kind, DAYS] > 0:
        count_transaction(kinds[kind, DAYS], row, words[row, CLOCK], time, shorts)
    place = kinds[kind, PLACE]
    if place > 0 and not math.isnan(values[AT_X]):
        known = floats[row, place + X] != 0.0 or floats[row, place + Y] != 0.0 or floats[row, place + Z] != 0.0
        if not known or time >= words[row, place + PLACE_TIME]:
            floats[row, place + X] = values[AT_X]
            floats[row, place + Y] = values[AT_Y]
            floats[row, place + Z] = values[AT_Z]
            words[row, place + PLACE_TIME] = time


@part
def take_up(own: Ints, kinds: Ints, buckets: Links, links: Links, words: Ints, journal: Ints, tally: Ints) -> None:
    """Find or make the rows of one event's entities, and touch them.

    Those that are known are touched before others are made, so that none of them gives way to another.
    """
    for kind in range(KINDS):
        if own[kind, SOUGHT_HASH] >= 0:
            row, key = own[kind, SOUGHT_ROW], own[kind, SOUGHT_KEY]
            if row < 0 or words[row, KEY] != key or words[row, KIND] != kind:
                own[kind, SOUGHT_ROW] = find(kind, key, own[kind, SOUGHT_HASH], buckets, links, words, tally)
    for kind in range(KINDS):
        if own[kind, SOUGHT_ROW] >= 0:
            touch(own[kind, SOUGHT_ROW], kinds, links, words, journal, tally)
    for kind in range(KINDS):
        if own[kind, SOUGHT_HASH] >= 0 and own[kind, SOUGHT_ROW] < 0:
            own[kind, SOUGHT_ROW] = make(
                kind, own[kind, SOUGHT_KEY], own[kind, SOUGHT_HASH], kinds, buckets, links, words, journal, tally
            )


@entry
def count_transactions(kind: NDArray[np.int8], weight: Floats) -> int:
    """Return how many events are transactions; -1 - n where event n is of no known kind or a label of no weight."""
    transactions = 0
    for n in range(kind.size):
        if kind[n] == TRANSACTION:
            transactions += 1
        elif kind[n] != LABEL or not (weight[n] == 1.0 or weight[n] == -1.0):
            return -1 - n
    return transactions


@entry
def apply_events(
    event: NDArray[np.int8],
    time: Ints,
    amount: Floats,
    keys: Keys,
    latitude: Floats,
    longitude: Floats,
    abroad: Floats,
    remote: Floats,
    weight: Floats,
    transaction_time: Ints,
    known_after_days: int,
    columns: Ints,
    sums: Ints,
    frauds: Ints,
    half_lives: Floats,
    kinds: Ints,
    buckets: Links,
    links: Links,
    words: Ints,
    journal: Ints,
    tally: Ints,
    floats: Floats,
    shorts: Shorts,
    values: Floats,
    sought: Ints,
    features: Floats,
) -> int:
    """Apply events in order, write a row of features for each transaction, return the number of these rows.

    `floats` is `words` seen as floats, `shorts` the same as integers of 16 bits; `values` and `sought` are
    scratch. Room for a journal entry for each entity is the caller's to provide.
    """
    transaction = 0
    for n in range(event.size):
        if n % BLOCK == 0:
            look_up(n, min(n + BLOCK, event.size), event, keys, kinds, buckets, links, words, tally, sought)
        own = sought[n % BLOCK * KINDS : n % BLOCK * KINDS + KINDS]
        take_up(own, kinds, buckets, links, words, journal, tally)
        if event[n] == LABEL:
            ordinary = is_ordinary(amount[n], own, kinds, floats)
            for kind in range(KINDS):
                row = own[kind, SOUGHT_ROW]
                if row >= 0:
                    apply_label(
                        kind,
                        row,
                        time[n],
                        weight[n],
                        transaction_time[n],
                        ordinary,
                        kinds,
                        frauds,
                        half_lives,
                        words,
                        floats,
                        shorts,
                    )
            continue
        look_at(time[n], amount[n], latitude[n], longitude[n], abroad[n], remote[n], values)
        bring_to_now(own, time[n], known_after_days, kinds, sums, half_lives, words, floats, shorts, values)
        write_features(own, time[n], columns, half_lives, words, floats, values, features[transaction])
        for kind in range(KINDS):
            row = own[kind, SOUGHT_ROW]
            if row >= 0:
                absorb(kind, row, time[n], values[LATE + kind], values, kinds, sums, half_lives, words, floats, shorts)
        transaction += 1
    return transaction


def prepare_entries() -> None:
    """Load or compile every entry; the arrays of events may be read-only, those of the state are written."""
    events, floats, times = (f"Array({kind}, 1, 'C', True)" for kind in ("int8", "float64", "int64"))
    keys = "Array(uint64, 2, 'C', True)"
    program = "int64[:, ::1], int64[:, ::1], int64[::1], float64[::1]"
    state = "int64[:, ::1], int32[::1], int32[:, ::1], int64[:, ::1], int64[:, ::1], int64[::1]"
    scratch = "float64[:, ::1], uint16[:, ::1], float64[::1], int64[:, ::1]"
    prepare(count_transactions, f"int64({events}, {floats})")
    prepare(
        apply_events,
        f"int64({events}, {times}, {floats}, {keys}, {', '.join([floats] * 5)}, {times}, int64, "
        f"{program}, {state}, {scratch}, float64[:, ::1])",
    )
    prepare(undo, f"void(int64, {state})")
    prepare(by_idleness, "void(int32[:, ::1], int64[::1])")
