"""The kernel's table, journal and borders."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fraudline.kernel import counters, events
from fraudline.kernel.events import Events
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.keys import entity_key
from fraudline.kernel.registry import FEATURES, KERNEL_VERSION
from kernel.builders import DAY, HOUR, NOON, Event, a_label, a_transaction, bits, by_name, events_of, its_correction
from kernel.streams import streams


class Journal(RuleBasedStateMachine):
    """Whatever is applied, marked, taken back and settled, the state is that of a kernel fed what remains."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel = Kernel()
        self.settled: list[Event] = []
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
        fresh = Kernel()
        fresh.apply(events_of([*self.settled, *self.open]))
        assert self.kernel.digest() == fresh.digest()
        assert self.kernel.entities == fresh.entities


Journal.TestCase.settings = settings(max_examples=30, stateful_step_count=12, deadline=None)
TestJournal = Journal.TestCase


def crowd(first_key: int, size: int) -> Events:
    """Transactions of as many cards and merchants that were never seen, with keys one after the other."""
    return events_of([a_transaction(time=NOON + n, card=first_key + n, merchant=first_key + n) for n in range(size)])


def test_a_growing_table_loses_nobody_and_can_be_taken_back() -> None:
    kernel = Kernel()
    kernel.apply(crowd(0, 700))
    kernel.settle()
    before = kernel.digest()

    kernel.apply(crowd(500, 10_000))
    assert kernel.entities == 2 * 10_500
    grown = kernel.digest()
    again = kernel.apply(crowd(500, 10_000))
    assert (again[:, [feature.name for feature in FEATURES].index("card_count_30d")] > 0.99).all()
    kernel.take_back()

    assert kernel.digest() == before
    assert kernel.entities == 1_400
    kernel.apply(crowd(500, 10_000))
    assert kernel.digest() == grown


def test_one_key_as_a_card_and_as_a_merchant_is_two_entities() -> None:
    kernel = Kernel()
    kernel.apply(events_of([a_transaction(card=0, merchant=0), a_transaction(card=0, merchant=2**64 - 1)]))

    assert kernel.entities == 3


def test_kinds_are_told_apart_where_their_slots_meet() -> None:
    # Among so many keys the searches for the card and the merchant of some run into each other.
    for first_key in range(0, 20_000, 500):
        kernel = Kernel()
        kernel.apply(crowd(first_key, 500))
        assert kernel.entities == 1_000


def test_the_digest_does_not_depend_on_who_came_first() -> None:
    here, there = a_transaction(card=1, merchant=2), a_transaction(card=3, merchant=4)
    one, other = Kernel(), Kernel()
    one.apply(events_of([here, there]))
    other.apply(events_of([there, here]))

    assert one.digest() == other.digest()


@pytest.mark.parametrize(
    "changed",
    [
        a_transaction(time=NOON + 1),
        a_transaction(amount=20.01),
        a_transaction(card=2),
        a_transaction(merchant=1),
    ],
)
def test_the_digest_tells_any_two_states_apart(changed: Event) -> None:
    one, other = Kernel(), Kernel()
    one.apply(events_of([a_transaction()]))
    other.apply(events_of([changed]))

    assert one.digest() != other.digest()


def test_a_savepoint_that_was_settled_or_passed_is_refused() -> None:
    kernel = Kernel()
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
    kernel = Kernel()
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
    with pytest.raises(ValueError, match=r"`card` is an array of uint64 with shape \(1,\)"):
        replace(good, card=good.card[:1])


def test_read_only_and_strided_arrays_are_taken_as_they_are() -> None:
    stream = [a_transaction(time=NOON + n * HOUR) for n in range(10)]
    good = events_of(stream)
    strided = Events(
        kind=np.repeat(good.kind, 2)[::2],
        time=np.repeat(good.time, 2)[::2],
        amount=np.repeat(good.amount, 2)[::2],
        card=np.repeat(good.card, 2)[::2],
        merchant=np.repeat(good.merchant, 2)[::2],
        weight=np.repeat(good.weight, 2)[::2],
    )
    for array in (good.kind, good.time, good.amount, good.card, good.merchant, good.weight):
        array.flags.writeable = False

    assert bits(Kernel().apply(good)) == bits(Kernel().apply(strided))


def test_events_put_together_are_the_events_of_their_parts() -> None:
    whole = events_of([a_transaction(card=n, time=NOON + n) for n in range(5)])
    together = Events.concatenate([whole.part(0, 2), Events.empty(), whole.part(2, 5)])

    assert len(together) == 5
    assert bits(Kernel().apply(together)) == bits(Kernel().apply(whole))


def test_a_key_is_of_64_bits_and_differs_by_kind() -> None:
    assert entity_key("card", "customer-1") == 8_429_098_819_432_284_150
    assert entity_key("card", "customer-1") != entity_key("merchant", "customer-1")
    assert entity_key("card", "é") < 2**64


def test_the_compiled_code_and_the_registry_speak_of_the_same_columns_and_kinds() -> None:
    names = [feature.name for feature in FEATURES]

    assert counters.COLUMNS == len(names) == len(set(names))
    assert counters.TRANSACTION == events.TRANSACTION
    assert counters.LABEL == events.LABEL
    for n, name in enumerate(names):
        assert getattr(counters, name.upper(), n) == n


def test_features_that_change_need_another_kernel_version() -> None:
    """Where this fails, a definition changed: raise `KERNEL_VERSION`, then write the new figures down here."""
    label = a_label(time=NOON + 8 * DAY)
    stream: list[Event] = [
        a_transaction(amount=12.5),
        a_transaction(time=NOON + HOUR, amount=40.0),
        label,
        a_transaction(time=NOON - DAY, amount=7.25),
        a_label(time=NOON + 9 * DAY),
        its_correction(label),
        a_transaction(time=NOON + 10 * DAY + HOUR, amount=99.0),
    ]
    figures = {
        "amount_log": 4.605170186,
        "amount_is_zero": 0,
        "hour_of_day": 13,
        "weekday": 3,
        "card_count_1h": 8.489699305e-73,
        "card_count_1d": 0.002399704992,
        "card_count_7d": 1.076557199,
        "card_count_30d": 2.361463414,
        "card_amount_1h": 2.617657246e-71,
        "card_amount_1d": 0.05436128179,
        "card_amount_7d": 21.91395504,
        "card_amount_mean_30d": 20.020306,
        "card_amount_ratio_30d": 4.757304675,
        "card_amount_deviation_30d": 2.64167417,
        "card_seconds_since_last": 864000,
        "card_seconds_since_first": 867600,
        "card_seconds_late": 0,
        "card_frauds_30d": 0.9762197049,
        "merchant_count_1h": 8.489699305e-73,
        "merchant_count_1d": 0.002399704992,
        "merchant_count_7d": 1.076557199,
        "merchant_count_30d": 2.361463414,
        "merchant_amount_ratio_30d": 4.757304675,
        "merchant_seconds_since_last": 864000,
        "merchant_seconds_since_first": 867600,
        "merchant_frauds_7d": 0.9019944591,
        "merchant_frauds_30d": 0.9762197049,
        "merchant_risk_7d": 0.1484384051,
        "merchant_risk_30d": 0.1326121791,
    }

    assert KERNEL_VERSION == "1"
    assert by_name(Kernel().apply(events_of(stream))[-1]) == pytest.approx(figures, rel=1e-8)
