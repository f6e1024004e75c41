"""Sentences about frauds that had become known, by labels that had arrived before the payment."""

import math
from typing import Final

from fraudline.domain.reasons.facts import Facts, of_present
from fraudline.domain.reasons.window import LEAST
from fraudline.domain.wording import about, as_beginning, counted, duration, number

_MOST_KNOWN: Final = 1e6  # the kernel's days hold little more


@of_present
def frauds_counted(facts: Facts) -> str:
    """Tell how many frauds became known in a window, beside how many payments; for the number and for the risk."""
    frauds, among, window = facts.of("frauds", facts.half_life), facts.entity.among, facts.window
    if math.isnan(frauds):
        return _known_or_not(facts)
    if frauds <= 0:
        return f"No recent fraud is known {among}."
    if frauds < LEAST:
        return f"The latest fraud {among} became known more than {window.length} before this payment."
    count = facts.of("count", facts.half_life)
    # A fraud counts from when it became known, its payment from when it took place: the older half may be gone.
    beside = f", beside {about(counted(count, 'payment'))} in all" if count >= frauds else ""
    told = as_beginning(about(counted(frauds, "fraud")))
    return f"{told} {among} became known in the last {window.name} or so{beside}."


@of_present
def frauds_since(facts: Facts) -> str:
    """Tell when the present series of frauds began to become known, and when the latest did."""
    first, latest, among = facts.of("seconds_since_first_fraud"), facts.of("seconds_since_fraud"), facts.entity.among
    seconds = facts.told
    if math.isnan(seconds):
        return f"No recent fraud is known {among}."
    if first > 0 and not latest >= first:
        last = f", the latest {duration(latest)} before it" if latest > 0 else ""
        return f"Frauds {among} began to become known {duration(first)} before this payment{last}."
    if seconds <= 0:
        return f"Fraud {among} had only just become known."
    return f"The latest fraud {among} became known {duration(seconds)} before this payment."


@of_present
def frauds_of_matured_days(facts: Facts) -> str:
    """Tell of the payments whose outcome is known: how many were ordinary frauds, and how many were none since."""
    frauds, where = facts.of("ordinary_frauds"), facts.entity.where
    share, cleared = facts.of("ordinary_fraud_share"), facts.of("cleared_since_fraud")
    if not frauds > 0:
        return f"Among the payments {where} with known outcomes there is no fraud of a usual amount."
    payments = max(frauds / share, frauds) if 0 < share < 1 else frauds
    known = f"{number(min(frauds, _MOST_KNOWN))} of {counted(min(payments, _MOST_KNOWN), 'known outcome')}"
    followed = f", none of the last {number(min(cleared, _MOST_KNOWN))}" if cleared > 0 else ""
    return f"Since the first fraud of a usual amount {where}, {known} turned out fraud{followed}."


def _known_or_not(facts: Facts) -> str:
    """Tell what the risk says where the number of frauds is no feature: it is zero with that number."""
    among = facts.entity.among
    if math.isnan(facts.told):
        return f"It is not known whether there was fraud {among}."
    return f"Fraud {among} has become known." if facts.told > 0 else f"No recent fraud is known {among}."
