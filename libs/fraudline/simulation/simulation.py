"""A simulated world of card payments: seeded, the same bytes for the same arguments.

It follows the generator of the public fraud-detection handbook (customers with a mean amount and a mean number of
payments a day, merchants within reach, spending by time of day, three kinds of fraud) and fills the fields that the
handbook does not have: channel, device, address, trade, countries, currencies and coordinates.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fraudline.simulation.campaigns import (
    COMPROMISED_MERCHANT,
    COMPROMISED_SHARE,
    GENUINE,
    LARGE_AMOUNT,
    LARGE_AMOUNT_EUROS,
    STOLEN_AMOUNT_FACTOR,
    STOLEN_DETAILS,
    STOLEN_ONLINE_SHARE,
    STOLEN_SHARE,
    compromised_merchants,
    stolen_cards,
)
from fraudline.simulation.frame import Payments, as_frame
from fraudline.simulation.population import Floats, Integers, Population

DAY_MICROSECONDS = 86_400_000_000
_EPOCH = date(1970, 1, 1)
_NOON_MICROSECONDS = DAY_MICROSECONDS // 2
_TIME_OF_DAY_SPREAD_MICROSECONDS = 20_000_000_000
_REMOTE_SHARE = 0.25
_ACCOUNT_VERIFICATION_SHARE = 0.004
# Times the customer's mean: what is above is left out of a past that nobody is to look at again.
_ORDINARY = 1.4
_POPULATION, _, _DAYS, _LIVE = range(4)


@dataclass(frozen=True, slots=True)
class _Campaigns:
    """What is under way on one day."""

    day: int
    compromised: NDArray[np.bool_]
    stolen: NDArray[np.bool_]


class Simulation:
    """Invented payments of `customers` at `merchants`; `seed` decides everything."""

    def __init__(self, seed: int = 1, customers: int = 2000, merchants: int = 4000) -> None:
        if customers < 1 or merchants < 2 or seed < 0:  # noqa: PLR2004 - one merchant with a place, one online
            raise ValueError("A simulation needs a seed of 0 or more, at least one customer and two merchants.")
        self.seed = seed
        self.population = Population.invent(self._random(_POPULATION), customers, merchants)

    def days(self, start: date, count: int) -> Iterator[pl.DataFrame]:
        """Yield one frame a day, from `start` on: the public fields of transactions, in order of time, and `fraud`.

        A day is the same whichever day the series starts on: campaigns of fraud are under way from the first.
        """
        if start < _EPOCH:
            raise ValueError("Simulated days begin in 1970 or later.")
        for offset in range(count):
            yield self._day(start + timedelta(days=offset))

    def live(self, run: str) -> "LiveStream":
        """Return a stream of payments that take place when they are drawn; `run` makes their ids its own."""
        return LiveStream(self, run)

    def _random(self, *stream: int) -> np.random.Generator:
        return np.random.Generator(np.random.PCG64((self.seed, *stream)))

    def _day(self, day: date) -> pl.DataFrame:
        number = (day - _EPOCH).days
        random = self._random(_DAYS, number)
        counts = random.poisson(self.population.transactions_a_day)
        customer = np.repeat(np.arange(self.population.customers), counts)
        moment = random.normal(_NOON_MICROSECONDS, _TIME_OF_DAY_SPREAD_MICROSECONDS, len(customer)).astype(np.int64)
        in_day = (moment >= 0) & (moment < DAY_MICROSECONDS)
        customer, moment = customer[in_day], moment[in_day]
        order = np.argsort(moment, kind="stable")
        payments = self._pay(
            random, customer[order], moment[order] + number * DAY_MICROSECONDS, self._campaigns(number)
        )
        return as_frame(self.population, payments, f"sim-{self.seed}-{day:%Y%m%d}-", first=0)

    def _campaigns(self, day: int) -> _Campaigns:
        return _Campaigns(
            day,
            compromised_merchants(self.seed, day, self.population.merchants),
            stolen_cards(self.seed, day, self.population.customers),
        )

    def _pay(self, random: np.random.Generator, customer: Integers, time: Integers, campaigns: _Campaigns) -> Payments:
        """Let each of `customer` pay at `time`: where, how much, with what, and whether it is fraud."""
        people, size = self.population, len(customer)
        merchant, is_remote = self._choose_merchants(random, customer)
        euros = _spend(random, people.mean_amount[customer])
        is_verification = is_remote & (random.random(size) < _ACCOUNT_VERIFICATION_SHARE)
        euros[is_verification] = 0.0
        is_large = euros > LARGE_AMOUNT_EUROS

        is_thief = campaigns.stolen[customer] & (random.random(size) < STOLEN_SHARE)
        is_thief_online = is_thief & (random.random(size) < STOLEN_ONLINE_SHARE)
        elsewhere = people.ecommerce[random.integers(len(people.ecommerce), size=size)]
        merchant = np.where(is_thief_online, elsewhere, merchant)
        euros = np.where(is_thief, euros * STOLEN_AMOUNT_FACTOR, euros)
        is_skimmed = campaigns.compromised[merchant] & (random.random(size) < COMPROMISED_SHARE)
        kind = np.select(
            [is_thief, is_skimmed, is_large], [STOLEN_DETAILS, COMPROMISED_MERCHANT, LARGE_AMOUNT], GENUINE
        )
        # Each customer has two devices and two addresses; a thief's are new each time.
        second = (random.random(size) < 0.2).astype(np.int64)  # noqa: PLR2004 - the share of the second one
        stranger = random.integers(1 << 40, size=size)
        return Payments(
            customer=customer,
            card=(campaigns.day + people.card_offset[customer]) // people.card_days[customer],
            merchant=merchant,
            time=time,
            euros=euros,
            equipment=np.where(is_thief, stranger, customer * 2 + second),
            fraud_kind=kind,
        )

    def _choose_merchants(self, random: np.random.Generator, customer: Integers) -> tuple[Integers, NDArray[np.bool_]]:
        people, size = self.population, len(customer)
        is_remote = random.random(size) < _REMOTE_SHARE
        pick = random.random(size)
        town = people.customer_town[customer]
        near = people.local[people.town_first[town] + (pick * people.town_count[town]).astype(np.int64)]
        # Squared: a few of those that sell from afar are known to all, most to few.
        far = people.remote[(pick * pick * len(people.remote)).astype(np.int64)]
        return np.where(is_remote, far, near), is_remote


class LiveStream:
    """Payments that take place when they are drawn, with the same people and kinds of fraud as the simulated days."""

    def __init__(self, simulation: Simulation, run: str) -> None:
        self._simulation = simulation
        self._run = run
        self._drawn = 0
        self._random = simulation._random(_LIVE)  # noqa: SLF001 - one noun in two classes of one file
        habits = np.cumsum(simulation.population.transactions_a_day)
        self._habits = habits / habits[-1]
        self._campaigns: _Campaigns | None = None

    def draw(self, count: int, now: datetime) -> pl.DataFrame:
        """Return `count` payments that take place at `now`, as one frame like those of the simulated days."""
        time = int((now - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
        day = time // DAY_MICROSECONDS
        if self._campaigns is None or self._campaigns.day != day:
            self._campaigns = self._simulation._campaigns(day)  # noqa: SLF001 - one noun in two classes of one file
        customer = np.searchsorted(self._habits, self._random.random(count), side="right")
        payments = self._simulation._pay(  # noqa: SLF001 - one noun in two classes of one file
            self._random, customer, np.full(count, time), self._campaigns
        )
        frame = as_frame(self._simulation.population, payments, f"{self._run}-", first=self._drawn)
        self._drawn += count
        return frame

    def past(self, now: datetime, days: int) -> pl.DataFrame:
        """Return what those whose cards are stolen by `now` paid in the days before its day, in order of time.

        The thief's own are not among them, and none beyond the ordinary: these are the habits that he stands out
        against. Merchants that are compromised today had their frauds before.
        """
        people, simulation = self._simulation.population, self._simulation
        today = (now.date() - _EPOCH).days
        customers = np.flatnonzero(stolen_cards(simulation.seed, today, people.customers))
        counts = self._random.poisson(people.transactions_a_day[customers] * days)
        customer = np.repeat(customers, counts)
        day = today - days + self._random.integers(days, size=len(customer))
        of_day = self._random.normal(_NOON_MICROSECONDS, _TIME_OF_DAY_SPREAD_MICROSECONDS, len(customer))
        time = day * DAY_MICROSECONDS + np.clip(of_day, 0, DAY_MICROSECONDS - 1).astype(np.int64)
        order = np.argsort(time, kind="stable")
        campaigns = replace(simulation._campaigns(today), stolen=np.zeros(people.customers, np.bool_))  # noqa: SLF001 - as above
        payments = simulation._pay(self._random, customer[order], time[order], campaigns)  # noqa: SLF001 - as above
        frame = as_frame(people, payments, f"{self._run}-past-", first=0)
        is_ordinary = payments.euros <= _ORDINARY * people.mean_amount[payments.customer]
        return frame.filter(pl.Series(is_ordinary))


def _spend(random: np.random.Generator, mean: Floats) -> Floats:
    """Draw amounts as the handbook does: normal around the customer's mean, a negative one drawn again evenly."""
    amount = random.normal(mean, mean / 2)
    again = random.uniform(0.0, 2 * mean)
    return np.where(amount < 0, again, amount)
