"""Numbers in plain English, for sentences that people read: money, counts, lengths of time; whatever float comes."""

import math
from typing import Final

from fraudline.domain.money import decimals_of

DAY_SECONDS: Final = 86_400.0
_MINUTE_SECONDS: Final = 60.0
_HOUR_SECONDS: Final = 3_600.0
_YEAR_SECONDS: Final = 31_557_600.0

_UNITS: Final = (
    (_YEAR_SECONDS, "year"),
    (DAY_SECONDS, "day"),
    (_HOUR_SECONDS, "hour"),
    (_MINUTE_SECONDS, "minute"),
)
# Above these a figure says no more than that something is wrong.
_MOST: Final = 1e9
_MOST_MONEY: Final = 1e12
# From here on an estimated amount, and a factor, is told in whole units.
_WHOLE_AMOUNT_FROM: Final = 100.0
_WHOLE_FACTOR_FROM: Final = 10.0
_DECIMALS_ELSEWHERE: Final = 2
# A pace of less than this many in a period is told for a longer one.
_LEAST_PACE: Final = 0.75
_WEEK_DAYS, _MONTH_DAYS = 7.0, 30.4


def number(value: float) -> str:
    """Return a count as a whole number, halves rounded up; `value` is not NaN."""
    if value >= _MOST:
        return "more than 999 million"
    return f"{math.floor(max(value, 0.0) + 0.5):,}"


def counted(value: float, noun: str) -> str:
    """Return a count with what is counted, in the plural where it is not one."""
    told = number(value)
    return f"{told} {noun}" if told == "1" else f"{told} {noun}s"


def about(told: str) -> str:
    """Return a figure as an estimate; what is told as more than a figure stays as it is."""
    return told if told.startswith("more than") else f"about {told}"


def as_beginning(text: str) -> str:
    """Return a text as a sentence begins with it."""
    return text[:1].upper() + text[1:]


def times(factor: float) -> str:
    """Return how often one amount goes into another, with one decimal where it is small."""
    return number(factor) if factor >= _WHOLE_FACTOR_FROM else f"{factor:.1f}".removesuffix(".0")


def money(amount: float, currency: str) -> str:
    """Return an amount with its currency's decimals; `amount` is not NaN."""
    if amount >= _MOST_MONEY:
        return f"more than 999 billion {currency}"
    decimals = decimals_of(currency)
    return f"{max(0.0, amount):,.{_DECIMALS_ELSEWHERE if decimals is None else decimals}f} {currency}"


def estimate(amount: float, currency: str) -> str:
    """Return an amount that is itself no more than an estimate: large ones in whole units."""
    return f"{amount:,.0f} {currency}" if _WHOLE_AMOUNT_FROM <= amount < _MOST_MONEY else money(amount, currency)


def duration(seconds: float) -> str:
    """Return a length of time in its largest unit of which there are at least two; `seconds` is not NaN."""
    for unit_seconds, unit in _UNITS:
        if seconds >= 2 * unit_seconds:
            return f"about {counted(seconds / unit_seconds, unit)}"
    return counted(seconds, "second") if seconds >= 1 else "less than a second"


def pace(a_day: float) -> str:
    """Return how many a day, a week or a month, by what gives a number that says something."""
    for days, period in ((1.0, "day"), (_WEEK_DAYS, "week"), (_MONTH_DAYS, "month")):
        if a_day * days >= _LEAST_PACE:
            return f"about {number(a_day * days)} a {period}"
    return "less than 1 a month"
