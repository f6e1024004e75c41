"""Sentences about places: how fast somebody travelled, abroad or at home, in person or not."""

import math
from typing import Final

from fraudline.domain.reasons.facts import Facts, of_seen
from fraudline.domain.wording import about, number

_HALF: Final = 0.5


@of_seen
def travelled(facts: Facts) -> str:
    """Tell the speed from the last known place to this one; the distance and the time are no features."""
    speed, name = facts.told, facts.entity.name
    if math.isnan(speed):
        return f"The place of this payment, or the one before it for {name}, is not known."
    if speed <= 0:
        return f"This payment is at the last known place of {name}."
    told = about(number(speed)) if speed >= 1 else "less than 1"
    return f"To get here from the last known place, {name} had to travel at {told} km/h."


def abroad(facts: Facts) -> str:
    """Tell whether the merchant's country is that of the bill."""
    if math.isnan(facts.told):
        return "It is not known whether the merchant is in the country of the billing address."
    if facts.told >= _HALF:
        return "The merchant is not in the country of the billing address."
    return "The merchant is in the country of the billing address."


def channel(facts: Facts) -> str:
    """Tell whether it was paid in person."""
    if math.isnan(facts.told):
        return "It is not known whether this was paid in person."
    if facts.told >= _HALF:
        return "Paid at a distance: online, by mail or telephone, or by transfer."
    return "Paid in person: at a terminal or a cash machine."
