"""A rate holds from its day on, and before the first one there is none."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from fraudline.domain.money import decimals_of
from fraudline.models.rates import Rates
from fraudline.models.starter_rates import converted_by_invention, starter_rates
from fraudline.simulation.places import COUNTRIES, DECIMALS

RATES = Rates.decode("EUR", b'{"USD": [["2026-01-01", "0.92"], ["2026-03-01", "0.95"]]}')


@pytest.mark.parametrize(
    ("day", "rate"),
    [
        (date(2025, 12, 31), None),
        (date(2026, 1, 1), Decimal("0.92")),
        (date(2026, 2, 28), Decimal("0.92")),
        (date(2026, 3, 1), Decimal("0.95")),
        (date(2036, 3, 1), Decimal("0.95")),
    ],
)
def test_a_rate_holds_from_its_day_on(day: date, rate: Decimal | None) -> None:
    assert RATES.rate("USD", day) == rate


def test_the_base_currency_is_worth_itself_on_any_day() -> None:
    assert RATES.rate("EUR", date(1970, 1, 1)) == 1


def test_an_unknown_currency_has_no_rate() -> None:
    assert RATES.rate("GBP", date(2026, 1, 1)) is None


def test_rates_are_stored_exactly() -> None:
    assert Rates.decode("EUR", RATES.encode()) == RATES


@pytest.mark.parametrize("base_currency", ["EUR", "USD", "JPY"])
def test_the_starter_rates_know_every_currency_of_the_simulated_world(base_currency: str) -> None:
    rates = starter_rates(base_currency)

    assert all(rates.rate(country.currency, date(2026, 1, 1)) for country in COUNTRIES)
    assert Rates.decode(base_currency, rates.encode()) == rates


def test_a_base_currency_without_starter_rates_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match="--rates"):
        starter_rates("NOK")


def test_amounts_that_invented_rates_convert_are_counted_and_those_of_given_ones_are_not() -> None:
    currencies = pl.Series(["EUR", "USD", "USD", "MRU"])

    assert converted_by_invention(currencies, starter_rates()) == 2
    assert converted_by_invention(currencies, starter_rates("USD")) == 1
    assert converted_by_invention(currencies, RATES) == 0
    assert converted_by_invention(currencies, Rates("NOK", {})) == 0


def test_the_simulated_world_pays_in_the_decimals_of_its_currencies() -> None:
    assert {code: decimals_of(code) for code in DECIMALS} == DECIMALS
