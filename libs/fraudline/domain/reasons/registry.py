"""The registry of reasons: which codes there are, which features each gathers, which sentence tells each statistic.

A new half-life of a known statistic, or a statistic that a code names for its entity already, needs nothing here. A
new statistic needs a sentence in `_OF_ENTITIES` (or `_OF_PAYMENTS`) and the codes that gather it; a new subject needs a
code. What else may stand in a verdict's reasons is in `_OTHERS`. The operations guide lists them all.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from fraudline.domain.policy import MODEL_UNAVAILABLE, UNKNOWN_RATE
from fraudline.domain.reasons.amounts import amount_against_habit, amount_itself
from fraudline.domain.reasons.code import ReasonCode
from fraudline.domain.reasons.entity import ENTITIES
from fraudline.domain.reasons.facts import Sentence
from fraudline.domain.reasons.feature_name import parse
from fraudline.domain.reasons.frauds import frauds_counted, frauds_of_matured_days, frauds_since
from fraudline.domain.reasons.frequency import money_paid, payments_against_pace, payments_counted
from fraudline.domain.reasons.occasions import came_late, last_seen, seen_for
from fraudline.domain.reasons.places import abroad, channel, travelled
from fraudline.domain.reasons.time_habits import hour_against_habit, time_of_week, weekday_against_habit
from fraudline.domain.reasons.unexplained import NOT_EXPLAINED, NOTHING_STANDS_OUT

_OF_ENTITIES: Final[Mapping[str, Sentence]] = {
    "count": payments_counted,
    "velocity": payments_against_pace,
    "amount": money_paid,
    "amount_mean": amount_against_habit,
    "amount_ratio": amount_against_habit,
    "amount_deviation": amount_against_habit,
    "amount_spread": amount_against_habit,
    "amount_peak": amount_against_habit,
    "seconds_since_first": seen_for,
    "seconds_since_last": last_seen,
    "seconds_late": came_late,
    "hour_habit": hour_against_habit,
    "weekday_habit": weekday_against_habit,
    "travel_kmh": travelled,
    "frauds": frauds_counted,
    "risk": frauds_counted,
    "seconds_since_fraud": frauds_since,
    "seconds_since_first_fraud": frauds_since,
    "ordinary_frauds": frauds_of_matured_days,
    "ordinary_fraud_share": frauds_of_matured_days,
    "cleared_since_fraud": frauds_of_matured_days,
}
_OF_PAYMENTS: Final[Mapping[str, Sentence]] = {
    "amount_log": amount_itself,
    "amount_is_zero": amount_itself,
    "hour_of_day": time_of_week,
    "weekday": time_of_week,
    "is_abroad": abroad,
    "is_remote": channel,
}

# What belongs together.
_AMOUNT: Final = ("amount_mean", "amount_ratio", "amount_deviation", "amount_spread", "amount_peak")
_VELOCITY: Final = ("count", "velocity")
_HISTORY: Final = ("seconds_since_first", "seconds_since_last")
_TIME: Final = ("hour_habit", "weekday_habit")
_FRAUDS: Final = ("frauds", "risk", "seconds_since_fraud", "seconds_since_first_fraud")
_OUTCOMES: Final = ("ordinary_frauds", "ordinary_fraud_share", "cleared_since_fraud")


def _own(code: str, about: str, *stems: str) -> ReasonCode:
    """Return a code for what is the payment's own."""
    return ReasonCode(code, about, stems, {stem: _OF_PAYMENTS[stem] for stem in stems})


def _of(entity: str, code: str, about: str, *statistics: str) -> ReasonCode:
    """Return a code for what is told of one entity."""
    sentences = {f"{entity}_{statistic}": _OF_ENTITIES[statistic] for statistic in statistics}
    return ReasonCode(code, about, tuple(sentences), sentences)


def _of_any(code: str, about: str, statistic: str) -> ReasonCode:
    """Return a code for one statistic, whichever entity it is of."""
    stems = tuple(f"{entity}_{statistic}" for entity in ENTITIES)
    return ReasonCode(code, about, stems, dict.fromkeys(stems, _OF_ENTITIES[statistic]))


CODES: Final[tuple[ReasonCode, ...]] = (
    _own("amount", "the amount itself", "amount_log", "amount_is_zero"),
    _of("card", "amount_for_card", "the amount against what the card usually pays", *_AMOUNT),
    _of("merchant", "amount_for_merchant", "the amount against what the merchant is usually paid", *_AMOUNT),
    _of("pair", "amount_for_card_at_merchant", "the amount against what the card usually pays there", *_AMOUNT),
    _of("country", "amount_for_country", "the amount against what is usually paid in the merchant's country", *_AMOUNT),
    _of("customer", "amount_for_customer", "the amount against what the customer usually pays", *_AMOUNT),
    _of("card", "card_velocity", "how many payments the card made", *_VELOCITY),
    _of("card", "card_spending", "how much the card paid", "amount"),
    _of("card", "card_age", "how long the card has been seen", "seconds_since_first"),
    _of("card", "card_last_payment", "the card's payment before this one", "seconds_since_last"),
    _of_any("late_arrival", "whether later payments came first", "seconds_late"),
    _of_any("travel", "the speed from the place before: the card's, the customer's", "travel_kmh"),
    _of("card", "card_frauds", "frauds known on the card", *_FRAUDS),
    _of("merchant", "merchant_velocity", "how many payments the merchant took, how much", *_VELOCITY, "amount"),
    _of("merchant", "merchant_age", "how long the merchant has been seen", "seconds_since_first"),
    _of("merchant", "merchant_last_payment", "the merchant's payment before this one", "seconds_since_last"),
    _of("merchant", "merchant_frauds", "frauds known at the merchant", *_FRAUDS, *_OUTCOMES),
    _of("pair", "card_at_merchant", "when, how often the card paid there before", *_VELOCITY, "amount", *_HISTORY),
    _of("device", "device_velocity", "how many payments the device made, how much it paid", *_VELOCITY, "amount"),
    _of("device", "device_history", "when the device was first and last seen", *_HISTORY),
    _of("device", "device_frauds", "frauds known from the device", *_FRAUDS),
    _of("country", "country_velocity", "how many payments the merchant's country took", *_VELOCITY, "amount"),
    _of("country", "country_frauds", "frauds known in the merchant's country", *_FRAUDS),
    _of("customer", "customer_velocity", "how many payments the customer made, how much", *_VELOCITY, "amount"),
    _of("customer", "customer_history", "when the customer was first and last seen", *_HISTORY),
    _of("customer", "customer_frauds", "frauds known among the customer's payments", *_FRAUDS),
    _own("time_of_week", "the hour and the day", "hour_of_day", "weekday"),
    _of("card", "time_for_card", "the hour and the day against when the card usually pays", *_TIME),
    _of("merchant", "time_for_merchant", "the hour and the day against when the merchant is usually paid", *_TIME),
    _own("abroad", "whether the merchant is in the country of the billing address", "is_abroad"),
    _own("channel", "whether it was paid in person", "is_remote"),
)
"""All codes that the model can give, in the order in which equal contributions are told."""

_OTHERS: Final[Mapping[str, str]] = {
    UNKNOWN_RATE.code: "the policy: no exchange rate is known for the currency",
    MODEL_UNAVAILABLE.code: "the policy: the model gave no usable score",
    NOTHING_STANDS_OUT.code: "no code raises the score above that of an average payment",
    NOT_EXPLAINED: "there are no contributions; the sentence says why",
}

REGISTRY: Final[Mapping[str, str]] = MappingProxyType({**{code.code: code.about for code in CODES}, **_OTHERS})
"""Every code that can stand in a verdict's reasons, the model's, the policy's and the others, and what it is about."""

_BY_STEM: Final = {stem: code for code in CODES for stem in code.stems}


def code_of(feature: str) -> ReasonCode:
    """Return the code that a feature belongs to, by its name.

    Raises:
        LookupError: No code gathers it.
    """
    stem = parse(feature).stem
    if stem not in _BY_STEM:
        raise LookupError(
            f"{feature} has no reason code: let one gather {stem} in fraudline/domain/reasons/registry.py."
        )
    return _BY_STEM[stem]
