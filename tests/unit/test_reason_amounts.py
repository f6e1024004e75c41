"""What the sentences say of amounts that somebody can picture."""

import math

import pytest

from fraudline.domain.reasons import code_of
from kernel.builders import NOON, a_transaction
from reason_builders import FIRST, all_known, features_after, told


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
