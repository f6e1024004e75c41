"""The invented customers and merchants: who lives where, spends how much and how often, and sells what."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fraudline.simulation.places import (
    ATM,
    CATEGORIES,
    CHANNEL_WEIGHTS,
    CHANNELS,
    COUNTRIES,
    ECOMMERCE,
    POS,
)

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

MERCHANTS_WITHIN_REACH = 60
LOWEST_MEAN_AMOUNT, HIGHEST_MEAN_AMOUNT = 5.0, 100.0
HIGHEST_TRANSACTIONS_A_DAY = 4.0
SHORTEST_CARD_DAYS, LONGEST_CARD_DAYS = 60, 400
_TOWN_SPREAD_DEGREES = 0.05


@dataclass(frozen=True, slots=True)
class Population:
    """Customers and merchants as columns, their number being their index.

    A town stands for the radius in which a customer finds merchants: `local` lists the merchants with a place of their
    own town by town, those of town t at `town_first[t]` … `town_first[t] + town_count[t] - 1`; `remote` lists those
    that sell from afar. A card is renewed every `card_days` days, and then has an id that nobody has seen.
    """

    customer_town: Integers
    mean_amount: Floats
    transactions_a_day: Floats
    card_days: Integers
    card_offset: Integers
    merchant_country: Integers
    merchant_channel: Integers
    merchant_category: NDArray[np.str_]
    merchant_latitude: Floats
    merchant_longitude: Floats
    town_country: Integers
    town_first: Integers
    town_count: Integers
    local: Integers
    remote: Integers
    ecommerce: Integers

    @classmethod
    def invent(cls, random: np.random.Generator, customers: int, merchants: int) -> "Population":
        """Invent a population; at least one merchant has a place, one sells online."""
        channel = random.choice(len(CHANNELS), size=merchants, p=CHANNEL_WEIGHTS)
        channel[:2] = (POS, ECOMMERCE)
        merchant_columns = _settle_merchants(random, channel)
        towns = len(merchant_columns["town_country"])
        return cls(
            customer_town=random.integers(towns, size=customers),
            mean_amount=random.uniform(LOWEST_MEAN_AMOUNT, HIGHEST_MEAN_AMOUNT, customers),
            transactions_a_day=random.uniform(0.0, HIGHEST_TRANSACTIONS_A_DAY, customers),
            card_days=random.integers(SHORTEST_CARD_DAYS, LONGEST_CARD_DAYS, customers),
            card_offset=random.integers(LONGEST_CARD_DAYS, size=customers),
            **merchant_columns,
        )

    @property
    def customers(self) -> int:
        """How many customers there are."""
        return len(self.mean_amount)

    @property
    def merchants(self) -> int:
        """How many merchants there are."""
        return len(self.merchant_channel)


def _settle_merchants(random: np.random.Generator, channel: Integers) -> dict[str, Any]:
    """Give each merchant a country and a trade, and those with a place a town."""
    weights = np.array([country.weight for country in COUNTRIES])
    is_local = (channel == POS) | (channel == ATM)
    local = np.flatnonzero(is_local)
    towns = max(1, len(local) // MERCHANTS_WITHIN_REACH)
    town_country = random.choice(len(COUNTRIES), size=towns, p=weights / weights.sum())
    boxes = np.array([(*country.latitude, *country.longitude) for country in COUNTRIES])[town_country]
    latitude = random.uniform(boxes[:, 0], boxes[:, 1])
    longitude = random.uniform(boxes[:, 2], boxes[:, 3])

    # Dealt out in turn, so that no town is without a merchant.
    town = np.sort(np.arange(len(local)) % towns)
    country = random.choice(len(COUNTRIES), size=len(channel), p=weights / weights.sum())
    country[local] = town_country[town]
    place = np.full((2, len(channel)), np.nan)
    place[:, local] = np.stack([latitude[town], longitude[town]])
    place += random.normal(0.0, _TOWN_SPREAD_DEGREES, place.shape)

    pick = random.random(len(channel))
    category = np.empty(len(channel), dtype="U4")
    for number, codes in CATEGORIES.items():
        chosen = channel == number
        category[chosen] = np.array(codes)[(pick[chosen] * len(codes)).astype(np.int64)]
    return {
        "merchant_country": country,
        "merchant_channel": channel,
        "merchant_category": category,
        "merchant_latitude": place[0].round(4),
        "merchant_longitude": place[1].round(4),
        "town_country": town_country,
        "town_first": np.searchsorted(town, np.arange(towns)),
        "town_count": np.bincount(town, minlength=towns),
        "local": local,
        "remote": np.flatnonzero(~is_local),
        "ecommerce": np.flatnonzero(channel == ECOMMERCE),
    }
