"""Transactions and labels come in the order in which production sees them."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from math import isnan

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudline.domain.money import base_amount
from fraudline.kernel.events import ENTITY_KINDS, LABEL, TRANSACTION
from fraudline.kernel.keys import NO_ENTITY, entity_key
from fraudline.models.histories.history import History
from fraudline.models.histories.point_in_time import base_amounts, labels_due, point_in_time
from fraudline.models.rates import Rates
from fraudline.models.starter_rates import starter_rates
from model_builders import a_history, a_simulated_history, at

RATES = starter_rates()
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    return (moment - datetime.fromisoformat("1970-01-01T00:00:00Z")) // MICROSECOND


@pytest.mark.parametrize(
    ("occurred_at", "label_delay", "due"),
    [
        (at(0, 12), 7 * DAY, at(8, 0)),
        (at(0, 0), 7 * DAY, at(7, 0)),
        (at(0, 0, microsecond=1), 7 * DAY, at(8, 0)),
        (at(0, 23), timedelta(hours=1), at(1, 0)),
        (at(0, 23), timedelta(hours=2), at(2, 0)),
        (at(0, 0), timedelta(0), at(0, 0)),
        (at(0, 12), timedelta(0), at(1, 0)),
    ],
)
def test_a_label_falls_due_at_the_first_midnight_after_its_delay(
    occurred_at: datetime, label_delay: timedelta, due: datetime
) -> None:
    assert labels_due(np.array([micros(occurred_at)]), label_delay).tolist() == [micros(due)]


def test_labels_come_before_the_transactions_of_the_day_on_which_they_fall_due() -> None:
    history = a_history((at(0, 12), True), (at(0, 13), False), (at(1, 23), False), (at(2, 0), False), (at(2, 1), False))

    events = point_in_time(history, RATES, DAY)

    assert events.kind.tolist() == [TRANSACTION, TRANSACTION, TRANSACTION, LABEL, TRANSACTION, TRANSACTION]
    assert events.time[3] == micros(at(2, 0))
    assert events.weight.tolist() == [0, 0, 0, 1, 0, 0]
    assert events.transaction_time[2:4].tolist() == [micros(at(1, 23)), micros(at(0, 12))]


def test_a_label_has_the_entities_and_the_amount_of_its_transaction_and_nothing_else_of_it() -> None:
    told = {"device_id": "d", "customer_id": "p", "merchant_country": "NG", "billing_country": "AT", "channel": "moto"}
    history = a_history((at(0), True), (at(9), False), card_id="c", merchant_id="m", **told)
    placed = History(history.frame.with_columns(latitude=pl.lit(48.2), longitude=pl.lit(16.4)))

    events = point_in_time(placed, RATES)

    assert events.amount.tolist() == [10, 10, 10]
    identifiers = zip(ENTITY_KINDS, ("c", "m", "d", "NG", "p"), strict=True)
    assert events.keys.tolist() == [[entity_key(kind, name) for kind, name in identifiers]] * 3
    for column, value in (("latitude", 48.2), ("longitude", 16.4), ("abroad", 1), ("remote", 1)):
        np.testing.assert_array_equal(getattr(events, column), [value, np.nan, value], err_msg=column)


def test_what_a_file_does_not_tell_is_absent() -> None:
    events = point_in_time(a_history((at(0), False), merchant_country="NG"), RATES)

    absent = [kind for kind, key in zip(ENTITY_KINDS, events.keys[0].tolist(), strict=True) if key == NO_ENTITY]
    assert absent == ["device", "customer"]
    assert all(isnan(column[0]) for column in (events.latitude, events.longitude, events.abroad, events.remote))


def test_a_label_that_falls_due_after_the_last_transaction_is_left_out() -> None:
    events = point_in_time(a_history((at(0), True), (at(7, 23), True)), RATES)

    assert events.kind.tolist() == [TRANSACTION, TRANSACTION]


def test_a_label_never_comes_before_its_own_transaction() -> None:
    events = point_in_time(a_history((at(1, 0), True), (at(1, 0), False)), RATES, timedelta(0))

    assert events.kind.tolist() == [TRANSACTION, LABEL, TRANSACTION]


def test_without_outcomes_there_are_transactions_alone() -> None:
    history = a_history((at(0), True), (at(9), False))

    events = point_in_time(History(history.frame.drop("fraud")), RATES)

    assert events.kind.tolist() == [TRANSACTION, TRANSACTION]


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 5 * 24 * 60) | st.integers(0, 5).map(lambda day: day * 24 * 60), st.booleans()),
        min_size=1,
        max_size=20,
    ),
    delay_minutes=st.just(0) | st.integers(0, 3 * 24 * 60),
)
def test_the_order_is_that_of_a_plain_walk_through_time(rows: list[tuple[int, bool]], delay_minutes: int) -> None:
    delay = timedelta(minutes=delay_minutes)
    moments = [(at(0, 0) + timedelta(minutes=minute), is_fraud) for minute, is_fraud in sorted(rows)]
    expected, waiting = [], []
    for moment, is_fraud in moments:
        expected += [(LABEL, due) for due in waiting if due <= micros(moment)]
        waiting = [due for due in waiting if due > micros(moment)]
        expected.append((TRANSACTION, micros(moment)))
        if is_fraud:
            midnight = at(0, 0)
            while midnight < moment + delay:
                midnight += DAY
            waiting.append(micros(midnight))
    events = point_in_time(a_history(*moments), RATES, delay)

    assert list(zip(events.kind.tolist(), events.time.tolist(), strict=True)) == expected


def test_amounts_are_what_the_scorer_computes() -> None:
    history = a_simulated_history(days=2, customers=300)

    amounts = base_amounts(history, RATES)

    columns = (history.frame[name] for name in ("amount", "currency", "occurred_at"))
    for value, amount, currency, moment in zip(amounts.tolist(), *columns, strict=True):
        assert value == base_amount(Decimal(amount), RATES.rate(currency, moment.date()))


def test_an_amount_without_a_rate_is_unknown() -> None:
    rates = Rates.decode("EUR", b'{"USD": [["2026-01-05", "0.9"]]}')
    history = a_history((at(0), False), (at(4), False), currency="USD", amount="10.00")

    before, after = base_amounts(history, rates)

    assert isnan(before)
    assert after == 9.0


def test_days_of_a_history_begin_at_midnight() -> None:
    history = a_history((at(0, 23), False), (at(1, 0), False), (at(1, 1), False), (at(2, 0), False))

    assert [history.index_of(date(2026, 1, day)) for day in (1, 2, 3, 4)] == [0, 1, 3, 4]
    assert len(history.until(date(2026, 1, 2))) == 3
    assert (history.first_day, history.last_day) == (date(2026, 1, 1), date(2026, 1, 3))
    assert pl.Series(history.times).to_list()[1] == micros(at(1, 0))
