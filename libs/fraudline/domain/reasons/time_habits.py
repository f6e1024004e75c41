"""Sentences about the hour and the weekday: by themselves, and against when payments came before."""

import math
from typing import Final

from fraudline.domain.reasons.facts import Facts, of_seen
from fraudline.domain.wording import as_beginning

_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOURS: Final = 24
# Of the mean cosine of the distance to earlier payments, once round the clock or the week. Below the first, fewer than
# half of them, by weight, came within an hour of this time or on this day; from the second on, seven in ten came within
# four hours, or 28 hours.
_OTHER_TIMES: Final = -0.2
_ABOUT_NOW: Final = 0.85


def time_of_week(facts: Facts) -> str:
    """Tell the hour and the day, in UTC."""
    day, hour = _day(facts), _hour(facts)
    return f"Paid {day} {hour}." if day and hour else "The time of the payment is not known."


@of_seen
def hour_against_habit(facts: Facts) -> str:
    """Hold the time of day against that of earlier payments."""
    return _against_habit(facts, _hour(facts), "at", "time", "times of the day")


@of_seen
def weekday_against_habit(facts: Facts) -> str:
    """Hold the day of the week against that of earlier payments."""
    return _against_habit(facts, _day(facts), "on", "day", "days of the week")


def _against_habit(facts: Facts, paid: str, preposition: str, noun: str, times: str) -> str:
    fit, where = facts.told, facts.entity.where
    if math.isnan(fit):
        return f"It is not known {preposition} which {times} earlier payments {where} came."
    if fit < _OTHER_TIMES:
        habit = f"earlier payments {where} mostly came {preposition} other {times}"
    elif fit >= _ABOUT_NOW:
        habit = f"most earlier payments {where} came near that {noun}"
    else:
        habit = f"that {noun} stands out little against earlier payments {where}"
    return f"Paid {paid}; {habit}." if paid else f"{as_beginning(habit)}."


def _hour(facts: Facts) -> str:
    hour = facts.value("hour_of_day")
    return f"between {int(hour):02}:00 and {(int(hour) + 1) % _HOURS:02}:00 UTC" if 0 <= hour < _HOURS else ""


def _day(facts: Facts) -> str:
    weekday = facts.value("weekday")
    return f"on a {_WEEKDAYS[int(weekday)]}" if 0 <= weekday < len(_WEEKDAYS) else ""
