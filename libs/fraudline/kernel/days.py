"""An entity's last days, compiled: of each the transactions, and how many of them turned out to be frauds.

32 bits a day (UTC): transactions up to 65,535, ordinary frauds and others up to 255 each. A day stands at its number
modulo `DAYS_KEPT`, and is emptied when the entity's clock comes to it. They answer what sums that decay from a report
cannot: of the payments of a time whose frauds should be known by now, how many are frauds, and how many followed that
are none.
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays by position

import math
from typing import Final

from fraudline.kernel.jit import part
from fraudline.kernel.layout import DAYS_KEPT, FRAUDS_OF_DAY, SHORTS_OF_DAY, SHORTS_OF_WORD, TRANSACTIONS_OF_DAY
from fraudline.kernel.table import Shorts

_MOST: Final = 65_535
_MOST_FRAUDS: Final = 255
_OTHERS: Final = 256  # the frauds of a day are its ordinary ones and so many times the others
_MICROSECONDS_OF_DAY: Final = 86_400_000_000


@part
def day_of(time: int) -> int:
    """Return the number of a time's day since 1970."""
    return int(time // _MICROSECONDS_OF_DAY)


@part
def place_of(word: int, day: int) -> int:
    """Return where a day's counts begin in a row whose days begin at a word."""
    return word * SHORTS_OF_WORD + day % DAYS_KEPT * SHORTS_OF_DAY


@part
def empty_days(word: int, row: int, clock: int, time: int, shorts: Shorts) -> None:
    """Empty the days that a clock comes to when it moves to a later time."""
    last = day_of(time)
    for day in range(max(day_of(clock), last - DAYS_KEPT) + 1, last + 1):
        at = place_of(word, day)
        shorts[row, at + TRANSACTIONS_OF_DAY] = 0
        shorts[row, at + FRAUDS_OF_DAY] = 0


@part
def count_transaction(word: int, row: int, clock: int, time: int, shorts: Shorts) -> None:
    """Count a transaction on its day, unless that lies too far behind the clock."""
    day = day_of(time)
    if day > day_of(clock) - DAYS_KEPT:
        at = place_of(word, day) + TRANSACTIONS_OF_DAY
        shorts[row, at] = min(int(shorts[row, at]) + 1, _MOST)


@part
def count_fraud(
    word: int,
    row: int,
    clock: int,
    time: int,
    weight: float,
    is_ordinary: bool,  # noqa: FBT001 - as above
    shorts: Shorts,
) -> None:
    """Count a fraud, or its end, on the day of its transaction, if that is one of those that are kept.

    What is taken back is of the kind that it is now, or of the other where none of this kind is left: the habit that
    it is judged by may have moved since it was counted.
    """
    day = day_of(time)
    if day_of(clock) - DAYS_KEPT < day <= day_of(clock):
        at = place_of(word, day) + FRAUDS_OF_DAY
        ordinary, others = int(shorts[row, at]) % _OTHERS, int(shorts[row, at]) // _OTHERS
        change = int(weight)
        of_ordinary = is_ordinary
        if change < 0 and (ordinary if is_ordinary else others) == 0:
            of_ordinary = not is_ordinary
        if of_ordinary:
            ordinary = min(max(ordinary + change, 0), _MOST_FRAUDS)
        else:
            others = min(max(others + change, 0), _MOST_FRAUDS)
        shorts[row, at] = ordinary + _OTHERS * others


@part
def forget_frauds(word: int, row: int, shorts: Shorts) -> None:
    """Set the frauds of all days to zero."""
    for day in range(DAYS_KEPT):
        shorts[row, place_of(word, day) + FRAUDS_OF_DAY] = 0


@part
def look_back(word: int, row: int, clock: int, known_after_days: int, shorts: Shorts) -> tuple[float, float, float]:
    """Return what the days until `known_after_days` before the clock's own say of ordinary frauds.

    Returns:
        Their frauds; those by the transactions from the first fraud's day on, at most 1; the transactions on days after
        the last fraud's. Without a fraud 0 and twice NaN.
    """
    frauds, since_first, since_last = 0, 0, 0
    today = day_of(clock)
    for day in range(today - DAYS_KEPT + 1, today - known_after_days + 1):
        at = place_of(word, day)
        found = int(shorts[row, at + FRAUDS_OF_DAY]) % _OTHERS
        frauds += found
        if frauds > 0:
            transactions = int(shorts[row, at + TRANSACTIONS_OF_DAY])
            since_first += transactions
            since_last = 0 if found > 0 else since_last + transactions
    if frauds == 0:
        return 0.0, math.nan, math.nan
    return float(frauds), frauds / max(since_first, frauds), float(since_last)
