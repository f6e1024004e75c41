"""What the sentences say of payments that somebody can picture."""

import math
import re
from typing import Any

import pytest

from fraudline.domain.reasons import code_of
from fraudline.domain.reasons.entity import ENTITIES
from fraudline.domain.reasons.feature_name import parse
from kernel.builders import DAY, HOUR, NAMES, NOON, Event, Label, a_label, a_transaction
from reason_builders import all_known, all_sentences, features_after, told, values

FIRST = {
    "card": "This is the first payment seen on this card.",
    "merchant": "This is the first payment seen at this merchant.",
}
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
    ("amount", "sentence"),
    [
        (912.40, "An amount of 912.40 EUR raises the score by itself."),
        (1234567.89, "An amount of 1,234,567.89 EUR raises the score by itself."),
        (0.0, "The amount is zero: the card is only being verified."),
        (math.nan, "The amount in EUR is not known."),
        (1e18, "An amount of more than 999 billion EUR raises the score by itself."),
    ],
)
def test_an_amount_is_told_as_it_was_seen(amount: float, sentence: str) -> None:
    assert told("amount", features_after(a_transaction(amount=amount))) == sentence


@pytest.mark.parametrize(
    ("currency", "sentence"),
    [
        ("JPY", "An amount of 912 JPY raises the score by itself."),
        ("BHD", "An amount of 912.400 BHD raises the score by itself."),
    ],
)
def test_an_amount_has_the_decimals_of_its_currency(currency: str, sentence: str) -> None:
    assert told("amount", features_after(a_transaction(amount=912.40)), currency=currency) == sentence


@pytest.mark.parametrize(
    ("amounts", "sentence"),
    [
        ([60, 60, 912.40], "912.40 EUR is about 15 times this card's average payment of 60.00 EUR."),
        ([60, 60, 150], "150.00 EUR is about 2.5 times this card's average payment of 60.00 EUR."),
        ([60, 60, 90], "90.00 EUR is unusually high beside this card's average payment of about 60.00 EUR."),
        ([60, 60, 4], "4.00 EUR is unusually low beside this card's average payment of about 60.00 EUR."),
        ([1200, 1300, 1250.50], "This card's average payment is about 1,250 EUR, which raises the score by itself."),
        ([0, 0, 10], "10.00 EUR is unusually high beside this card's average payment of about 0.00 EUR."),
        ([math.nan, 10], "No earlier amount on this card is known to compare with."),
        ([10, math.nan], "The amount in EUR is not known."),
        ([10], FIRST["card"]),
    ],
)
def test_an_amount_is_held_against_the_cards_habit(amounts: list[float], sentence: str) -> None:
    stream = [a_transaction(time=NOON + n, amount=amount) for n, amount in enumerate(amounts)]

    assert told("amount_for_card", features_after(*stream), by="card_amount_mean_30d") == sentence


@pytest.mark.parametrize(
    ("amounts", "sentence"),
    [
        ([60, 60, 912.40], "912.40 EUR is about 15 times the average payment at this merchant of 60.00 EUR."),
        ([60, 60, 4], "4.00 EUR is unusually low beside the average payment at this merchant of about 60.00 EUR."),
        ([math.nan, 10], "No earlier amount at this merchant is known to compare with."),
        ([10, math.nan], "The amount in EUR is not known."),
        ([10], FIRST["merchant"]),
    ],
)
def test_an_amount_is_held_against_what_the_merchant_takes(amounts: list[float], sentence: str) -> None:
    stream = [a_transaction(time=NOON + n, amount=amount, card=n) for n, amount in enumerate(amounts)]

    assert told("amount_for_merchant", features_after(*stream), by="merchant_amount_ratio_30d") == sentence


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
    ("code", "by", "where", "beside"),
    [
        ("card_frauds", "card_frauds_30d", "on this card", "10"),
        ("merchant_frauds", "merchant_frauds_30d", "at this merchant", "10"),
        ("merchant_frauds", "merchant_risk_30d", "at this merchant", "10"),
    ],
)
def test_known_frauds_are_told_with_how_recent_they_are(code: str, by: str, where: str, beside: str) -> None:
    ten: list[Event] = [a_transaction() for _ in range(10)]
    labels: list[Event] = [a_label(), a_label()]

    assert told(code, features_after(*ten, a_transaction()), by=by) == f"No recent fraud is known {where}."
    assert told(code, features_after(*ten, *labels, a_transaction()), by=by) == (
        f"About 2 frauds {where} became known in the last month or so, beside about {beside} payments in all."
    )
    assert told(code, features_after(*labels, *ten, a_transaction(time=NOON + 61 * DAY)), by=by) == (
        f"The latest fraud {where} became known more than a month before this payment."
    )


def test_a_weeks_frauds_are_held_against_a_weeks_payments() -> None:
    stream: list[Any] = [a_transaction(), a_label(), a_transaction(time=NOON + DAY)]

    assert told("merchant_frauds", features_after(*stream), by="merchant_risk_7d") == (
        "About 1 fraud at this merchant became known in the last week or so, beside about 1 payment in all."
    )


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


def test_frauds_are_not_held_against_payments_of_which_the_older_ones_have_faded() -> None:
    features = values(merchant_frauds_7d=9.0, merchant_count_7d=4.0)

    sentence = "About 9 frauds at this merchant became known in the last week or so."
    assert told("merchant_frauds", features, by="merchant_frauds_7d") == sentence


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
    ("by", "changes", "sentence"),
    [
        (
            "card_amount_peak_30d",
            {"card_amount_peak_30d": 80.0},
            "912.40 EUR is more than any known amount on this card in the last month.",
        ),
        (
            "card_amount_peak_30d",
            {"card_amount_peak_30d": 1250.0, "card_amount_mean_30d": 900.0},
            "An earlier payment on this card came to 1,250 EUR or more, which raises the score by itself.",
        ),
        (
            "merchant_amount_spread_30d",
            {"merchant_amount_spread_30d": 1.4, "merchant_amount_mean_30d": 700.0},
            (
                "Amounts at this merchant vary widely around an average of about 700 EUR, "
                "which raises the score by itself."
            ),
        ),
        (
            "pair_amount_ratio_120d",
            {"pair_amount_ratio_120d": 913.4 / 61},
            "912.40 EUR is about 15 times this card's average payment at this merchant of 60.00 EUR.",
        ),
        (
            "country_amount_deviation_120d",
            {"country_amount_ratio_120d": 913.4 / 601, "country_amount_deviation_120d": 2.5},
            "912.40 EUR is unusually high beside the average payment at merchants of this country of about 600 EUR.",
        ),
        (
            "customer_amount_ratio_120d",
            {"customer_amount_ratio_120d": math.nan},
            "No earlier amount by this customer is known to compare with.",
        ),
    ],
)
def test_an_amount_is_held_against_what_stands_out(by: str, changes: dict[str, float], sentence: str) -> None:
    features = all_known(amount_log=math.log1p(912.40), **changes)

    assert told(code_of(by).code, features, by=by) == sentence


@pytest.mark.parametrize(
    ("by", "changes", "sentence"),
    [
        (
            "merchant_seconds_since_first_fraud",
            {"merchant_seconds_since_first_fraud": 6 * 86_400.0, "merchant_seconds_since_fraud": 20 * 3600.0},
            (
                "Frauds at this merchant began to become known about 6 days before this payment,"
                " the latest about 20 hours before it."
            ),
        ),
        (
            "merchant_seconds_since_fraud",
            {"merchant_seconds_since_first_fraud": 7200.0, "merchant_seconds_since_fraud": 7200.0},
            "The latest fraud at this merchant became known about 2 hours before this payment.",
        ),
        (
            "card_seconds_since_fraud",
            {"card_seconds_since_first_fraud": 0.0, "card_seconds_since_fraud": 0.0},
            "Fraud on this card had only just become known.",
        ),
        (
            "card_seconds_since_first_fraud",
            {"card_seconds_since_first_fraud": math.nan, "card_seconds_since_fraud": math.nan},
            "No recent fraud is known on this card.",
        ),
        (
            "customer_seconds_since_first_fraud",
            {"customer_seconds_since_first_fraud": 6 * 86_400.0},
            "Frauds among this customer's payments began to become known about 6 days before this payment.",
        ),
        (
            "country_risk_30d",
            {"country_frauds_30d": 4.0, "country_risk_30d": 0.2},
            "About 4 frauds at merchants of this country became known in the last month or so.",
        ),
    ],
)
def test_when_frauds_became_known_is_told(by: str, changes: dict[str, float], sentence: str) -> None:
    assert told(code_of(by).code, all_known(**changes), by=by) == sentence


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
