"""What a half-life is called, and what may be said of sums that decay by it.

With the half-life h, equal events at an even pace add up to the number of the last h / ln 2 = 1.44 h, and a burst just
now counts in full: "about 12 in the last hour or so". What is younger than h weighs at least a half: below a half, "no
payment in the last hour" is exact.
"""

import functools
import math
from dataclasses import dataclass
from typing import Final

LEAST: Final = 0.5
"""A decayed count below it holds nothing that is younger than its half-life."""

_DAYS: Final = {"m": 1 / 1_440, "h": 1 / 24, "d": 1.0}
_NOUNS: Final = {"m": "minute", "h": "hour", "d": "day"}
_WEEK_DAYS, _MONTH_DAYS = 7, 30
_WORDS: Final = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
)


@dataclass(frozen=True, slots=True)
class Window:
    """A half-life in words.

    Attributes:
        name: As it follows "in the last": "ten minutes", "hour", "week", "four months".
        length: As it follows "more than": "ten minutes", "an hour", "a week", "four months".
        days: How long it is.
    """

    name: str
    length: str
    days: float

    def reach_days(self, age_days: float) -> float:
        """Return of how many days an even pace is all counted in a decayed sum, for an entity of this age."""
        return self.days / math.log(2) * (1 - math.exp2(-age_days / self.days))


@functools.cache
def window_of(half_life: str) -> Window:
    """Return the window of a half-life as features are named by it: a whole number and `m`, `h` or `d`."""
    number, unit = int(half_life[:-1]), half_life[-1]
    days, noun = number * _DAYS[unit], _NOUNS[unit]
    for unit_days, longer in ((_MONTH_DAYS, "month"), (_WEEK_DAYS, "week")):
        if unit == "d" and number % unit_days == 0:
            number, noun = number // unit_days, longer
            break
    if number == 1:
        return Window(noun, f"{'an' if noun == 'hour' else 'a'} {noun}", days)
    name = f"{_WORDS[number] if number < len(_WORDS) else f'{number:,}'} {noun}s"
    return Window(name, name, days)
