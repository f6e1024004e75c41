"""Sentences about the amount: by itself, and against what is usual for a card, a merchant and so on."""

import math
from typing import Final

from fraudline.domain.reasons.facts import Facts, of_seen
from fraudline.domain.reasons.feature_name import parse
from fraudline.domain.wording import about, as_beginning, estimate, money, times

_MEANS: Final = ("amount_mean", "amount_ratio")
_HIGH: Final = 2.0  # times the average, or standard deviations
# Standard deviations of the amount's logarithm: a factor of 1.3 either way, and of 2.7.
_LITTLE_SPREAD: Final = 0.25
_WIDE_SPREAD: Final = 1.0


def _unknown(facts: Facts) -> str:
    return f"The amount in {facts.currency} is not known."


def amount_itself(facts: Facts) -> str:
    """Tell the amount."""
    amount = facts.amount
    if math.isnan(amount):
        return _unknown(facts)
    if amount == 0:
        return "The amount is zero: the card is only being verified."
    return f"An amount of {money(amount, facts.currency)} raises the score by itself."


@of_seen
def amount_against_habit(facts: Facts) -> str:
    """Hold the amount against the entity's mean, deviation, spread or peak, by what stands out the most."""
    amount, mean = facts.amount, _mean(facts)
    if math.isnan(amount):
        return _unknown(facts)
    where, average = facts.entity.where, facts.entity.average
    told = as_beginning(money(amount, facts.currency))
    if facts.statistic == "amount_peak" and 0 < _HIGH * facts.told < amount:
        # What is younger than the half-life weighs a half or more in the peak.
        return f"{told} is more than any known amount {where} in the last {facts.window.name}."
    if math.isnan(mean):
        return f"No earlier amount {where} is known to compare with."
    usual = estimate(mean, facts.currency)
    if 0 < _HIGH * mean <= amount:
        return f"{told} is about {times(amount / mean)} times {average} of {usual}."
    deviation = facts.of("amount_deviation", facts.half_life)
    if abs(deviation) >= _HIGH:
        return f"{told} is unusually {'high' if deviation > 0 else 'low'} beside {average} of {about(usual)}."
    return _habit(facts, usual) or (
        f"{told} is {'higher' if amount >= mean else 'lower'} than {average} of {about(usual)}."
    )


def _habit(facts: Facts, usual: str) -> str:
    """Tell the habit itself, where that raised the score and the amount does not stand out beside it; or nothing."""
    where, value = facts.entity.where, facts.told
    if math.isnan(value):
        return ""
    if facts.statistic == "amount_mean":
        return f"{as_beginning(facts.entity.average)} is {about(usual)}, which raises the score by itself."
    if facts.statistic == "amount_spread":
        size = "little" if value < _LITTLE_SPREAD else "widely" if value >= _WIDE_SPREAD else "to some extent"
        return f"Amounts {where} vary {size} around an average of {about(usual)}, which raises the score by itself."
    if facts.statistic == "amount_peak" and value > 0:
        peak = estimate(value, facts.currency)
        return f"An earlier payment {where} came to {peak} or more, which raises the score by itself."
    return ""


def _mean(facts: Facts) -> float:
    """Return the entity's mean in the base currency, by the half-life that is told of where there is one by it."""
    mean = _mean_by(facts, facts.half_life)
    if not math.isnan(mean):
        return mean
    kind = facts.entity.kind
    names = (parse(name) for name in facts.values)
    means = (_mean_by(facts, name.half_life) for name in names if name.entity == kind and name.statistic in _MEANS)
    return next((mean for mean in means if not math.isnan(mean)), math.nan)


def _mean_by(facts: Facts, half_life: str) -> float:
    mean, ratio = facts.of("amount_mean", half_life), facts.of("amount_ratio", half_life)
    if math.isnan(mean) and ratio > 0:
        return max((facts.amount + 1) / ratio - 1, 0.0)
    return mean
