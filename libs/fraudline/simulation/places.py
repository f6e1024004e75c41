"""Where the invented customers and merchants live, and what they pay with: countries, currencies, trades.

The rates are invented and fixed: they only have to be plausible and the same for whoever simulates and whoever trains.
"""

from typing import NamedTuple


class Country(NamedTuple):
    """A country of the simulated world: its currency, its share of the towns, and a box that its towns lie in."""

    code: str
    currency: str
    weight: float
    latitude: tuple[float, float]
    longitude: tuple[float, float]


COUNTRIES = (
    Country("DE", "EUR", 0.22, (48.0, 53.5), (7.5, 13.5)),
    Country("FR", "EUR", 0.18, (43.6, 49.5), (-0.5, 6.5)),
    Country("ES", "EUR", 0.13, (37.5, 42.5), (-5.5, 1.5)),
    Country("IT", "EUR", 0.13, (41.0, 45.8), (8.5, 13.5)),
    Country("NL", "EUR", 0.11, (51.5, 53.0), (4.5, 6.5)),
    Country("FI", "EUR", 0.05, (60.2, 63.0), (22.5, 28.5)),
    Country("GB", "GBP", 0.08, (51.0, 54.5), (-3.0, 0.0)),
    Country("US", "USD", 0.05, (33.0, 42.0), (-112.0, -75.0)),
    Country("CH", "CHF", 0.03, (46.3, 47.5), (6.5, 9.5)),
    Country("JP", "JPY", 0.02, (34.5, 36.5), (135.0, 140.0)),
)

# Euros per unit of the currency.
EUROS_PER_UNIT = {"EUR": "1", "GBP": "1.1632", "USD": "0.9215", "CHF": "1.0674", "JPY": "0.0061"}
DECIMALS = {"EUR": 2, "GBP": 2, "USD": 2, "CHF": 2, "JPY": 0}

CHANNELS = ("pos", "atm", "ecommerce", "moto", "transfer")
CHANNEL_WEIGHTS = (0.72, 0.04, 0.20, 0.02, 0.02)
POS, ATM, ECOMMERCE, MOTO, TRANSFER = range(len(CHANNELS))

# What merchants trade in, by channel (ISO 18245 merchant category codes).
CATEGORIES: dict[int, tuple[str, ...]] = {
    POS: ("5411", "5812", "5814", "5541", "5912", "5651", "5732", "7011"),
    ATM: ("6011",),
    ECOMMERCE: ("5399", "5734", "5815", "5942", "4722", "5621"),
    MOTO: ("5964", "5968"),
    TRANSFER: ("4829",),
}

# Addresses set aside for documentation: they belong to nobody.
NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
