"""The contract that every feature keeps, run over the registry of all of them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fraudline.kernel import kernel as kernel_module
from fraudline.kernel.events import Events
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.keys import NO_ENTITY
from fraudline.kernel.program import Program
from fraudline.kernel.registry import ENTITIES, FEATURES, Feature
from fraudline.kernel.statistic import STATISTICS
from kernel.builders import (
    A_CROWD,
    DAY,
    HOUR,
    NAMES,
    NOON,
    SECOND,
    SMALL,
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
from kernel.oracles import OF_AN_ENTITY, OF_THE_TRANSACTION, Memory, agree, truths
from kernel.streams import TRANSACTIONS, streams

LABELLED = {known.name for known in STATISTICS if known.of_labels}
BY_LABELS = [feature.name for feature in FEATURES if feature.statistic in LABELLED]
SUMS_OF_LABELS = [feature.name for feature in FEATURES if feature.statistic in {"frauds", "risk"}]
BY_TRANSACTIONS = [name for name in NAMES if name not in BY_LABELS]
BY_OWN_AMOUNT = [
    feature.name
    for feature in FEATURES
    if feature.statistic in {"amount_log", "amount_is_zero", "amount_ratio", "amount_deviation"}
]
OF_EVERYBODY: dict[str, Any] = {"card": 1, "merchant": 2, "device": 3, "country": 4, "customer": 5}
ZERO_WHEN_NEW = {"count", "amount", "amount_peak", "seconds_late", "frauds", "risk", "ordinary_frauds"}


def kernel_after(*streams_before: Sequence[Event]) -> Kernel:
    """A kernel that is almost full, and then is fed streams."""
    kernel = Kernel(SMALL)
    for stream in (A_CROWD, *streams_before):
        kernel.apply(events_of(stream))
    kernel.settle()
    return kernel


def features_of(stream: Sequence[Event]) -> NDArray[np.float64]:
    return Kernel(10_000).apply(events_of(stream))


def last_of(*stream: Event) -> dict[str, float]:
    return by_name(features_of(stream)[-1])


def test_every_statistic_has_an_oracle_and_every_feature_a_unique_name() -> None:
    assert sorted([*OF_THE_TRANSACTION, *OF_AN_ENTITY]) == sorted(known.name for known in STATISTICS)
    assert len(set(NAMES)) == len(NAMES)
    for feature in FEATURES:
        assert feature.unit
        assert feature.definition
        assert not set("\n{}") & set(feature.definition)
        assert "  " not in feature.definition


@given(stream=streams())
@settings(max_examples=250, deadline=None)
def test_every_feature_equals_its_oracle_over_all_that_is_remembered(stream: list[Event]) -> None:
    kernel, memory = Kernel(SMALL), Memory(SMALL)
    log = [*A_CROWD, *stream]
    rows = iter(kernel.apply(events_of(log))[len(A_CROWD) :])
    since: list[dict[str, int]] = []
    for position, event in enumerate(log):
        since.append(memory.take(position, event))
        if isinstance(event, Transaction) and position >= len(A_CROWD):
            values = by_name(next(rows))
            for name, truth in truths(log[:position], event, since=since).items():
                assert agree(name, values[name], truth), (
                    f"{name} of event {position}: {values[name]!r}, by its oracle {truth!r}"
                )
    assert (kernel.entities, kernel.evicted) == (len(memory.since), memory.evicted)


@given(stream=streams())
@settings(max_examples=30, deadline=None)
def test_a_feature_of_another_entity_and_half_life_is_one_line_of_the_registry(stream: list[Event]) -> None:
    added = (
        Feature("amount_spread", "pair", "1d"),
        Feature("risk", "customer", "120d"),
        Feature("travel_kmh", "device"),
        Feature("ordinary_fraud_share", "device"),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_module, "_PROGRAM", Program.of(added))
        rows = iter(features_of(stream))
    for position, event in enumerate(stream):
        if isinstance(event, Transaction):
            for value, (name, truth) in zip(next(rows), truths(stream[:position], event, added).items(), strict=True):
                assert agree(name, float(value), truth), name


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
    whole, cut, single = kernel_after(), kernel_after(), kernel_after()

    at_once = whole.apply(events)
    in_parts = [cut.apply(events.part(start, stop)) for start, stop in pairwise(bounds)]
    one_by_one = [single.apply(events.part(n, n + 1)) for n in range(len(events))]

    assert bits(at_once) == [row for part in in_parts for row in bits(part)]
    assert bits(at_once) == [row for part in one_by_one for row in bits(part)]
    assert whole.digest() == cut.digest() == single.digest()
    assert whole.evicted == cut.evicted == single.evicted


@given(before=streams(), gone=streams(), after=streams())
@settings(max_examples=120, deadline=None)
def test_what_is_taken_back_was_never_seen(before: list[Event], gone: list[Event], after: list[Event]) -> None:
    kernel, untouched = kernel_after(before), kernel_after(before)

    kernel.apply(events_of(gone))
    kernel.take_back()

    assert kernel.digest() == untouched.digest()
    assert (kernel.entities, kernel.evicted) == (untouched.entities, untouched.evicted)
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
    running, restarted = kernel_after(), kernel_after()
    for n, event in enumerate(log):
        running.apply(events_of([event]))
        if n % 3 == 0:
            running.settle()

    restarted.follow(events_of(log))

    assert restarted.digest() == running.digest()
    assert bits(restarted.apply(events_of(tail))) == bits(running.apply(events_of(tail)))


def test_the_first_transaction_of_new_entities_has_zeros_and_nan_where_nothing_is_defined() -> None:
    first = a_transaction(amount=0.0, place=(48.2, 16.4), abroad=1.0, remote=0.0, **OF_EVERYBODY)
    features = last_of(first)

    own = {"amount_log": 0.0, "amount_is_zero": 1.0, "hour_of_day": 12.0, "weekday": 0.0, "is_abroad": 1.0}
    assert {name: features[name] for name in own} == own
    assert features["is_remote"] == 0.0
    for feature in FEATURES:
        if feature.statistic in ZERO_WHEN_NEW:
            assert features[feature.name] == 0.0, feature.name
        elif feature.statistic == "velocity":
            assert features[feature.name] == 1.0, feature.name
        elif feature.entity is not None:
            assert math.isnan(features[feature.name]), feature.name


@pytest.mark.parametrize("absent", OF_EVERYBODY)
def test_of_an_absent_entity_nothing_is_told_and_nothing_kept(absent: str) -> None:
    kernel = Kernel(SMALL)
    without = a_transaction(**OF_EVERYBODY | {absent: NO_ENTITY})
    features = kernel.apply(events_of([without, a_label(**OF_EVERYBODY | {absent: NO_ENTITY}), without]))
    gone = {absent, "pair"} if absent in {"card", "merchant"} else {absent}

    assert kernel.entities == len(ENTITIES) - len(gone)
    for feature in FEATURES:
        if feature.entity in gone:
            assert math.isnan(column(features, feature.name)[-1]), feature.name
        elif feature.statistic == "seconds_since_last":
            assert column(features, feature.name)[-1] == 0.0, feature.name


def test_no_events_give_no_features_and_change_nothing() -> None:
    kernel = Kernel(SMALL)
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

    assert not np.isinf(features).any()
    assert isinstance(last, Transaction)
    for name, truth in truths(stream, last).items():
        assert agree(name, by_name(features[-1])[name], truth), name


@pytest.mark.parametrize("amount", [math.nan, math.inf, -math.inf, -0.01, 1.1e18])
def test_an_unknown_amount_is_counted_and_never_summed(amount: float) -> None:
    stream = [a_transaction(**OF_EVERYBODY, amount=sent) for sent in (20.0, amount, 20.0)]
    before, unknown, after = (by_name(row) for row in features_of(stream))

    by_amount = [name for name in NAMES if math.isnan(unknown[name]) and not math.isnan(after[name])]
    assert sorted(by_amount) == sorted(BY_OWN_AMOUNT)
    assert before["card_count_1d"] == 0.0
    assert after["card_count_1d"] == 2.0
    assert after["card_amount_1d"] == 20.0
    assert after["card_amount_mean_30d"] == 20.0
    assert after["card_amount_peak_30d"] == 20.0
    assert after["card_amount_deviation_30d"] == pytest.approx(0.0)


@given(stream=st.lists(TRANSACTIONS, max_size=12), times=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=12))
@settings(max_examples=40, deadline=None)
def test_extreme_times_neither_overflow_nor_leave_anything_but_finite_values(
    stream: list[Transaction], times: list[int]
) -> None:
    shaken: list[Event] = [replace(event, time=time) for event, time in zip(stream, times, strict=False)]
    for time in (2**63 - 1, -(2**63), 0, NOON):
        shaken += [a_label(time=time, card=1), a_transaction(time=time, card=1, place=(48.2, 16.4))]
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
    columns = [NAMES.index(name) for name in SUMS_OF_LABELS]
    now = NOON + 60 * DAY
    before, between = ([replace(e, time=min(e.time, now)) for e in events] for events in (stream, after))
    last = a_transaction(time=now, card=1, merchant=7)

    corrected = features_of([*before, label, *between, its_correction(label), last])
    never = features_of([*before, *between, last])

    assert corrected[-1, columns] == pytest.approx(never[-1, columns], abs=1e-12, nan_ok=True)
    assert not (corrected[:, columns] < 0.0).any()


def test_the_only_label_leaves_no_trace_when_it_is_corrected() -> None:
    kernel, untouched = kernel_after([a_transaction()]), kernel_after([a_transaction()])
    label = a_label(time=NOON + 7 * DAY)

    kernel.apply(events_of([label]))
    assert kernel.digest() != untouched.digest()
    kernel.apply(events_of([its_correction(label)]))
    # Both were touched by the label, so they are equal once each is the last touched again.
    for each in (kernel, untouched):
        each.apply(events_of([a_transaction(time=NOON + DAY)]))

    assert kernel.digest() == untouched.digest()


def test_no_count_of_frauds_goes_under_zero() -> None:
    label = a_label()
    stray = its_correction(a_label(time=NOON + DAY))
    features = features_of([a_label(time=NOON - 30 * DAY), label, stray, stray, stray, a_transaction()])

    assert by_name(features[0])["card_frauds_30d"] == by_name(features[0])["merchant_risk_1d"] == 0.0
    assert math.isnan(by_name(features[0])["card_seconds_since_fraud"])


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
    kernel = Kernel(SMALL)
    kernel.apply(events_of([a_label(card=8, merchant=9)]))
    assert kernel.entities == 2
    features = by_name(kernel.apply(events_of([a_transaction(card=8, merchant=9)]))[0])

    assert features["card_frauds_30d"] == 1.0
    assert features["card_count_30d"] == 0.0
    assert math.isnan(features["card_seconds_since_last"])


def test_a_card_that_always_pays_the_same_does_not_turn_a_cent_into_infinity() -> None:
    stream = [a_transaction(time=NOON + n * SECOND, amount=20.0) for n in range(200)]
    features = features_of([*stream, a_transaction(time=NOON + HOUR, amount=20.01)])

    assert 0.0 < by_name(features[-1])["card_amount_deviation_30d"] < 0.1


def test_a_fraud_is_told_by_its_age_and_by_that_of_its_series() -> None:
    def ages(*days: int) -> tuple[float, float]:
        labels = [a_label(time=NOON + day * DAY) for day in days]
        features = last_of(a_transaction(), *labels, a_transaction(time=NOON + 100 * DAY))
        return features["card_seconds_since_fraud"] / 86_400, features["card_seconds_since_first_fraud"] / 86_400

    assert ages(10) == (90, 90)
    assert ages(10, 40, 70) == (30, 90)  # never more than 30 days between them
    assert ages(10, 41) == (59, 59)
    assert ages(10, 41, 20) == (59, 59)  # late: neither the latest nor the first of a series
    assert ages(10, 101) == (0, 0)  # ahead of the transaction


def at_merchant(*events: Event, at: int) -> tuple[float, float, float]:
    """What the last days of a merchant say on a day, after events."""
    features = last_of(*events, a_transaction(card=9, time=NOON + at * DAY))
    names = ("ordinary_frauds", "ordinary_fraud_share", "cleared_since_fraud")
    ordinary, share, cleared = (features[f"merchant_{name}"] for name in names)
    return ordinary, share, cleared


def paid_daily(*days: int) -> list[Event]:
    return [a_transaction(time=NOON + day * DAY) for day in days]


def found(day: int, *, amount: float = 20.0) -> Label:
    return a_label(time=NOON + (day + 8) * DAY, transaction_time=NOON + day * DAY, amount=amount)


def test_of_matured_days_it_is_told_how_many_frauds_they_had_and_what_followed() -> None:
    daily = paid_daily(*range(14))

    assert at_merchant(*daily, found(2), found(4), at=14) == (2, 2 / 5, 2)  # days 2 to 6 have matured, 5 and 6 follow
    assert at_merchant(*daily[:12], found(2), found(4), at=12) == (2, 2 / 3, 0)
    assert at_merchant(*daily, found(6), at=13)[0] == 0  # known, on a day that has not matured
    assert at_merchant(*daily, found(2), at=2 + 45) == (1, 1 / 12, 11)
    nothing = at_merchant(*daily, found(2), at=2 + 46)  # forgotten
    assert nothing[0] == 0
    assert all(math.isnan(value) for value in nothing[1:])


def test_a_fraud_of_far_more_than_its_card_pays_says_nothing_of_the_merchant() -> None:
    daily = paid_daily(*range(3))

    assert at_merchant(*daily, found(1, amount=20.0 * math.e), at=12)[0] == 1
    assert at_merchant(*daily, found(1, amount=21.1 * math.e), at=12)[0] == 0
    assert at_merchant(*daily, found(1, amount=math.nan), at=12)[0] == 1
    assert at_merchant(*daily, replace(found(1, amount=1e6), card=7), at=12)[0] == 1  # of that card nothing is known


def test_a_correction_takes_back_its_own_fraud_although_the_cards_habit_has_moved() -> None:
    daily = paid_daily(*range(4))
    usual = replace(found(1), card=2)
    unusual = replace(found(2, amount=100.0), card=3)
    habits: list[Event] = [a_transaction(card=3, merchant=9, amount=20.0)]
    moved: list[Event] = [a_transaction(time=NOON + 11 * DAY, card=3, merchant=9, amount=200.0) for _ in range(9)]

    assert at_merchant(*habits, *daily, usual, unusual, at=12)[0] == 1
    assert at_merchant(*habits, *daily, usual, unusual, *moved, its_correction(unusual), at=12)[0] == 1
    assert at_merchant(*habits, *moved, *daily, usual, unusual, at=12)[0] == 2


def test_a_fraud_of_a_day_that_the_merchant_does_not_remember_counts_for_no_day() -> None:
    assert at_merchant(found(0), *paid_daily(0, 1), at=12)[0] == 0  # the label was there before the merchant
    assert at_merchant(*paid_daily(50), found(4), at=51)[0] == 0
    assert at_merchant(*paid_daily(0), found(3), at=12)[0] == 0  # ahead of its clock


def test_days_hold_no_more_than_65_535_transactions() -> None:
    many = events_of([a_transaction()] * 66_000)
    kernel = Kernel(SMALL)
    kernel.apply(many)
    features = kernel.apply(events_of([found(0), a_transaction(time=NOON + 8 * DAY)]))

    assert column(features, "merchant_ordinary_fraud_share") == [1 / 65_535]


@pytest.mark.parametrize(
    ("known_after_days", "share"), [(0, 1 / 3), (8, 1 / 2), (9, 1.0), (10, math.nan), (99, math.nan)]
)
def test_when_days_have_matured_is_what_the_kernel_is_told(known_after_days: int, share: float) -> None:
    log = [*paid_daily(1, 2, 10), found(1), a_transaction(time=NOON + 10 * DAY)]
    features = Kernel(SMALL, known_after_days).apply(events_of(log))

    assert column(features, "merchant_ordinary_fraud_share")[-1:] == pytest.approx([share], nan_ok=True)


def test_a_peak_is_the_largest_of_what_is_left_of_each_amount() -> None:
    stream = [a_transaction(amount=100.0), a_transaction(time=NOON + 30 * DAY, amount=40.0)]

    assert last_of(*stream, a_transaction(time=NOON + 30 * DAY))["card_amount_peak_30d"] == 50.0
    assert last_of(*stream, a_transaction(time=NOON + 90 * DAY))["card_amount_peak_30d"] == 12.5
    late = a_transaction(time=NOON, amount=120.0)
    assert last_of(*stream, late, a_transaction(time=NOON + 30 * DAY))["card_amount_peak_30d"] == 60.0


def test_a_payment_at_the_usual_time_fits_the_habit_and_one_at_the_opposite_time_does_not() -> None:
    days = [a_transaction(time=NOON + 7 * week * DAY) for week in range(8)]
    usual = last_of(*days, a_transaction(time=NOON + 56 * DAY))
    at_midnight = last_of(*days, a_transaction(time=NOON + 56 * DAY + 12 * HOUR))
    half_a_week_on = last_of(*days, a_transaction(time=NOON + 56 * DAY + 84 * HOUR))

    assert usual["card_hour_habit_30d"] == pytest.approx(1.0)
    assert usual["card_weekday_habit_30d"] == pytest.approx(1.0)
    assert at_midnight["card_hour_habit_30d"] == pytest.approx(-1.0)
    assert half_a_week_on["card_weekday_habit_30d"] == pytest.approx(-1.0)


VIENNA, NEW_YORK = (48.2082, 16.3738), (40.7128, -74.0060)


def test_a_card_that_pays_in_two_cities_travels_at_the_speed_between_them() -> None:
    stream = [a_transaction(place=VIENNA), a_transaction(time=NOON + HOUR), a_transaction(time=NOON + 2 * HOUR)]
    in_new_york = replace(stream[-1], latitude=NEW_YORK[0], longitude=NEW_YORK[1])

    assert last_of(*stream[:2], in_new_york)["card_travel_kmh"] == pytest.approx(6_799 / 2, rel=1e-3)
    assert math.isnan(last_of(*stream)["card_travel_kmh"])
    assert math.isnan(last_of(in_new_york)["card_travel_kmh"])
    assert math.isnan(last_of(*stream[:2], in_new_york)["customer_travel_kmh"])


def test_two_places_at_one_time_are_a_minute_apart() -> None:
    both = [a_transaction(place=VIENNA), a_transaction(place=NEW_YORK)]

    assert last_of(*both)["card_travel_kmh"] == pytest.approx(6_799 * 60, rel=1e-3)


@pytest.mark.parametrize("nowhere", [(math.nan, 0.0), (0.0, math.inf), (90.01, 0.0), (0.0, -180.01), (1e300, 1e300)])
def test_a_place_that_is_nowhere_is_no_place(nowhere: tuple[float, float]) -> None:
    stream = [a_transaction(place=VIENNA), a_transaction(place=nowhere), a_transaction(place=VIENNA)]
    features = column(features_of(stream), "card_travel_kmh")

    assert math.isnan(features[1])
    assert features[2] == 0.0


@pytest.mark.parametrize(
    ("one", "other", "kilometres"),
    [
        ((90.0, 0.0), (90.0, 180.0), 0.0),
        ((0.0, 180.0), (0.0, -180.0), 0.0),
        ((90.0, 0.0), (-90.0, 77.0), 20_015.1),
        ((48.2, 16.4), (-48.2, -163.6), 20_015.1),
        ((0.0, 0.0), (0.0, 90.0), 10_007.5),
    ],
)
def test_poles_antipodes_and_the_date_line_have_the_distances_of_a_sphere(
    one: tuple[float, float], other: tuple[float, float], kilometres: float
) -> None:
    features = last_of(a_transaction(place=one), a_transaction(time=NOON + HOUR, place=other))

    assert features["card_travel_kmh"] == pytest.approx(kilometres, abs=0.1)


@pytest.mark.parametrize("flag", [math.inf, -1.0, 0.5, math.nan])
def test_a_flag_that_is_neither_0_nor_1_is_unknown(flag: float) -> None:
    features = last_of(a_transaction(abroad=flag, remote=flag))

    assert math.isnan(features["is_abroad"])
    assert math.isnan(features["is_remote"])
