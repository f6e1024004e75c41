"""The codes cover every feature, and each sentence is true of the values that it tells."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudline.domain.policy import POLICY_CODES
from fraudline.domain.reasons import CODES, NOT_EXPLAINED, NOTHING_STANDS_OUT, Facts, ReasonCode
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.registry import FEATURES
from kernel.builders import DAY, HOUR, NOON, Event, Label, Transaction, a_label, a_transaction, by_name, events_of
from kernel.oracles import HALF_LIFE_SECONDS, Past, past
from kernel.streams import streams

NAMES = tuple(feature.name for feature in FEATURES)
BY_CODE = {code.code: code for code in CODES}
WINDOWS = {"hour": "1h", "day": "1d", "week": "7d", "month": "30d"}
FIRST = {
    "card": "This is the first payment seen on this card.",
    "merchant": "This is the first payment seen at this merchant.",
}
MINUTE = HOUR // 60


def told(code: str, values: dict[str, float], *, by: str | None = None, currency: str = "EUR") -> str:
    """Return a code's sentence; `by` is the feature that weighed the most, its first one where it does not matter."""
    return BY_CODE[code].sentence(Facts(values, by or BY_CODE[code].features[0], currency))


def features_after(*stream: Event) -> dict[str, float]:
    """Return what the kernel computes for the last transaction of a stream."""
    return by_name(Kernel().apply(events_of(stream))[-1])


def values(**changes: float) -> dict[str, float]:
    """Return the features of an ordinary payment but for the changes."""
    ordinary = features_after(*(a_transaction(time=NOON + day * DAY) for day in range(60)))
    return ordinary | changes


def all_sentences(features: dict[str, float], currency: str = "EUR") -> Iterator[tuple[ReasonCode, str, str]]:
    for code in CODES:
        for strongest in code.features:
            yield code, strongest, code.sentence(Facts(features, strongest, currency))


def test_every_feature_has_exactly_one_code_and_every_code_has_features() -> None:
    owned = Counter(feature for code in CODES for feature in code.features)

    assert owned == Counter(NAMES)
    assert all(code.features for code in CODES)


def test_no_two_reasons_share_a_code() -> None:
    codes = [code.code for code in CODES]

    assert len({*codes, *POLICY_CODES, NOT_EXPLAINED, NOTHING_STANDS_OUT.code}) == len(codes) + len(POLICY_CODES) + 2


@pytest.mark.parametrize("value", [math.nan, 0.0, -1.0, math.inf, -math.inf, 1e18, 1e308, 5e-324, 0.5, 1.0])
@pytest.mark.parametrize("code", CODES, ids=lambda code: code.code)
def test_every_code_has_a_sentence_for_every_kind_of_value(code: ReasonCode, value: float) -> None:
    for strongest in code.features:
        assert_is_sentence(code.sentence(Facts(dict.fromkeys(NAMES, value), strongest, "EUR")))


@given(st.fixed_dictionaries({name: st.floats() for name in NAMES}))
@settings(max_examples=300)
def test_no_float_breaks_a_sentence(features: dict[str, float]) -> None:
    for code, strongest, sentence in all_sentences(features):
        assert_is_sentence(sentence)
        assert sentence == code.sentence(Facts(dict(features), strongest, "EUR"))


@given(
    st.fixed_dictionaries({name: st.one_of(st.just(math.nan), st.floats(0, 1e6, width=32)) for name in NAMES}),
    st.sampled_from(["EUR", "JPY", "BHD"]),
)
def test_no_plausible_value_breaks_a_sentence(features: dict[str, float], currency: str) -> None:
    for _, _, sentence in all_sentences(features, currency):
        assert_is_sentence(sentence)


def assert_is_sentence(text: str) -> None:
    assert re.fullmatch(r"[A-Z0-9][A-Za-z0-9 ,.:;']+[a-zA-Z0-9]\.", text), text
    assert not re.search(r"\b(nan|inf|e[+-]?\d+|-\d)\b|  ", text, re.IGNORECASE), text
    assert len(text) < 160, text


@given(streams(max_size=12))
@settings(max_examples=150, deadline=None)
def test_what_a_sentence_says_outright_is_so(stream: list[Event]) -> None:
    rows = Kernel().apply(events_of(stream))
    transactions = [(n, event) for n, event in enumerate(stream) if isinstance(event, Transaction)]
    for (n, event), row in zip(transactions, rows, strict=True):
        for kind in ("card", "merchant"):
            assert_is_true(kind, past(stream[:n], event, kind), by_name(row), stream[:n])


def assert_is_true(kind: str, own: Past, features: dict[str, float], history: Sequence[Event]) -> None:
    """Hold the sentences that leave no doubt against the full history of one card or merchant."""
    ages = [own.age_seconds(transaction.time) for transaction in own.transactions]
    for code, strongest, sentence in all_sentences(features):
        if not code.code.startswith(kind):
            continue
        half_life = HALF_LIFE_SECONDS.get(strongest.rsplit("_", 1)[1], 0)
        if "first payment" in sentence:
            assert not ages
        if sentence.startswith("No payment"):
            assert not any(age <= half_life for age in ages)
        if sentence.startswith("Next to nothing"):
            recent = [t.amount for t, age in zip(own.transactions, ages, strict=True) if age <= half_life]
            assert math.fsum(amount for amount in recent if not math.isnan(amount)) < 2
        standing = [label for label in own.labels if label.weight > 0]
        if any(label.weight < 0 for label in own.labels) or any(label.time > own.now for label in standing):
            continue
        if "recent fraud is known" in sentence or "became known more than" in sentence:
            assert not any(own.age_seconds(label.time) < half_life for label in standing)
        if "became known in the last" in sentence:
            assert standing
    assert len(history) >= len(ages)


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
        for code, _, sentence in all_sentences(features)
        if kind in code.code and not code.code.endswith("frauds")
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

    assert told("amount_for_card", features_after(*stream)) == sentence


@pytest.mark.parametrize(
    ("amounts", "sentence"),
    [
        ([60, 60, 912.40], "912.40 EUR is about 15 times the average payment at this merchant of 60.00 EUR."),
        ([60, 60, 4], "4.00 EUR is lower than the average payment at this merchant of about 60.00 EUR."),
        ([math.nan, 10], "No earlier amount at this merchant is known to compare with."),
        ([10, math.nan], "The amount in EUR is not known."),
        ([10], FIRST["merchant"]),
    ],
)
def test_an_amount_is_held_against_what_the_merchant_takes(amounts: list[float], sentence: str) -> None:
    stream = [a_transaction(time=NOON + n, amount=amount, card=n) for n, amount in enumerate(amounts)]

    assert told("amount_for_merchant", features_after(*stream)) == sentence


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
        f"The last fraud {where} became known more than a month before this payment."
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
    assert told("card_frauds", features).startswith("About 1 fraud on this card became known in the last month")


def test_frauds_are_not_held_against_payments_of_which_the_older_ones_have_faded() -> None:
    features = values(merchant_frauds_7d=9.0, merchant_count_7d=4.0)

    sentence = "About 9 frauds at this merchant became known in the last week or so."
    assert told("merchant_frauds", features, by="merchant_frauds_7d") == sentence
