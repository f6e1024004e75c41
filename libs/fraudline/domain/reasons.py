"""The codes of reasons: which features each gathers, and the sentence that tells an analyst what the model saw.

A code's contribution is the sum of its features' contributions, in log-odds of the model's raw score. Its sentence
tells of the values themselves, where there is a choice that of the feature which contributed the most, and of nothing
that identifies a card or a merchant. It is frozen with the verdict, so times are told from the payment's point of view.

Sums that decay are put into words so that they are true. With the half-life h, equal events at an even pace add up to
the number of the last h / ln 2 = 1.44 h, and a burst just now counts in full: "about 12 in the last hour or so". What
is younger than h weighs at least a half: below a half, "no payment in the last hour" is exact.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from fraudline.domain.policy import Reason
from fraudline.domain.wording import DAY_SECONDS, as_beginning, counted, duration, estimate, money, pace, times

NOT_EXPLAINED: Final = "not_explained"
NO_SCORE: Final = Reason(NOT_EXPLAINED, "There is no score to explain.")
OTHER_MODEL: Final = Reason(
    NOT_EXPLAINED, "The score is from a model that no explainer had loaded at the time, so its reasons are not known."
)
OTHER_FEATURES: Final = Reason(
    NOT_EXPLAINED, "The features that were kept do not fit the model, so the reasons for the score are not known."
)
EXPLAINING_FAILED: Final = Reason(NOT_EXPLAINED, "The reasons for the score could not be computed.")
NOTHING_STANDS_OUT: Final = Reason("nothing_stands_out", "Nothing raises the score above that of an average payment.")

_LEAST: Final = 0.5  # a decayed count below it holds nothing that is younger than its half-life
_NEXT_TO_NOTHING: Final = 1.0  # base currency: a decayed sum below it holds no payment of 2 in the last half-life
_HIGH: Final = 2.0  # times the average, or standard deviations
_LARGEST_LOG: Final = 700.0  # a little less than the logarithm of the largest float
_KNOWN_FOR: Final = 3.0  # half-lives before which an entity has no pace of its own yet
_WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_HOURS: Final = 24

_WHERE: Final = {"card": "on this card", "merchant": "at this merchant"}
_AVERAGE: Final = {"card": "this card's average payment", "merchant": "the average payment at this merchant"}


class _Window(NamedTuple):
    """What a half-life is called, and how many days it has."""

    name: str
    days: float


_WINDOWS: Final = {
    "1h": _Window("hour", 1 / 24),
    "1d": _Window("day", 1.0),
    "7d": _Window("week", 7.0),
    "30d": _Window("month", 30.0),
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a sentence may tell.

    Attributes:
        values: All features of the payment, by name, as the kernel's registry defines them.
        strongest: The code's feature that raised the score the most.
        currency: The base currency, in which all amounts are.
    """

    values: Mapping[str, float]
    strongest: str
    currency: str

    @property
    def amount(self) -> float:
        """The payment's amount; NaN where it is unknown."""
        return math.expm1(min(self.values["amount_log"], _LARGEST_LOG))

    @property
    def half_life(self) -> str:
        """The suffix of the strongest feature, where that is a decayed one."""
        return self.strongest.rsplit("_", 1)[1]

    def is_new(self, kind: str) -> bool:
        """Return whether no earlier payment of this card or merchant has been seen."""
        return math.isnan(self.values[f"{kind}_seconds_since_first"])


Sentence = Callable[[Facts], str]


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """One kind of reason that the model can give; every feature of the kernel belongs to exactly one."""

    code: str
    about: str
    features: tuple[str, ...]
    sentence: Sentence


def _unknown_amount(facts: Facts) -> str:
    return f"The amount in {facts.currency} is not known."


def _first(kind: str) -> str:
    return f"This is the first payment seen {_WHERE[kind]}."


def _amount(facts: Facts) -> str:
    amount = facts.amount
    if math.isnan(amount):
        return _unknown_amount(facts)
    if amount == 0:
        return "The amount is zero: the card is only being verified."
    return f"An amount of {money(amount, facts.currency)} raises the score by itself."


def _compared(facts: Facts, kind: str, mean: float, deviation: float, *, is_by_mean: bool = False) -> str:
    """Hold the amount against a mean, both in the base currency; `deviation` is in standard deviations.

    `is_by_mean` says that the mean itself raised the score the most: where nothing stands out beside it, it is told.
    """
    amount, currency = facts.amount, facts.currency
    if math.isnan(amount):
        return _unknown_amount(facts)
    if facts.is_new(kind):
        return _first(kind)
    if math.isnan(mean):
        return f"No earlier amount {_WHERE[kind]} is known to compare with."
    told, average = as_beginning(money(amount, currency)), estimate(mean, currency)
    if 0 < _HIGH * mean <= amount:
        return f"{told} is about {times(amount / mean)} times {_AVERAGE[kind]} of {average}."
    if abs(deviation) >= _HIGH:
        compared = (
            f"{told} is unusually {'high' if deviation > 0 else 'low'} beside {_AVERAGE[kind]} of about {average}."
        )
    elif is_by_mean:
        compared = f"{as_beginning(_AVERAGE[kind])} is about {average}, which raises the score by itself."
    else:
        compared = f"{told} is {'higher' if amount >= mean else 'lower'} than {_AVERAGE[kind]} of about {average}."
    return compared


def _amount_for_card(facts: Facts) -> str:
    values = facts.values
    is_by_mean = facts.strongest == "card_amount_mean_30d"
    return _compared(
        facts, "card", values["card_amount_mean_30d"], values["card_amount_deviation_30d"], is_by_mean=is_by_mean
    )


def _amount_for_merchant(facts: Facts) -> str:
    ratio = facts.values["merchant_amount_ratio_30d"]
    mean = max((facts.amount + 1) / ratio - 1, 0.0) if ratio > 0 else math.nan
    return _compared(facts, "merchant", mean, math.nan)


def _reach_days(half_life_days: float, age_days: float) -> float:
    """Return of how many days an even pace is all counted in a decayed sum, for an entity of this age."""
    return half_life_days / math.log(2) * (1 - math.exp2(-age_days / half_life_days))


def _usually(facts: Facts, kind: str) -> str:
    """Tell the pace before the last day (or week), where the entity is old enough to have one."""
    values, window = facts.values, _WINDOWS[facts.half_life]
    recent = "7d" if facts.half_life == "7d" else "1d"
    recent_days = _WINDOWS[recent].days
    age_days = values[f"{kind}_seconds_since_first"] / DAY_SECONDS
    earlier = values[f"{kind}_count_30d"] - values[f"{kind}_count_{recent}"]
    if window.name == "month" or not age_days >= _KNOWN_FOR * recent_days or math.isnan(earlier):
        return ""
    days = _reach_days(_WINDOWS["30d"].days, age_days) - _reach_days(recent_days, age_days)
    return f"; usually {pace(earlier / days)}"


def _velocity(kind: str) -> Sentence:
    def sentence(facts: Facts) -> str:
        count, window = facts.values[facts.strongest], _WINDOWS[facts.half_life].name
        if facts.is_new(kind):
            return _first(kind)
        if math.isnan(count):
            return f"It is not known how many payments there were {_WHERE[kind]}."
        if count < _LEAST:
            return f"No payment {_WHERE[kind]} in the last {window}{_usually(facts, kind)}."
        return f"About {counted(count, 'payment')} {_WHERE[kind]} in the last {window} or so{_usually(facts, kind)}."

    return sentence


def _card_spending(facts: Facts) -> str:
    amount, window = facts.values[facts.strongest], _WINDOWS[facts.half_life].name
    if facts.is_new("card"):
        return _first("card")
    if math.isnan(amount):
        return "It is not known how much was paid on this card."
    if amount < _NEXT_TO_NOTHING:
        return f"Next to nothing was paid on this card in the last {window}."
    return f"About {estimate(amount, facts.currency)} was paid on this card in the last {window} or so."


def _age(kind: str) -> Sentence:
    def sentence(facts: Facts) -> str:
        if facts.is_new(kind):
            return _first(kind)
        age = duration(facts.values[f"{kind}_seconds_since_first"])
        return f"Payments {_WHERE[kind]} had been seen for {age}."

    return sentence


def _last_payment(kind: str) -> Sentence:
    def sentence(facts: Facts) -> str:
        seconds = facts.values[f"{kind}_seconds_since_last"]
        if facts.is_new(kind) or math.isnan(seconds):
            return _first(kind)
        if seconds <= 0:
            return f"A payment {_WHERE[kind]} at the same time or later had already come in."
        return f"The last payment {_WHERE[kind]} was {duration(seconds)} before this one."

    return sentence


def _late_arrival(facts: Facts) -> str:
    seconds = facts.values["card_seconds_late"]
    if seconds > 0:
        return f"A payment on this card that took place {duration(seconds)} later had already come in."
    return "No later payment on this card had come in before it."


def _frauds(kind: str) -> Sentence:
    def sentence(facts: Facts) -> str:
        values, half_life = facts.values, facts.half_life
        frauds, window = values[f"{kind}_frauds_{half_life}"], _WINDOWS[half_life].name
        if math.isnan(frauds):
            return f"It is not known whether there was fraud {_WHERE[kind]}."
        if frauds <= 0:
            return f"No recent fraud is known {_WHERE[kind]}."
        if frauds < _LEAST:
            return f"The last fraud {_WHERE[kind]} became known more than a {window} before this payment."
        count = values[f"{kind}_count_{half_life}"]
        # A fraud counts from when it became known, its payment from when it took place: the older half may be gone.
        beside = f", beside about {counted(count, 'payment')} in all" if count >= frauds else ""
        return f"About {counted(frauds, 'fraud')} {_WHERE[kind]} became known in the last {window} or so{beside}."

    return sentence


def _time_of_week(facts: Facts) -> str:
    hour, weekday = facts.values["hour_of_day"], facts.values["weekday"]
    if not (0 <= hour < _HOURS and 0 <= weekday < len(_WEEKDAYS)):
        return "The time of the payment is not known."
    day, began = _WEEKDAYS[int(weekday)], int(hour)
    return f"Paid on a {day} between {began:02}:00 and {(began + 1) % _HOURS:02}:00 UTC."


def _each(prefix: str, *half_lives: str) -> tuple[str, ...]:
    return tuple(f"{prefix}_{half_life}" for half_life in half_lives)


CODES: Final[tuple[ReasonCode, ...]] = (
    ReasonCode("amount", "the amount itself", ("amount_log", "amount_is_zero"), _amount),
    ReasonCode(
        "amount_for_card",
        "the amount against what the card usually pays",
        ("card_amount_mean_30d", "card_amount_ratio_30d", "card_amount_deviation_30d"),
        _amount_for_card,
    ),
    ReasonCode(
        "amount_for_merchant",
        "the amount against what the merchant is usually paid",
        ("merchant_amount_ratio_30d",),
        _amount_for_merchant,
    ),
    ReasonCode(
        "card_velocity",
        "how many payments the card made",
        _each("card_count", "1h", "1d", "7d", "30d"),
        _velocity("card"),
    ),
    ReasonCode("card_spending", "how much the card paid", _each("card_amount", "1h", "1d", "7d"), _card_spending),
    ReasonCode("card_age", "how long the card has been seen", ("card_seconds_since_first",), _age("card")),
    ReasonCode(
        "card_last_payment", "the card's payment before this one", ("card_seconds_since_last",), _last_payment("card")
    ),
    ReasonCode("late_arrival", "whether later payments came first", ("card_seconds_late",), _late_arrival),
    ReasonCode("card_frauds", "frauds known on the card", ("card_frauds_30d",), _frauds("card")),
    ReasonCode(
        "merchant_velocity",
        "how many payments the merchant took",
        _each("merchant_count", "1h", "1d", "7d", "30d"),
        _velocity("merchant"),
    ),
    ReasonCode(
        "merchant_age", "how long the merchant has been seen", ("merchant_seconds_since_first",), _age("merchant")
    ),
    ReasonCode(
        "merchant_last_payment",
        "the merchant's payment before this one",
        ("merchant_seconds_since_last",),
        _last_payment("merchant"),
    ),
    ReasonCode(
        "merchant_frauds",
        "frauds known at the merchant",
        (*_each("merchant_frauds", "7d", "30d"), *_each("merchant_risk", "7d", "30d")),
        _frauds("merchant"),
    ),
    ReasonCode("time_of_week", "the hour and the day", ("hour_of_day", "weekday"), _time_of_week),
)
"""All codes that the model can give, in the order in which equal contributions are told."""
