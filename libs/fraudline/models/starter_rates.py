"""The invented rates of the simulated world, for a model that was given none."""

from datetime import date
from decimal import Decimal

import polars as pl

from fraudline.models.rates import Rates
from fraudline.simulation.places import EUROS_PER_UNIT

_FIRST_DAY = date(1970, 1, 1)


def starter_rates(base_currency: str = "EUR") -> Rates:
    """Return the invented rates of the simulated world; raise ValueError where the base currency is none of them."""
    if base_currency not in EUROS_PER_UNIT:
        raise ValueError(f"No rates to {base_currency} are built in; give a table of your own with --rates.")
    base = Decimal(EUROS_PER_UNIT[base_currency])
    return Rates(
        base_currency,
        {
            currency: ((_FIRST_DAY, round(Decimal(euros) / base, 6)),)
            for currency, euros in EUROS_PER_UNIT.items()
            if currency != base_currency
        },
    )


def converted_by_invention(currencies: pl.Series, rates: Rates) -> int:
    """Return how many amounts in some currencies the invented rates convert; 0 where these rates are others."""
    if rates.base_currency not in EUROS_PER_UNIT or rates != starter_rates(rates.base_currency):
        return 0
    return int(currencies.is_in(list(rates.table)).sum())
