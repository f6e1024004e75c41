"""Amounts: exact as sent, at most the currency's own decimals (ISO 4217), and their value in the base currency."""

from decimal import Decimal
from typing import Final

from iso4217 import Currency

MAX_DIGITS: Final = 15

# Codes that stand for no money (precious metals, test codes) have no minor unit.
_DECIMALS: Final = {currency.code: currency.exponent for currency in Currency if currency.exponent is not None}


def decimals_of(currency: str) -> int | None:
    """Return how many decimals an amount in `currency` (ISO 4217 code) may have; None where there is no such money."""
    return _DECIMALS.get(currency)


def has_too_many_decimals(amount: Decimal, decimals: int) -> bool:
    """Return whether `amount` has digits other than zero beyond the currency's decimals."""
    return amount != round(amount, decimals)


def canonical_amount(amount: Decimal) -> str:
    """Return the one spelling that equal amounts share: no exponent, no trailing zeros, no negative zero."""
    return format(amount.normalize() if amount else Decimal(0), "f")


def base_amount(amount: Decimal, rate: Decimal | None) -> float | None:
    """Return `amount` in the base currency as the kernel sees it; None where there is no rate.

    The product is exact in decimal arithmetic (28 digits), then rounded once to the nearest double.
    """
    return None if rate is None else float(amount * rate)
