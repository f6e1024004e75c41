"""The three kinds of fraud of the public handbook, as campaigns that begin on a day and last.

1. An amount over 220 euros is fraud: what any system must find, and what shows that it works.
2. A merchant is compromised for 28 days: nearly every payment there is fraud. Found by what is known of the merchant.
3. A card's details are stolen for 14 days: a third of its payments are the thief's, with amounts five times as high,
   mostly online from a device that nobody has seen, at merchants of any country. Found by the card's own history.

A day's campaigns follow from the seed and the day alone, so that any day can be simulated without those before it.
"""

import numpy as np
from numpy.typing import NDArray

LARGE_AMOUNT_EUROS = 220.0
COMPROMISED_DAYS = 28
COMPROMISED_SHARE = 0.9
COMPROMISED_A_DAY = 0.0002
STOLEN_DAYS = 14
STOLEN_SHARE = 1 / 3
STOLEN_A_DAY = 0.0006
STOLEN_AMOUNT_FACTOR = 5.0
STOLEN_ONLINE_SHARE = 0.7

GENUINE, LARGE_AMOUNT, COMPROMISED_MERCHANT, STOLEN_DETAILS = range(4)

_COMPROMISE, _THEFT = range(2)


def compromised_merchants(seed: int, day: int, merchants: int) -> NDArray[np.bool_]:
    """Return for each merchant whether it is compromised on `day` (days since 1970)."""
    return _struck(seed, day, merchants, share_a_day=COMPROMISED_A_DAY, lasts_days=COMPROMISED_DAYS, kind=_COMPROMISE)


def stolen_cards(seed: int, day: int, customers: int) -> NDArray[np.bool_]:
    """Return for each customer whether the card's details are stolen on `day` (days since 1970)."""
    return _struck(seed, day, customers, share_a_day=STOLEN_A_DAY, lasts_days=STOLEN_DAYS, kind=_THEFT)


def _struck(seed: int, day: int, size: int, *, share_a_day: float, lasts_days: int, kind: int) -> NDArray[np.bool_]:
    struck = np.zeros(size, dtype=np.bool_)
    for begin in range(max(0, day - lasts_days + 1), day + 1):
        random = np.random.Generator(np.random.PCG64((seed, 1, kind, begin)))
        struck[random.integers(size, size=random.poisson(share_a_day * size))] = True
    return struck
