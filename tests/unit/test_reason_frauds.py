"""What the sentences say of frauds that had become known."""

import math
from typing import Any

import pytest

from fraudline.domain.reasons import code_of
from kernel.builders import DAY, NOON, Event, a_label, a_transaction
from reason_builders import all_known, features_after, told, values


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


def test_frauds_are_not_held_against_payments_of_which_the_older_ones_have_faded() -> None:
    features = values(merchant_frauds_7d=9.0, merchant_count_7d=4.0)

    sentence = "About 9 frauds at this merchant became known in the last week or so."
    assert told("merchant_frauds", features, by="merchant_frauds_7d") == sentence


@pytest.mark.parametrize("by", ["ordinary_frauds", "ordinary_fraud_share", "cleared_since_fraud"])
def test_frauds_of_usual_amounts_are_held_against_the_payments_with_known_outcomes(by: str) -> None:
    def after(*frauds: int) -> str:
        daily: list[Event] = [a_transaction(time=NOON + day * DAY) for day in range(12)]
        labels = [a_label(time=NOON + 11 * DAY, transaction_time=NOON + day * DAY) for day in frauds]
        stream = [*daily, *labels, a_transaction(time=NOON + 12 * DAY)]
        return told("merchant_frauds", features_after(*stream), by=f"merchant_{by}")

    since = "Since the first fraud of a usual amount at this merchant,"
    none = "Among the payments at this merchant with known outcomes there is no fraud of a usual amount."
    assert after() == none
    assert after(4) == f"{since} 1 of 1 known outcome turned out fraud."
    assert after(1, 2) == f"{since} 2 of 4 known outcomes turned out fraud, none of the last 2."


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
