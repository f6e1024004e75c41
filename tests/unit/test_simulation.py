"""The simulated world: valid, in order, the same for the same seed, with three kinds of fraud to find."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fraudline.domain.posted import PostedTransaction
from fraudline.models.histories.files import write_transactions
from fraudline.models.histories.history import History
from fraudline.simulation import Simulation
from fraudline.simulation.campaigns import compromised_merchants, stolen_cards
from fraudline.simulation.places import EUROS_PER_UNIT

START = date(2026, 3, 1)


def simulated(seed: int = 1, customers: int = 400, days: int = 5, start: date = START) -> pl.DataFrame:
    return pl.concat(list(Simulation(seed, customers, 2 * customers).days(start, days)))


@pytest.fixture(scope="module")
def month() -> pl.DataFrame:
    euros = pl.col("amount").cast(pl.Float64) * pl.col("currency").replace_strict(EUROS_PER_UNIT).cast(pl.Float64)
    return simulated(customers=2000, days=30).with_columns(euros.alias("euros"))


def test_every_payment_is_a_transaction_that_ingest_takes() -> None:
    frame = simulated()

    taken = [PostedTransaction.model_validate_json(json.dumps(row)) for row in History(frame).rows()]

    assert [transaction.transaction_id for transaction in taken] == frame["transaction_id"].to_list()


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet"])
def test_the_same_seed_writes_the_same_bytes(tmp_path: Path, suffix: str) -> None:
    files = [tmp_path / f"{name}.{suffix}" for name in ("one", "again", "other")]
    for file, seed in zip(files, (3, 3, 4), strict=True):
        write_transactions(simulated(seed=seed, customers=50), file)

    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[0].read_bytes() != files[2].read_bytes()


def test_a_day_is_the_same_whichever_day_the_series_starts_on() -> None:
    later = simulated(start=START + timedelta(days=3), days=2)

    assert simulated(days=5).tail(len(later)).equals(later)


def test_payments_are_in_order_of_time_on_the_days_that_were_asked_for(month: pl.DataFrame) -> None:
    days = month["occurred_at"].dt.date()

    assert month["occurred_at"].is_sorted()
    assert days.unique().sort().to_list() == [START + timedelta(days=number) for number in range(30)]
    assert month["transaction_id"].n_unique() == len(month)


def test_customers_pay_about_twice_a_day_and_less_than_one_in_fifty_payments_is_fraud(month: pl.DataFrame) -> None:
    assert 1.7 < len(month) / 2000 / 30 < 2.2
    assert 0.004 < float(month["fraud"].mean() or 0) < 0.02


def test_large_amounts_are_fraud(month: pl.DataFrame) -> None:
    # A cent more, since euros are rounded to the cent after fraud is decided.
    large = month.filter((pl.col("currency") == "EUR") & (pl.col("euros") > 220.01))

    assert len(large) > 20
    assert large["fraud"].to_list() == [1] * len(large)


def test_at_a_compromised_merchant_nearly_every_payment_is_fraud(month: pl.DataFrame) -> None:
    struck = compromised_merchants(1, (START - date(1970, 1, 1)).days, 4000)
    names = [f"merchant-{number:06d}" for number in np.flatnonzero(struck)]
    there = month.filter(pl.col("merchant_id").is_in(names) & (pl.col("occurred_at").dt.date() == START))

    assert struck.sum() > 5
    assert len(there) > 5
    assert float(there["fraud"].mean() or 0) > 0.6


def test_a_campaign_lasts_its_days_and_ends() -> None:
    seeds_and_lasting = ((compromised_merchants, 28), (stolen_cards, 14))
    for campaign, lasts in seeds_and_lasting:
        days = np.array([campaign(2, day, 20_000) for day in range(20_000, 20_000 + 2 * lasts + 1)])
        begun = days[1] & ~days[0]

        assert begun.any()
        assert days[1 : lasts + 1, begun].all()
        assert not days[-1].all()
        assert days[lasts + 1, begun].mean() < 0.5


def test_stolen_details_show_in_larger_amounts_online_and_on_new_devices(month: pl.DataFrame) -> None:
    struck = stolen_cards(1, (START - date(1970, 1, 1)).days, 2000)
    names = [f"customer-{number:06d}" for number in np.flatnonzero(struck)]
    theirs = month.filter(
        pl.col("customer_id").is_in(names) & (pl.col("occurred_at").dt.date() < START + timedelta(days=3))
    )
    thefts, own = theirs.filter(pl.col("fraud") == 1), theirs.filter(pl.col("fraud") == 0)
    devices = thefts["device_id"].drop_nulls()

    assert len(thefts) > 10
    assert float(thefts["euros"].mean() or 0) > 2 * float(own["euros"].mean() or 0)
    assert (thefts["channel"] == "ecommerce").mean() > 0.5
    assert devices.n_unique() == len(devices)


def test_nothing_but_the_fraud_column_tells_which_payments_are_fraud() -> None:
    assert not set(simulated().columns) - {*PostedTransaction.model_fields, "fraud"}


def test_yen_have_no_decimals_and_the_others_two(month: pl.DataFrame) -> None:
    decimals = month.select("currency", pl.col("amount").str.extract(r"\.([0-9]*)$").str.len_chars().fill_null(0))

    assert set(decimals.unique().rows()) == {("EUR", 2), ("GBP", 2), ("USD", 2), ("CHF", 2), ("JPY", 0)}
    assert (month["currency"] == "EUR").mean() > 0.6


def test_addresses_belong_to_nobody(month: pl.DataFrame) -> None:
    networks = month["ip"].drop_nulls().str.extract(r"^(.*)\.[0-9]+$").unique().sort().to_list()

    assert networks == ["192.0.2", "198.51.100", "203.0.113"]


def test_some_payments_are_account_verifications(month: pl.DataFrame) -> None:
    assert 0 < (month["euros"] == 0).sum() < 0.01 * len(month)


def test_the_smallest_world_works() -> None:
    frame = pl.concat(list(Simulation(0, 1, 2).days(START, 20)))

    assert frame["customer_id"].n_unique() <= 1


def test_a_world_without_people_is_refused() -> None:
    with pytest.raises(ValueError, match="customer"):
        Simulation(1, 0, 2)


def test_days_before_the_first_are_refused() -> None:
    with pytest.raises(ValueError, match="1970"):
        next(iter(Simulation(1, 10, 20).days(date(1969, 12, 31), 1)))


def test_live_payments_take_place_now_under_ids_of_their_run() -> None:
    now = datetime(2026, 5, 4, 3, 2, 1, 123456, tzinfo=UTC)
    streams = [Simulation(1, 1000, 500).live(run) for run in ("one", "two")]

    drawn = [pl.concat([stream.draw(300, now), stream.draw(300, now + timedelta(seconds=1))]) for stream in streams]

    assert drawn[0]["occurred_at"].unique().sort().to_list() == [now, now + timedelta(seconds=1)]
    assert pl.concat(drawn)["transaction_id"].n_unique() == 1200
    assert drawn[0].drop("transaction_id").equals(drawn[1].drop("transaction_id"))
    for row in History(drawn[0]).rows():
        PostedTransaction.model_validate_json(json.dumps(row))


def test_there_is_fraud_in_a_live_stream() -> None:
    frame = Simulation(1, 5000, 2000).live("run").draw(20_000, datetime(2026, 5, 4, tzinfo=UTC))

    assert 0.002 < float(frame["fraud"].mean() or 0) < 0.03


def test_the_past_of_stolen_cards_is_ordinary_in_order_and_before_today() -> None:
    simulation = Simulation(seed=3, customers=4_000, merchants=1_000)
    now = datetime(2026, 5, 20, 9, 30, tzinfo=UTC)
    stream = simulation.live("run")

    past = stream.past(now, 14)

    stolen = stolen_cards(3, (now.date() - date(1970, 1, 1)).days, 4_000)
    assert {int(name.removeprefix("customer-")) for name in past["customer_id"]} <= set(np.flatnonzero(stolen).tolist())
    assert past["customer_id"].n_unique() > stolen.sum() * 0.9
    merchants = compromised_merchants(3, (now.date() - date(1970, 1, 1)).days, 1_000)
    struck = {f"merchant-{number:06}" for number in np.flatnonzero(merchants)}
    assert struck
    assert set(past.filter(pl.col("fraud") == 1)["merchant_id"]) <= struck
    assert past["occurred_at"].is_sorted()
    assert past["occurred_at"].min() >= datetime(2026, 5, 6, tzinfo=UTC)
    assert past["occurred_at"].max() < datetime(2026, 5, 20, tzinfo=UTC)
    live = stream.draw(500, now)
    assert set(past["transaction_id"]).isdisjoint(live["transaction_id"])
    # The same card that is stolen today: what the thief pays stands out against its habits.
    cards = dict(zip(past["customer_id"], past["card_id"], strict=True))
    known = [card for customer, card in zip(live["customer_id"], live["card_id"], strict=True) if customer in cards]
    assert known, "nobody with a past has paid"
    assert set(known) <= set(cards.values())
