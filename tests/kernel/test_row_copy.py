"""Copies of a kernel's rows, taken while it goes on, and kernels that are restored from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fraudline.kernel import row_copy
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.row_copy import CopyGivenUp, RowCopy
from kernel.builders import A_CROWD, NOON, SMALL, Event, a_label, a_transaction, bits, events_of, its_correction
from kernel.streams import streams

Rows = list[NDArray[np.int64]]


def restored(rows: Rows, copy: RowCopy, *, max_entities: int = SMALL) -> Kernel:
    kernel = Kernel(max_entities)
    kernel.restore(rows, entities=copy.entities, evicted=copy.evicted)
    return kernel


def copied(kernel: Kernel) -> tuple[Rows, RowCopy]:
    copy = kernel.copy(rows_a_part=7)
    return [rows.copy() for rows in copy.parts()], copy


def fed(stream: list[Event]) -> Kernel:
    kernel = Kernel(SMALL)
    kernel.apply(events_of(stream))
    kernel.settle()
    return kernel


STEPS = st.lists(
    st.one_of(st.sampled_from(["a part", "a part", "settle", "mark", "take back"]), streams(max_size=6)), max_size=16
)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from([0, 5, 20]), streams(), STEPS, st.integers(3, 25), streams(max_size=8))
def test_whatever_happens_beside_it_a_copy_is_of_what_was_settled_when_it_was_begun(
    crowd: int, stream: list[Event], steps: list[str | list[Event]], rows_a_part: int, further: list[Event]
) -> None:
    settled = [*A_CROWD[:crowd], *stream]
    kernel, fresh = fed(settled), fed(settled)
    # A first stream among the steps is applied, and open, before the copy is begun.
    if steps and isinstance(steps[0], list):
        kernel.apply(events_of(steps[0]))
    copy = kernel.copy(rows_a_part=rows_a_part)
    parts, rows, held = copy.parts(), list[NDArray[np.int64]](), list[NDArray[np.int64]]()
    marks = [0]

    for step in [*steps[1:], *["a part"] * (2 * SMALL)]:
        if isinstance(step, list):
            kernel.apply(events_of(step))
        elif step == "settle":
            kernel.settle()
            marks = [0]
        elif step == "mark":
            marks.append(kernel.savepoint())
        elif step == "take back":
            kernel.take_back(marks.pop() if len(marks) > 1 else 0)
        else:
            # A part is good until the next one is asked for.
            rows += [part.copy() for part in held]
            held = [part for part in (next(parts, None),) if part is not None]
    assert next(parts, None) is None

    again = restored(rows, copy)
    assert (again.digest(), again.entities, again.evicted) == (fresh.digest(), fresh.entities, fresh.evicted)
    assert bits(again.apply(events_of(further))) == bits(fresh.apply(events_of(further)))
    assert (again.digest(), again.evicted) == (fresh.digest(), fresh.evicted)
    again.take_back()
    assert (again.digest(), again.entities) == (fed(settled).digest(), fed(settled).entities)


def a_busy_kernel() -> Kernel:
    """One that has taken back, forgotten and been told of frauds."""
    label = a_label(card=1_003, merchant=1_003)
    kernel = fed([*A_CROWD, a_transaction(device=5, country=6, customer=7), label])
    kernel.apply(events_of([a_transaction(card=77), its_correction(label)]))
    kernel.take_back()
    kernel.apply(events_of([a_transaction(card=n, merchant=n, time=NOON + n) for n in range(30, 40)]))
    kernel.settle()
    assert kernel.evicted > 0
    return kernel


def test_rows_may_be_cut_anywhere() -> None:
    kernel = a_busy_kernel()
    rows, copy = copied(kernel)
    whole = np.concatenate(rows)

    for size in (1, 2, 13, 57, len(whole)):
        parts = [whole[start : start + size] for start in range(0, len(whole), size)]
        assert restored(parts, copy).digest() == kernel.digest()


def test_a_kernel_that_outgrew_its_first_buckets_finds_everybody_again() -> None:
    crowd = events_of([a_transaction(card=n, merchant=n, time=NOON + n) for n in range(1, 3_001)])
    kernel = Kernel(10_000)
    kernel.apply(crowd)
    kernel.settle()
    rows, copy = copied(kernel)

    again = restored(rows, copy, max_entities=10_000)

    assert bits(again.apply(crowd)) == bits(kernel.apply(crowd))
    assert (again.entities, again.digest()) == (9_000, kernel.digest())


def test_a_kernel_that_cannot_be_restored_knows_nobody_and_can_be_restored_then() -> None:
    kernel = a_busy_kernel()
    rows, copy = copied(kernel)
    target = Kernel(SMALL)
    no_kind = rows[0].copy()
    no_kind[1] = 6

    for broken in (rows[:-1], [*rows, rows[0]], [*rows[:-1], rows[-1][:-1]], [no_kind, *rows[1:]]):
        with pytest.raises(ValueError, match="entit"):
            target.restore(broken, entities=copy.entities, evicted=copy.evicted)
        assert (target.entities, target.evicted, target.digest()) == (0, 0, Kernel(SMALL).digest())
    with pytest.raises(ValueError, match="65 entities, but room for 64"):
        target.restore(rows, entities=65, evicted=0)

    target.restore(rows, entities=copy.entities, evicted=copy.evicted)
    assert target.digest() == kernel.digest()
    with pytest.raises(ValueError, match="knows nobody"):
        target.restore(rows, entities=copy.entities, evicted=copy.evicted)


@pytest.mark.parametrize("known", [5, 20])
def test_a_copy_that_is_begun_in_the_middle_of_a_batch_is_of_what_was_before_it(known: int) -> None:
    kernel = fed(A_CROWD[:known])
    kernel.apply(events_of([a_transaction(card=n, merchant=n) for n in range(10)]))

    rows, copy = copied(kernel)

    before = fed(A_CROWD[:known])
    again = restored(rows, copy)
    assert (again.digest(), again.entities, again.evicted) == (before.digest(), before.entities, before.evicted)


def test_a_part_stays_what_it_is_while_the_kernel_goes_on() -> None:
    kernel = fed(A_CROWD)
    part = next(kernel.copy(rows_a_part=40).parts())
    before = part.tolist()

    kernel.apply(events_of([a_transaction(card=1_019, merchant=1_019)]))
    kernel.settle()

    assert part.tolist() == before


def test_a_copy_of_nobody_is_empty() -> None:
    rows, copy = copied(Kernel(SMALL))

    assert (rows, copy.entities) == ([], 0)
    assert restored(rows, copy).digest() == Kernel(SMALL).digest()


def test_one_copy_at_a_time_until_it_is_over_or_given_up() -> None:
    kernel = a_busy_kernel()
    first = kernel.copy()
    with pytest.raises(ValueError, match="A copy is under way"):
        kernel.copy()

    first.give_up()
    with pytest.raises(CopyGivenUp):
        next(first.parts())
    rows, copy = copied(kernel)
    assert restored(rows, copy).digest() == kernel.digest()
    kernel.copy()


def test_a_copy_that_nobody_fetches_is_given_up_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_copy, "_MOST_BYTES_ASIDE", 1_000)
    kernel = a_busy_kernel()
    copy = kernel.copy()

    kernel.apply(events_of([a_transaction(card=n, merchant=n) for n in range(30, 40)]))
    kernel.settle()

    assert copy.is_over
    with pytest.raises(CopyGivenUp):
        next(copy.parts())
