"""Simulated payments as a frame of the public fields of a transaction, with `fraud` (0 or 1) beside them."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from fraudline.simulation.campaigns import GENUINE
from fraudline.simulation.places import (
    CHANNELS,
    COUNTRIES,
    DECIMALS,
    ECOMMERCE,
    EUROS_PER_UNIT,
    NETWORKS,
    TRANSFER,
)
from fraudline.simulation.population import Floats, Integers, Population


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments as columns of numbers.

    `card` counts the customer's cards, `time` is in microseconds since 1970, `equipment` is the number that device and
    address follow from, `fraud_kind` is 0 where the payment is genuine (and is nowhere written out).
    """

    customer: Integers
    card: Integers
    merchant: Integers
    time: Integers
    euros: Floats
    equipment: Integers
    fraud_kind: Integers


def as_frame(people: Population, payments: Payments, id_prefix: str, first: int) -> pl.DataFrame:
    """Return the payments as a frame; their ids are `id_prefix` and their number, counted from `first`."""
    merchant = payments.merchant
    channel = people.merchant_channel[merchant]
    is_online = (channel == ECOMMERCE) | (channel == TRANSFER)
    countries = pl.Series([country.code for country in COUNTRIES])
    currency = _CURRENCY_OF[people.merchant_country[merchant]]
    frame = pl.DataFrame(
        {
            "number": np.arange(first, first + len(merchant)),
            "occurred_at": pl.Series(payments.time).cast(pl.Datetime("us", "UTC")),
            "minor": np.rint(payments.euros * _MINOR_UNITS_PER_EURO[currency]).astype(np.int64),
            "currency": pl.Series(_CURRENCIES)[currency],
            "card": payments.card,
            "merchant": merchant,
            "merchant_category": pl.Series(people.merchant_category[merchant]),
            "merchant_country": countries[people.merchant_country[merchant]],
            "billing_country": countries[people.town_country[people.customer_town[payments.customer]]],
            "channel": pl.Series(CHANNELS)[channel],
            "equipment": payments.equipment,
            "network": pl.Series(NETWORKS)[payments.equipment % len(NETWORKS)],
            "is_online": is_online,
            "latitude": people.merchant_latitude[merchant],
            "longitude": people.merchant_longitude[merchant],
            "customer": payments.customer,
            "fraud": (payments.fraud_kind != GENUINE).astype(np.int8),
        }
    )
    return frame.select(
        pl.format("{}{}", pl.lit(id_prefix), _padded("number", 6)).alias("transaction_id"),
        "occurred_at",
        _amount().alias("amount"),
        "currency",
        pl.format("card-{}-{}", _padded("customer", 6), pl.col("card")).alias("card_id"),
        pl.format("merchant-{}", _padded("merchant", 6)).alias("merchant_id"),
        "merchant_category",
        "merchant_country",
        "billing_country",
        "channel",
        pl.when("is_online").then(pl.format("device-{}", _mixed("equipment"))).alias("device_id"),
        pl.when("is_online").then(pl.format("{}.{}", pl.col("network"), _mixed("equipment") % 254 + 1)).alias("ip"),
        pl.col("latitude").fill_nan(None),
        pl.col("longitude").fill_nan(None),
        pl.format("customer-{}", _padded("customer", 6)).alias("customer_id"),
        "fraud",
    )


_CURRENCIES = tuple(EUROS_PER_UNIT)
_CURRENCY_OF = np.array([_CURRENCIES.index(country.currency) for country in COUNTRIES])
_MINOR_UNITS_PER_EURO = np.array([10 ** DECIMALS[code] / float(EUROS_PER_UNIT[code]) for code in _CURRENCIES])


def _padded(column: str, digits: int) -> pl.Expr:
    return pl.col(column).cast(pl.String).str.zfill(digits)


def _amount() -> pl.Expr:
    """Return the exact decimal string of the minor units in the currency's own decimals."""
    minor = pl.col("minor")
    two_decimals = pl.format("{}.{}", minor // 100, (minor % 100).cast(pl.String).str.zfill(2))
    has_none = pl.col("currency").is_in([code for code, decimals in DECIMALS.items() if decimals == 0])
    return pl.when(has_none).then(minor.cast(pl.String)).otherwise(two_decimals)


def _mixed(column: str) -> pl.Expr:
    """Return a number that tells nothing of the one it was made from (modulo a prime: one to one below it)."""
    return pl.col(column) % 2_147_483_647 * 48_271 % 2_147_483_647
