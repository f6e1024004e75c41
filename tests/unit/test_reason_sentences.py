"""What the sentences say of payments that somebody can picture."""

import math
import re
from typing import Any

import pytest

from fraudline.domain.reasons import code_of
from fraudline.domain.reasons.entity import ENTITIES
from fraudline.domain.reasons.feature_name import parse
from kernel.builders import DAY, HOUR, NAMES, NOON, Event, Label, a_transaction
from reason_builders import FIRST, all_known, all_sentences, features_after, told, values

MINUTE = HOUR // 60


def a_payment_a_day(days: int) -> list[Event]:
    return [a_transaction(time=NOON + day * DAY, merchant=100 + day) for day in range(days)]


def test_a_burst_is_counted_and_held_against_what_is_usual() -> None:
    burst = [a_transaction(time=NOON + 60 * DAY + minute * MINUTE // 4) for minute in range(12)]
    now = NOON + 60 * DAY + 4 * MINUTE

    features = features_after(*a_payment_a_day(60), *burst, a_transaction(time=now))

    assert (
        told("card_velocity", features, by="card_count_1h")
        == "About 12 payments on this card in the last hour or so; usually about 1 a day."
    )


@pytest.mark.parametrize(
    ("window", "half_life_hours"), [("1h", 1), ("1d", 24), ("7d", 168), ("30d", 720)], ids=["1h", "1d", "7d", "30d"]
)
@pytest.mark.parametrize("an_hour", [2, 6])
def test_an_even_pace_is_told_as_the_number_of_a_window_and_a_half(
    window: str, half_life_hours: int, an_hour: int
) -> None:
    stream = [a_transaction(time=NOON + n * HOUR // an_hour) for n in range(300 * 24 * an_hour)]

    sentence = told("card_velocity", features_after(*stream), by=f"card_count_{window}")

    expected = half_life_hours / math.log(2) * an_hour
    counted = float(re.search(r"About ([\d,]+) payment", sentence)[1].replace(",", ""))  # type: ignore[index] # it is there, or the test fails
    assert counted == pytest.approx(expected, rel=0.05, abs=1.0)
    if window != "30d":
        a_day = float(re.search(r"usually about ([\d,]+) a day", sentence)[1])  # type: ignore[index] # the same
        assert a_day == pytest.approx(24 * an_hour, rel=0.05)


@pytest.mark.parametrize(
    ("gap_days", "usual"),
    [
        (0.25, "about 4 a day"),
        (2.3, "about 3 a week"),
        (7, "about 1 a week"),
        (15, "about 2 a month"),
        (90, "less than"),
    ],
)
def test_a_slow_pace_is_told_by_the_week_or_the_month(gap_days: float, usual: str) -> None:
    stream = [a_transaction(time=NOON + int(n * gap_days * DAY)) for n in range(int(720 / gap_days))]

    assert usual in told("card_velocity", features_after(*stream), by="card_count_1h")


def test_a_card_that_is_young_has_no_usual_pace() -> None:
    stream = [a_transaction(time=NOON + n * HOUR) for n in range(30)]

    assert told("card_velocity", features_after(*stream), by="card_count_1h") == (
        "About 1 payment on this card in the last hour or so."
    )


@pytest.mark.parametrize("kind", ["card", "merchant"])
def test_a_new_card_or_merchant_is_told_in_one_sentence_whatever_the_code(kind: str) -> None:
    features = features_after(a_transaction())

    sentences = {
        code.code: sentence
        for code, strongest, sentence in all_sentences(features)
        if parse(strongest).entity == kind and not code.code.endswith("frauds")
    }
    assert len(sentences) > 3
    assert set(sentences.values()) == {FIRST[kind]}


@pytest.mark.parametrize(
    ("amounts", "by", "sentence"),
    [
        ([1200, 1250.4], "card_amount_1d", "About 2,450 EUR was paid on this card in the last day or so."),
        ([12.25], "card_amount_1h", "About 12.25 EUR was paid on this card in the last hour or so."),
        ([0], "card_amount_7d", "Next to nothing was paid on this card in the last week."),
    ],
)
def test_what_the_card_spent_is_told(amounts: list[float], by: str, sentence: str) -> None:
    stream = [a_transaction(amount=amount) for amount in amounts]

    assert told("card_spending", features_after(*stream, a_transaction()), by=by) == sentence


@pytest.mark.parametrize(
    ("microseconds", "age"),
    [
        (0, "less than a second"),
        (1_000_000, "1 second"),
        (12_000_000, "12 seconds"),
        (5 * MINUTE, "about 5 minutes"),
        (3 * HOUR, "about 3 hours"),
        (40 * DAY, "about 40 days"),
        (4 * 365 * DAY, "about 4 years"),
    ],
)
def test_lengths_of_time_are_told_in_a_unit_that_fits(microseconds: int, age: str) -> None:
    features = features_after(a_transaction(), a_transaction(time=NOON + microseconds))

    assert told("card_age", features) == f"Payments on this card had been seen for {age}."
    if microseconds:
        assert told("card_last_payment", features) == f"The last payment on this card was {age} before this one."
        assert told("merchant_last_payment", features).startswith("The last payment at this merchant was ")


def test_a_payment_that_comes_late_is_told_as_late() -> None:
    features = features_after(a_transaction(time=NOON + 2 * HOUR), a_transaction())

    assert told("late_arrival", features) == (
        "A payment on this card that took place about 2 hours later had already come in."
    )
    assert told("card_last_payment", features) == (
        "A payment on this card at the same time or later had already come in."
    )
    assert told("late_arrival", values()) == "No later payment on this card had come in before it."


@pytest.mark.parametrize(
    ("time", "sentence"),
    [
        (NOON, "Paid on a Monday between 12:00 and 13:00 UTC."),
        (NOON + 12 * HOUR - 1, "Paid on a Monday between 23:00 and 00:00 UTC."),
        (NOON + 6 * DAY - 9 * HOUR, "Paid on a Sunday between 03:00 and 04:00 UTC."),
    ],
)
def test_the_time_is_told_in_utc(time: int, sentence: str) -> None:
    assert told("time_of_week", features_after(a_transaction(time=time))) == sentence


def test_labels_alone_make_no_card_that_was_seen() -> None:
    stream: list[Any] = [Label(NOON, 1, 2, 1.0), a_transaction()]

    features = features_after(*stream)

    assert told("card_age", features) == FIRST["card"]
    assert told("card_frauds", features).startswith("About 1 fraud on this card became known in the last week")


@pytest.mark.parametrize(
    ("by", "changes", "sentence"),
    [
        (
            "card_velocity_1h",
            {"card_count_1h": 12.0, "card_velocity_1h": 12.5},
            "About 12 payments on this card in the last hour or so; usually about 1 a day.",
        ),
        ("card_count_10m", {"card_count_10m": 3.2}, "About 3 payments on this card in the last ten minutes or so"),
        ("merchant_count_120d", {"merchant_count_120d": 0.2}, "No payment at this merchant in the last four months."),
        ("merchant_amount_1d", {"merchant_amount_1d": 2450.4}, "About 2,450 EUR was paid at this merchant in the last"),
        ("device_count_1h", {"device_count_1h": 7.0}, "About 7 payments from this device in the last hour or so"),
        ("device_count_1h", {"device_count_1h": 1e12}, "More than 999 million payments from this device in the last"),
        ("country_count_1d", {"country_count_1d": 0.0}, "No payment at merchants of this country in the last day."),
        ("customer_amount_1d", {"customer_amount_1d": 99.0}, "About 99.00 EUR was paid by this customer in the last"),
        (
            "pair_count_30d",
            {"pair_count_30d": 2.0},
            "About 2 payments with this card at this merchant in the last month or so.",
        ),
        (
            "pair_seconds_since_last",
            {"pair_seconds_since_last": 3 * 86_400.0},
            "The last payment with this card at this merchant was about 3 days before this one.",
        ),
        (
            "pair_seconds_since_first",
            {"pair_seconds_since_first": math.nan},
            "This is the first payment seen with this card at this merchant.",
        ),
        (
            "customer_seconds_since_last",
            {"customer_seconds_since_first": math.nan},
            "No earlier payment by this customer has been seen.",
        ),
    ],
)
def test_what_was_paid_before_is_told_of_every_kind_of_entity(
    by: str, changes: dict[str, float], sentence: str
) -> None:
    assert told(code_of(by).code, all_known(**changes), by=by).startswith(sentence)


@pytest.mark.parametrize(
    ("by", "value", "sentence"),
    [
        (
            "card_hour_habit_30d",
            -0.6,
            "Paid between 12:00 and 13:00 UTC; earlier payments on this card mostly came at other times of the day.",
        ),
        (
            "card_hour_habit_30d",
            0.9,
            "Paid between 12:00 and 13:00 UTC; most earlier payments on this card came near that time.",
        ),
        (
            "merchant_weekday_habit_30d",
            0.2,
            "Paid on a Friday; that day stands out little against earlier payments at this merchant.",
        ),
        (
            "card_travel_kmh",
            2700.3,
            "To get here from the last known place, this card had to travel at about 2,700 km/h.",
        ),
        (
            "card_travel_kmh",
            0.01,
            "To get here from the last known place, this card had to travel at less than 1 km/h.",
        ),
        ("customer_travel_kmh", 0.0, "This payment is at the last known place of this customer."),
        (
            "card_travel_kmh",
            math.nan,
            "The place of this payment, or the one before it for this card, is not known.",
        ),
        ("is_abroad", 1.0, "The merchant is not in the country of the billing address."),
        ("is_abroad", math.nan, "It is not known whether the merchant is in the country of the billing address."),
        ("is_remote", 1.0, "Paid at a distance: online, by mail or telephone, or by transfer."),
        ("is_remote", 0.0, "Paid in person: at a terminal or a cash machine."),
    ],
)
def test_times_places_and_channels_are_told(by: str, value: float, sentence: str) -> None:
    assert told(code_of(by).code, all_known(**{by: value}, hour_of_day=12.0, weekday=4.0), by=by) == sentence


@pytest.mark.parametrize(("kind", "sentence"), [(kind, entity.absent) for kind, entity in ENTITIES.items()])
def test_what_a_payment_does_not_name_is_told_in_one_sentence_whatever_the_code(kind: str, sentence: str) -> None:
    own = {name for name in NAMES if parse(name).entity == kind}
    features = all_known(**dict.fromkeys(own, math.nan))

    assert {text for _, strongest, text in all_sentences(features) if strongest in own} == {sentence}
