"""Sentences about how often, and how much, was paid lately."""

import math
from typing import Final

from fraudline.domain.reasons.facts import Facts, of_seen
from fraudline.domain.reasons.window import LEAST, window_of
from fraudline.domain.wording import DAY_SECONDS, about, as_beginning, counted, estimate, pace

_NEXT_TO_NOTHING: Final = 1.0  # base currency: a decayed sum below it holds no payment of 2 in the last half-life
_KNOWN_FOR: Final = 3.0  # half-lives before which an entity has no pace of its own yet
_LONG: Final = "30d"


@of_seen
def payments_counted(facts: Facts) -> str:
    """Tell how many payments there were in a window, and how many there usually are."""
    count, where, window = facts.of("count", facts.half_life), facts.entity.where, facts.window.name
    if math.isnan(count):
        return f"It is not known how many payments there were {where}."
    if count < LEAST:
        return f"No payment {where} in the last {window}{_usually(facts)}."
    told = as_beginning(about(counted(count, "payment")))
    return f"{told} {where} in the last {window} or so{_usually(facts)}."


@of_seen
def payments_against_pace(facts: Facts) -> str:
    """Tell the count that the velocity is of; where that is no feature, whether it is more than is usual."""
    velocity, where, window = facts.told, facts.entity.where, facts.window.name
    if math.isnan(velocity) or not math.isnan(facts.of("count", facts.half_life)):
        return payments_counted(facts)
    compared = "more than" if velocity > 1 else "fewer than" if velocity < 1 else "as many as"
    return f"In the last {window} or so there were {compared} the usual number of payments {where}."


@of_seen
def money_paid(facts: Facts) -> str:
    """Tell how much was paid in a window."""
    amount, where, window = facts.told, facts.entity.where, facts.window.name
    if math.isnan(amount):
        return f"It is not known how much was paid {where}."
    if amount < _NEXT_TO_NOTHING:
        return f"Next to nothing was paid {where} in the last {window}."
    return f"{as_beginning(about(estimate(amount, facts.currency)))} was paid {where} in the last {window} or so."


def _usually(facts: Facts) -> str:
    """Tell the pace before the last day (or week), where the entity is old enough to have one."""
    recent = "7d" if facts.half_life == "7d" else "1d"
    recent_window, long_window = window_of(recent), window_of(_LONG)
    age_days = facts.of("seconds_since_first") / DAY_SECONDS
    earlier = facts.of("count", _LONG) - facts.of("count", recent)
    if facts.window.days >= long_window.days or not age_days >= _KNOWN_FOR * recent_window.days or math.isnan(earlier):
        return ""
    days = long_window.reach_days(age_days) - recent_window.reach_days(age_days)
    return f"; usually {pace(earlier / days)}"
