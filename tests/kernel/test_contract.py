"""The contract that every feature keeps, run over the registry of all of them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fraudline.kernel.events import Events
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.registry import FEATURES, Feature
from kernel.builders import (
    DAY,
    HOUR,
    NAMES,
    NOON,
    SECOND,
    Event,
    Label,
    Transaction,
    a_label,
    a_transaction,
    bits,
    by_name,
    column,
    events_of,
    its_correction,
)
from kernel.oracles import ORACLES
from kernel.streams import TRANSACTIONS, streams

BY_LABELS = [name for name in NAMES if "frauds" in name or "risk" in name]
BY_TRANSACTIONS = [name for name in NAMES if name not in BY_LABELS]
BY_OWN_AMOUNT = [
    "amount_log",
    "amount_is_zero",
    "card_amount_ratio_30d",
    "card_amount_deviation_30d",
    "merchant_amount_ratio_30d",
]
NAN_WHEN_NEW = [
    "card_amount_mean_30d",
    "card_amount_ratio_30d",
    "card_amount_deviation_30d",
    "card_seconds_since_last",
    "card_seconds_since_first",
    "merchant_amount_ratio_30d",
    "merchant_seconds_since_last",
    "merchant_seconds_since_first",
]


def kernel_after(*streams_before: Sequence[Event]) -> Kernel:
    kernel = Kernel()
    for stream in streams_before:
        kernel.apply(events_of(stream))
    kernel.settle()
    return kernel


def features_of(stream: Sequence[Event]) -> NDArray[np.float64]:
    return Kernel().apply(events_of(stream))


def agree(value: float, truth: float) -> bool:
    if math.isnan(truth):
        return math.isnan(value)
    return math.isclose(value, truth, rel_tol=1e-9, abs_tol=1e-12)


def test_every_feature_has_an_oracle_and_a_unique_name() -> None:
    assert sorted(ORACLES) == sorted(NAMES)
    assert all(feature.unit and feature.definition and "\n" not in feature.definition for feature in FEATURES)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
@given(stream=streams())
@settings(max_examples=25, deadline=None)
def test_a_feature_equals_its_oracle_over_the_full_history(feature: Feature, stream: list[Event]) -> None:
    values = iter(column(features_of(stream), feature.name))
    for position, event in enumerate(stream):
        if isinstance(event, Transaction):
            value, truth = next(values), ORACLES[feature.name](stream[:position], event)
            assert agree(value, truth), f"{feature.name} of event {position}: {value!r}, by its oracle {truth!r}"


@given(stream=streams(), other=streams(), data=st.data())
@settings(max_examples=60, deadline=None)
def test_features_do_not_change_when_later_events_do(
    stream: list[Event], other: list[Event], data: st.DataObject
) -> None:
    cut = data.draw(st.integers(0, len(stream)))
    shown = sum(isinstance(event, Transaction) for event in stream[:cut])

    as_it_was = features_of(stream)[:shown]
    with_another_future = features_of([*stream[:cut], *other])[:shown]

    assert bits(as_it_was) == bits(with_another_future)


@given(stream=streams(), cuts=st.sets(st.integers(1, 23)))
@settings(max_examples=60, deadline=None)
def test_one_batch_equals_many_small_ones_and_many_single_events(stream: list[Event], cuts: set[int]) -> None:
    events = events_of(stream)
    bounds = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    whole, cut, single = Kernel(), Kernel(), Kernel()

    at_once = whole.apply(events)
    in_parts = [cut.apply(events.part(start, stop)) for start, stop in pairwise(bounds)]
    one_by_one = [single.apply(events.part(n, n + 1)) for n in range(len(events))]

    assert bits(at_once) == [row for part in in_parts for row in bits(part)]
    assert bits(at_once) == [row for part in one_by_one for row in bits(part)]
    assert whole.digest() == cut.digest() == single.digest()


@given(before=streams(), gone=streams(), after=streams())
@settings(max_examples=60, deadline=None)
def test_what_is_taken_back_was_never_seen(before: list[Event], gone: list[Event], after: list[Event]) -> None:
    kernel, untouched = kernel_after(before), kernel_after(before)

    kernel.apply(events_of(gone))
    kernel.take_back()

    assert kernel.digest() == untouched.digest()
    assert kernel.entities == untouched.entities
    assert bits(kernel.apply(events_of(after))) == bits(untouched.apply(events_of(after)))
    assert kernel.digest() == untouched.digest()


@given(before=streams(), kept=streams(), gone=streams(), after=streams())
@settings(max_examples=60, deadline=None)
def test_a_savepoint_in_the_middle_keeps_what_came_before_it(
    before: list[Event], kept: list[Event], gone: list[Event], after: list[Event]
) -> None:
    kernel, untouched = kernel_after(before), kernel_after(before, kept)
    at_settle = kernel.digest()

    kernel.apply(events_of(kept))
    middle = kernel.savepoint()
    kernel.apply(events_of(gone))
    kernel.take_back(middle)

    assert kernel.digest() == untouched.digest()
    assert bits(kernel.apply(events_of(after))) == bits(untouched.apply(events_of(after)))
    kernel.take_back()
    assert kernel.digest() == at_settle


@given(log=streams(), tail=streams())
@settings(max_examples=40, deadline=None)
def test_a_kernel_fed_the_log_again_equals_one_that_never_stopped(log: list[Event], tail: list[Event]) -> None:
    running, restarted = Kernel(), Kernel()
    for n, event in enumerate(log):
        running.apply(events_of([event]))
        if n % 3 == 0:
            running.settle()

    restarted.apply(events_of(log))

    assert restarted.digest() == running.digest()
    assert bits(restarted.apply(events_of(tail))) == bits(running.apply(events_of(tail)))


def test_the_first_transaction_of_new_entities_has_zeros_and_nan_where_nothing_is_defined() -> None:
    features = by_name(features_of([a_transaction(amount=0.0)])[0])

    own = {"amount_log": 0.0, "amount_is_zero": 1.0, "hour_of_day": 12.0, "weekday": 0.0}
    assert {name: value for name, value in features.items() if name in own} == own
    assert sorted(name for name, value in features.items() if math.isnan(value)) == sorted(NAN_WHEN_NEW)
    assert all(features[name] == 0.0 for name in NAMES if name not in own and name not in NAN_WHEN_NEW)


def test_no_events_give_no_features_and_change_nothing() -> None:
    kernel = Kernel()
    before = kernel.digest()

    assert kernel.apply(Events.empty()).shape == (0, len(FEATURES))
    assert kernel.digest() == before
    assert kernel.entities == 0


def test_a_late_event_counts_by_its_age_and_moves_no_clock() -> None:
    late = a_transaction(time=NOON - HOUR, amount=10.0)
    first, late_row, last = features_of([a_transaction(amount=10.0), late, a_transaction(time=NOON)])

    assert by_name(first)["card_seconds_late"] == 0.0
    assert by_name(late_row)["card_seconds_late"] == 3_600.0
    assert by_name(late_row)["card_seconds_since_last"] == 0.0
    assert by_name(late_row)["card_count_1h"] == 1.0
    assert by_name(last)["card_count_1h"] == 1.5
    assert by_name(last)["card_amount_1h"] == 15.0
    assert by_name(last)["card_seconds_late"] == 0.0
    assert by_name(last)["card_seconds_since_first"] == 0.0


def test_an_event_sees_one_of_the_same_time_that_arrived_before_it() -> None:
    _, second = features_of([a_transaction(), a_transaction()])

    assert by_name(second)["card_count_1h"] == 1.0
    assert by_name(second)["card_seconds_since_last"] == 0.0


@pytest.mark.parametrize("amount", [1e15, 1e18])
def test_huge_amounts_stay_finite_and_wear_off(amount: float) -> None:
    stream: list[Event] = [a_transaction(time=NOON + n * DAY, amount=amount if n < 5 else 20.0) for n in range(500)]
    features = features_of(stream)
    last = stream.pop()

    assert np.isfinite(features[1:]).all()
    assert isinstance(last, Transaction)
    for name, value in by_name(features[-1]).items():
        assert agree(value, ORACLES[name](stream, last)), name


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, -0.01, 1.1e18])
def test_an_unknown_amount_is_counted_and_never_summed(amount: float) -> None:
    before, unknown, after = features_of([a_transaction(), a_transaction(amount=amount), a_transaction()])

    assert sorted(name for name in NAMES if math.isnan(by_name(unknown)[name])) == sorted(BY_OWN_AMOUNT)
    assert by_name(before)["card_count_1d"] == 0.0
    assert by_name(after)["card_count_1d"] == 2.0
    assert by_name(after)["card_amount_1d"] == 20.0
    assert by_name(after)["card_amount_mean_30d"] == 20.0
    assert by_name(after)["card_amount_deviation_30d"] == pytest.approx(0.0)


@given(stream=st.lists(TRANSACTIONS, max_size=12), times=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=12))
@settings(max_examples=40, deadline=None)
def test_extreme_times_neither_overflow_nor_leave_anything_but_finite_values(
    stream: list[Transaction], times: list[int]
) -> None:
    shaken = [Transaction(time, t.amount, t.card, t.merchant) for t, time in zip(stream, times, strict=False)]
    shaken += [a_transaction(time=time) for time in (2**63 - 1, -(2**63), 0, NOON)]
    features = features_of(shaken)

    assert not np.isinf(features).any()
    for name in ("card_seconds_since_last", "card_seconds_since_first", "card_seconds_late", "card_count_30d"):
        assert all(not value < 0.0 for value in column(features, name))
    assert all(0 <= hour < 24 for hour in column(features, "hour_of_day"))
    assert all(0 <= day < 7 for day in column(features, "weekday"))


@given(stream=streams())
@settings(max_examples=60, deadline=None)
def test_labels_leave_every_feature_of_transactions_as_it_is(stream: list[Event]) -> None:
    unlabelled = [event for event in stream if isinstance(event, Transaction)]
    columns = [NAMES.index(name) for name in BY_TRANSACTIONS]

    with_labels = features_of(stream)[:, columns]
    without = features_of(unlabelled)[:, columns]

    assert bits(np.ascontiguousarray(with_labels)) == bits(np.ascontiguousarray(without))


@given(stream=streams(), label=st.builds(Label, st.just(NOON), st.just(1), st.just(7), st.just(1.0)), after=streams())
@settings(max_examples=60, deadline=None)
def test_a_correction_takes_its_label_back_to_within_rounding(
    stream: list[Event], label: Label, after: list[Event]
) -> None:
    columns = [NAMES.index(name) for name in BY_LABELS]
    now = NOON + 60 * DAY
    before, between = ([replace(e, time=min(e.time, now)) for e in events] for events in (stream, after))
    last = a_transaction(time=now, card=1, merchant=7)

    corrected = features_of([*before, label, *between, its_correction(label), last])
    never = features_of([*before, *between, last])

    assert corrected[-1, columns] == pytest.approx(never[-1, columns], abs=1e-12)
    assert (corrected[:, columns] >= 0.0).all()


def test_the_only_label_leaves_no_trace_when_it_is_corrected() -> None:
    kernel = kernel_after([a_transaction()])
    before = kernel.digest()
    label = a_label(time=NOON + 7 * DAY)

    kernel.apply(events_of([label]))
    assert kernel.digest() != before
    kernel.apply(events_of([its_correction(label)]))

    assert kernel.digest() == before


def test_no_count_of_frauds_goes_under_zero() -> None:
    label = a_label()
    stray = its_correction(a_label(time=NOON + DAY))
    features = features_of([a_label(time=NOON - 30 * DAY), label, stray, stray, stray, a_transaction()])

    assert all(by_name(features[0])[name] == 0.0 for name in BY_LABELS)


def test_a_fraud_decays_from_its_report_and_raises_the_risk() -> None:
    stream: list[Event] = [a_transaction(), a_label(time=NOON + DAY), a_transaction(time=NOON + 31 * DAY)]
    features = by_name(features_of(stream)[1])

    assert features["card_frauds_30d"] == 0.5
    assert features["merchant_frauds_30d"] == 0.5
    assert features["merchant_risk_30d"] == pytest.approx(0.5 / (2.0 ** (-31 / 30) + 5))


def test_a_label_ahead_of_the_transactions_counts_as_it_stands() -> None:
    features = by_name(features_of([a_label(time=NOON + DAY), a_transaction()])[0])

    assert features["card_frauds_30d"] == 1.0
    assert features["card_seconds_late"] == 0.0


def test_the_first_label_makes_an_entity_that_no_transaction_has_shown() -> None:
    kernel = Kernel()
    kernel.apply(events_of([a_label(card=8, merchant=9)]))
    features = by_name(kernel.apply(events_of([a_transaction(card=8, merchant=9)]))[0])

    assert kernel.entities == 2
    assert features["card_frauds_30d"] == 1.0
    assert features["card_count_30d"] == 0.0
    assert math.isnan(features["card_seconds_since_last"])


def test_a_card_that_always_pays_the_same_does_not_turn_a_cent_into_infinity() -> None:
    stream = [a_transaction(time=NOON + n * SECOND, amount=20.0) for n in range(200)]
    features = features_of([*stream, a_transaction(time=NOON + HOUR, amount=20.01)])

    assert 0.0 < by_name(features[-1])["card_amount_deviation_30d"] < 0.1
