"""Sentences about when something was seen: first, last, and out of order."""

import math

from fraudline.domain.reasons.facts import Facts, of_seen
from fraudline.domain.wording import duration


@of_seen
def seen_for(facts: Facts) -> str:
    """Tell since when payments have been seen."""
    return f"Payments {facts.entity.where} had been seen for {duration(facts.told)}."


@of_seen
def last_seen(facts: Facts) -> str:
    """Tell when the payment before this one was."""
    seconds, where = facts.told, facts.entity.where
    if math.isnan(seconds):
        return f"It is not known when the last payment {where} was."
    if seconds <= 0:
        return f"A payment {where} at the same time or later had already come in."
    return f"The last payment {where} was {duration(seconds)} before this one."


@of_seen
def came_late(facts: Facts) -> str:
    """Tell how far behind a later payment this one came in."""
    seconds, where = facts.told, facts.entity.where
    if seconds > 0:
        return f"A payment {where} that took place {duration(seconds)} later had already come in."
    return f"No later payment {where} had come in before it."
