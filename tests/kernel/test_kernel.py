"""The kernel's table, journal and borders."""

import errno
import math
from dataclasses import fields, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fraudline.domain.transaction import Channel
from fraudline.kernel import keys, layout
from fraudline.kernel.events import ENTITY_KINDS, PRESENT_CHANNELS, REMOTE_CHANNELS, Events, abroad_of, remote_of
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.keys import NO_ENTITY, entity_key, entity_keys
from fraudline.kernel.program import QUANTITIES, Program
from fraudline.kernel.registry import ENTITIES, FEATURES, KERNEL_VERSION, Feature, known_after_days
from fraudline.kernel.statistic import STATISTICS
from kernel.builders import (
    A_CROWD,
    DAY,
    HOUR,
    NAMES,
    NOON,
    SMALL,
    Event,
    a_label,
    a_transaction,
    bits,
    by_name,
    column,
    events_of,
    its_correction,
)
from kernel.streams import streams


class Journal(RuleBasedStateMachine):
    """Whatever is applied, marked, taken back and settled, the state is that of a kernel fed what remains."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Kernel(SMALL)
        self.kernel.apply(events_of(A_CROWD))
        self.kernel.settle()
        self.settled: list[Event] = A_CROWD
        self.open: list[Event] = []
        self.marks: list[tuple[int, int]] = []

    @rule(stream=streams(max_size=6))
    def apply(self, stream: list[Event]) -> None:
        self.kernel.apply(events_of(stream))
        self.open += stream

    @rule()
    def mark(self) -> None:
        self.marks.append((self.kernel.savepoint(), len(self.open)))

    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        chosen = data.draw(st.integers(-1, len(self.marks) - 1))
        savepoint, length = self.marks[chosen] if chosen >= 0 else (0, 0)
        self.kernel.take_back(savepoint)
        self.open = self.open[:length]
        self.marks = self.marks[: chosen + 1]

    @rule()
    def settle(self) -> None:
        self.kernel.settle()
        self.settled, self.open, self.marks = [*self.settled, *self.open], [], []

    @invariant()
    def equals_a_kernel_fed_what_remains(self) -> None:
        fresh = Kernel(SMALL)
        fresh.apply(events_of([*self.settled, *self.open]))
        assert self.kernel.digest() == fresh.digest()
        assert (self.kernel.entities, self.kernel.evicted) == (fresh.entities, fresh.evicted)


Journal.TestCase.settings = settings(max_examples=50, stateful_step_count=12, deadline=None)
TestJournal = Journal.TestCase


def crowd(first_key: int, size: int) -> Events:
    """Transactions of as many cards and merchants that were never seen, with keys one after the other."""
    return events_of([a_transaction(time=NOON + n, card=first_key + n, merchant=first_key + n) for n in range(size)])


def test_a_growing_table_loses_nobody_and_can_be_taken_back() -> None:
    kernel = Kernel(50_000)
    kernel.apply(crowd(1, 700))
    kernel.settle()
    before = kernel.digest()

    kernel.apply(crowd(501, 10_000))
    assert kernel.entities == 3 * 10_500
    grown = kernel.digest()
    again = kernel.apply(crowd(501, 10_000))
    assert (again[:, NAMES.index("card_count_30d")] > 0.99).all()
    assert (again[:, NAMES.index("pair_count_30d")] > 0.99).all()
    kernel.take_back()

    assert kernel.digest() == before
    assert kernel.entities == 2_100
    kernel.apply(crowd(501, 10_000))
    assert kernel.digest() == grown


def test_the_longest_idle_entities_give_way_and_come_back_when_that_is_taken_back() -> None:
    kernel = Kernel(3 * 30)
    kernel.apply(crowd(1, 30))
    kernel.apply(events_of([a_transaction(card=1, merchant=1), a_label(card=2, merchant=2)]))
    kernel.settle()
    before = kernel.digest()

    # The pair of 2 was not touched by the label, so it is the first to go; then the card of 3, and so on.
    kernel.apply(events_of([a_transaction(card=1, merchant=1, device=7)]))
    assert (kernel.entities, kernel.evicted) == (90, 1)
    seen = kernel.apply(events_of([a_transaction(card=2, merchant=2), a_transaction(card=30, merchant=30)]))
    assert column(seen, "card_frauds_30d") == pytest.approx([1.0, 0.0])
    assert math.isnan(column(seen, "pair_seconds_since_first")[0])
    kernel.apply(crowd(100, 1_000))
    assert (kernel.entities, kernel.evicted) == (90, 3_002)

    kernel.take_back()
    assert (kernel.digest(), kernel.entities, kernel.evicted) == (before, 90, 0)
    seen = kernel.apply(events_of([a_transaction(card=2, merchant=2)]))
    assert column(seen, "pair_seconds_since_first") == [0.0]


def test_an_event_never_forgets_one_of_its_own_entities_for_another() -> None:
    kernel = Kernel(66)
    kernel.apply(crowd(1, 22))
    # Merchant 1 is among the longest idle, and everything else of the event is new.
    features = by_name(
        kernel.apply(events_of([a_transaction(card=99, merchant=1, device=99, country=99, customer=99)]))[0]
    )

    assert features["merchant_count_30d"] == pytest.approx(1.0)
    assert kernel.evicted == 5


@pytest.mark.parametrize("size", [-1, 0, 63, 2**30 + 1])
def test_room_for_too_few_or_too_many_entities_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match=f"`max_entities` is {size:,}; a kernel remembers from 64"):
        Kernel(size)


def test_room_that_the_machine_does_not_give_is_refused_with_its_size_and_the_way_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOMEM, "Cannot allocate memory")

    monkeypatch.setattr("fraudline.kernel.kernel.mmap", refuse)

    with pytest.raises(ValueError, match="`max_entities` is 1,000,000") as raised:
        Kernel(1_000_000)
    assert str(raised.value) == (
        "`max_entities` is 1,000,000; that many need 472,000,000 bytes, and the machine said: Cannot allocate memory. "
        "Lower FRAUDLINE_MAX_ENTITIES or `--max-entities`."
    )


def test_one_key_as_several_kinds_is_as_many_entities() -> None:
    kernel = Kernel(SMALL)
    kernel.apply(events_of([a_transaction(card=5, merchant=5, device=5, country=5, customer=5)]))
    kernel.apply(events_of([a_transaction(card=5, merchant=2**64 - 1)]))

    assert kernel.entities == 6 + 2


def test_a_pair_is_told_from_the_same_keys_the_other_way_around() -> None:
    kernel = Kernel(SMALL)
    features = kernel.apply(events_of([a_transaction(card=1, merchant=2), a_transaction(card=2, merchant=1)]))

    assert column(features, "pair_count_30d") == [0.0, 0.0]


def test_kinds_are_told_apart_where_their_chains_meet() -> None:
    # Among so many keys the searches for the card and the merchant of some run into each other.
    for first_key in range(1, 20_001, 500):
        kernel = Kernel(1_500)
        kernel.apply(crowd(first_key, 500))
        assert (kernel.entities, kernel.evicted) == (1_500, 0)


def test_the_digest_tells_who_has_been_idle_for_longer() -> None:
    here, there = a_transaction(card=1, merchant=2), a_transaction(card=3, merchant=4)
    one, other = Kernel(SMALL), Kernel(SMALL)
    one.apply(events_of([here, there]))
    other.apply(events_of([there, here]))

    assert one.digest() != other.digest()


def test_the_digest_does_not_depend_on_the_room_that_nobody_needed() -> None:
    small, large = Kernel(SMALL), Kernel(100_000)
    small.apply(crowd(1, 20))
    large.apply(crowd(1, 20))

    assert small.digest() == large.digest()


@pytest.mark.parametrize(
    "changed",
    [
        a_transaction(time=NOON + 1),
        a_transaction(amount=20.01),
        a_transaction(card=2),
        a_transaction(merchant=1),
        a_transaction(device=1),
        a_transaction(country=1),
        a_transaction(customer=1),
        a_transaction(place=(48.2, 16.4)),
    ],
)
def test_the_digest_tells_any_two_states_apart(changed: Event) -> None:
    one, other = Kernel(SMALL), Kernel(SMALL)
    one.apply(events_of([a_transaction()]))
    other.apply(events_of([changed]))

    assert one.digest() != other.digest()


def test_a_savepoint_that_was_settled_or_passed_is_refused() -> None:
    kernel = Kernel(SMALL)
    kernel.apply(events_of([a_transaction()]))
    first = kernel.savepoint()
    kernel.apply(events_of([a_transaction(card=5)]))
    second = kernel.savepoint()
    kernel.take_back(first)

    with pytest.raises(ValueError, match=f"No savepoint {second} lives"):
        kernel.take_back(second)
    kernel.settle()
    with pytest.raises(ValueError, match=f"No savepoint {first} lives"):
        kernel.take_back(first)


@pytest.mark.parametrize(
    ("kind", "weight"), [(2, 0.0), (-1, 0.0), (1, 0.0), (1, 0.5), (1, float("nan")), (1, float("inf"))]
)
def test_an_event_of_no_known_kind_or_weight_is_refused_before_anything_is_applied(kind: int, weight: float) -> None:
    kernel = Kernel(SMALL)
    before = kernel.digest()
    good = events_of([a_transaction(), a_label()])
    bad = replace(good, kind=np.array([0, kind], np.int8), weight=np.array([0.0, weight]))

    with pytest.raises(ValueError, match="Event 1 has `kind`"):
        kernel.apply(bad)
    assert kernel.digest() == before


def test_arrays_of_the_wrong_type_or_length_are_refused_by_name() -> None:
    good = events_of([a_transaction(), a_transaction()])

    with pytest.raises(ValueError, match="`time` is an array of float64"):
        replace(good, time=good.time.astype(np.float64))
    with pytest.raises(ValueError, match=r"`keys` is an array of uint64 with shape \(1, 5\)"):
        replace(good, keys=good.keys[:1])


def test_read_only_and_strided_arrays_are_taken_as_they_are() -> None:
    stream = [a_transaction(time=NOON + n * HOUR) for n in range(10)]
    good = events_of(stream)
    arrays = {field.name: getattr(good, field.name) for field in fields(good)}
    strided = Events(**{name: np.repeat(array, 2, axis=0)[::2] for name, array in arrays.items()})
    for array in arrays.values():
        array.flags.writeable = False

    assert bits(Kernel(SMALL).apply(good)) == bits(Kernel(SMALL).apply(strided))


def test_events_put_together_are_the_events_of_their_parts() -> None:
    whole = events_of([a_transaction(card=n, time=NOON + n) for n in range(5)])
    together = Events.concatenate([whole.part(0, 2), Events.empty(), whole.part(2, 5)])

    assert len(together) == 5
    assert bits(Kernel(SMALL).apply(together)) == bits(Kernel(SMALL).apply(whole))


def test_a_key_is_of_64_bits_and_differs_by_kind() -> None:
    assert entity_key("card", "customer-1") == 8_429_098_819_432_284_150
    assert entity_key("card", "customer-1") != entity_key("merchant", "customer-1")
    assert entity_key("card", "é") < 2**64


def test_keys_of_many_are_those_of_each_in_their_order_and_of_none_no_entity() -> None:
    assert entity_keys("device", ["d-1", None, "d-2", "d-1"]).tolist() == [
        entity_key("device", "d-1"),
        NO_ENTITY,
        entity_key("device", "d-2"),
        entity_key("device", "d-1"),
    ]
    assert not len(entity_keys("device", []))


def test_no_key_is_that_of_no_entity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "blake2b", lambda *_, **__: SimpleNamespace(digest=lambda: bytes(8)))

    assert keys.entity_key("card", "one in 18 million million millions") == 1


def test_what_is_unknown_of_a_transaction_is_neither_0_nor_1() -> None:
    assert [abroad_of("NG", "AT"), abroad_of("AT", "AT")] == [1.0, 0.0]
    assert math.isnan(abroad_of(None, "AT"))
    assert math.isnan(abroad_of("AT", None))
    assert [remote_of(channel) for channel in ("ecommerce", "moto", "transfer", "pos", "atm")] == [1, 1, 1, 0, 0]
    assert math.isnan(remote_of(None))
    assert {*REMOTE_CHANNELS, *PRESENT_CHANNELS} == {channel.value for channel in Channel}


def test_the_compiled_code_and_the_registry_speak_of_the_same_things() -> None:
    assert list(ENTITIES) == [*ENTITY_KINDS, "pair"]
    assert (0, 1, 5, len(ENTITIES)) == (layout.CARD, layout.MERCHANT, layout.PAIR, layout.KINDS)
    for code, statistic in enumerate(STATISTICS):
        assert getattr(layout, statistic.name.upper()) == code
    told = {"count": "ONE", "amount": "KNOWN_AMOUNT"}
    for code, quantity in enumerate(QUANTITIES):
        assert getattr(layout, told.get(quantity, quantity.upper())) == code
    assert layout.GAP + layout.KINDS == layout.LATE
    assert layout.LATE + layout.KINDS == layout.ORDINARY_FRAUDS_OF
    assert layout.ORDINARY_FRAUDS_OF + layout.KINDS == layout.ORDINARY_FRAUD_SHARE_OF
    assert layout.ORDINARY_FRAUD_SHARE_OF + layout.KINDS == layout.CLEARED_OF
    assert layout.CLEARED_OF + layout.KINDS == layout.VALUES


def test_a_kind_keeps_what_its_features_need_and_nothing_else() -> None:
    program = Program.of([Feature("velocity", "card", "1h"), Feature("frauds", "device", "7d"), Feature("weekday")])
    card, device = program.kinds[layout.CARD], program.kinds[list(ENTITIES).index("device")]

    assert (card[layout.USED], device[layout.USED]) == (layout.HEADER + 2, layout.HEADER + 1)
    assert [tuple(row) for row in program.sums] == [(layout.ONE, 1), (layout.ONE, 4)]
    assert [card[layout.TAKES_LABELS], device[layout.TAKES_LABELS]] == [0, 1]
    assert program.kinds[layout.PAIR, layout.TAKES_TRANSACTIONS] == 0
    assert Program.of(FEATURES).words * 8 == 448  # bytes, as documented


def test_days_are_kept_for_those_that_are_asked_for_them_and_what_a_card_pays_to_judge_their_frauds() -> None:
    program = Program.of([Feature("cleared_since_fraud", "device")])
    card, device = program.kinds[layout.CARD], program.kinds[list(ENTITIES).index("device")]

    assert (card[layout.USED], device[layout.USED]) == (layout.HEADER + 2, layout.HEADER + layout.WORDS_OF_DAYS)
    assert (card[layout.TAKES_LABELS], card[layout.DAYS], device[layout.DAYS]) == (1, 0, layout.HEADER)


def test_days_before_a_fraud_is_known_are_not_negative() -> None:
    with pytest.raises(ValueError, match="`known_after_days` is -1"):
        Kernel(SMALL, known_after_days=-1)


def test_the_frauds_of_a_day_are_known_after_the_last_of_its_midnights() -> None:
    assert [known_after_days(timedelta(days=days)) for days in (0, 1, 7)] == [1, 2, 8]
    assert known_after_days(timedelta(hours=12)) == 2


def test_features_that_change_need_another_kernel_version() -> None:
    """Where this fails, a definition changed: raise `KERNEL_VERSION`, then write the new figures down here."""
    label = a_label(time=NOON + 8 * DAY, device=3, country=4, customer=5)
    others: dict[str, Any] = {"device": 3, "country": 4, "customer": 5}
    stream: list[Event] = [
        a_transaction(amount=12.5, place=(48.2, 16.4), **others),
        a_transaction(time=NOON + HOUR, amount=40.0, place=(48.3, 14.3), **others),
        label,
        a_transaction(time=NOON - DAY, amount=7.25, **others),
        a_label(time=NOON + 9 * DAY, device=3, country=4, customer=5),
        its_correction(label),
        a_transaction(time=NOON + 10 * DAY + HOUR, amount=99.0, place=(47.1, 15.4), abroad=1.0, remote=0.0, **others),
    ]
    figures = {
        "amount_log": 4.605170186,
        "amount_is_zero": 0,
        "hour_of_day": 13,
        "weekday": 3,
        "is_abroad": 1,
        "is_remote": 0,
        "card_count_10m": 0,
        "card_count_1h": 8.489699305e-73,
        "card_count_1d": 0.002399704992,
        "card_count_7d": 1.076557199,
        "card_count_30d": 2.361463414,
        "card_amount_1h": 2.617657246e-71,
        "card_amount_1d": 0.05436128179,
        "card_amount_7d": 21.91395504,
        "card_amount_mean_7d": 20.35558823,
        "card_amount_mean_30d": 20.020306,
        "card_amount_mean_120d": 19.94264405,
        "card_amount_ratio_7d": 4.682615105,
        "card_amount_ratio_30d": 4.757304675,
        "card_amount_ratio_120d": 4.774946265,
        "card_amount_deviation_7d": 2.617812162,
        "card_amount_deviation_30d": 2.64167417,
        "card_amount_deviation_120d": 2.64745754,
        "card_amount_spread_30d": 0.6704469063,
        "card_amount_peak_30d": 31.74802104,
        "card_seconds_since_last": 864000,
        "card_seconds_since_first": 867600,
        "card_seconds_late": 0,
        "card_velocity_1h": 0.9967309117,
        "card_velocity_1d": 0.9292531294,
        "card_hour_habit_30d": 0.9773783389,
        "card_weekday_habit_30d": -0.9006750075,
        "card_travel_kmh": 0.6532485276,
        "card_frauds_7d": 0.9019944591,
        "card_frauds_30d": 0.9762197049,
        "card_risk_30d": 0.1326121791,
        "card_seconds_since_fraud": 90000,
        "card_seconds_since_first_fraud": 176400,
        "merchant_count_1h": 8.489699305e-73,
        "merchant_count_1d": 0.002399704992,
        "merchant_count_7d": 1.076557199,
        "merchant_count_30d": 2.361463414,
        "merchant_count_120d": 2.825733649,
        "merchant_amount_1d": 0.05436128179,
        "merchant_amount_7d": 21.91395504,
        "merchant_amount_30d": 47.27722015,
        "merchant_amount_mean_7d": 20.35558823,
        "merchant_amount_mean_30d": 20.020306,
        "merchant_amount_mean_120d": 19.94264405,
        "merchant_amount_ratio_7d": 4.682615105,
        "merchant_amount_ratio_30d": 4.757304675,
        "merchant_amount_ratio_120d": 4.774946265,
        "merchant_amount_deviation_30d": 2.64167417,
        "merchant_amount_deviation_120d": 2.64745754,
        "merchant_amount_spread_30d": 0.6704469063,
        "merchant_amount_peak_30d": 31.74802104,
        "merchant_seconds_since_last": 864000,
        "merchant_seconds_since_first": 867600,
        "merchant_velocity_1h": 0.9967309117,
        "merchant_velocity_1d": 0.9292531294,
        "merchant_hour_habit_30d": 0.9773783389,
        "merchant_weekday_habit_30d": -0.9006750075,
        "merchant_frauds_1d": 0.4857659706,
        "merchant_frauds_7d": 0.9019944591,
        "merchant_frauds_30d": 0.9762197049,
        "merchant_risk_1d": 0.09710658868,
        "merchant_risk_7d": 0.1484384051,
        "merchant_risk_30d": 0.1326121791,
        "merchant_seconds_since_fraud": 90000,
        "merchant_seconds_since_first_fraud": 176400,
        "merchant_ordinary_frauds": 1,
        "merchant_ordinary_fraud_share": 0.5,
        "merchant_cleared_since_fraud": 0,
        "pair_count_1d": 0.002399704992,
        "pair_count_30d": 2.361463414,
        "pair_amount_ratio_120d": 4.774946265,
        "pair_amount_deviation_120d": 2.64745754,
        "pair_seconds_since_last": 864000,
        "pair_seconds_since_first": 867600,
        "device_count_1h": 8.489699305e-73,
        "device_count_1d": 0.002399704992,
        "device_count_30d": 2.361463414,
        "device_amount_1d": 0.05436128179,
        "device_seconds_since_last": 864000,
        "device_seconds_since_first": 867600,
        "device_frauds_30d": 0.9762197049,
        "device_risk_30d": 0.1326121791,
        "country_count_1h": 8.489699305e-73,
        "country_count_1d": 0.002399704992,
        "country_amount_ratio_120d": 4.774946265,
        "country_amount_deviation_120d": 2.64745754,
        "country_frauds_30d": 0.9762197049,
        "country_risk_30d": 0.1326121791,
        "customer_count_1h": 8.489699305e-73,
        "customer_count_1d": 0.002399704992,
        "customer_count_7d": 1.076557199,
        "customer_amount_1d": 0.05436128179,
        "customer_amount_ratio_120d": 4.774946265,
        "customer_amount_deviation_120d": 2.64745754,
        "customer_seconds_since_last": 864000,
        "customer_seconds_since_first": 867600,
        "customer_travel_kmh": 0.6532485276,
        "customer_frauds_30d": 0.9762197049,
        "customer_seconds_since_first_fraud": 176400,
    }

    assert KERNEL_VERSION == "3"
    assert by_name(Kernel(SMALL).apply(events_of(stream))[-1]) == pytest.approx(figures, rel=1e-8, nan_ok=True)
