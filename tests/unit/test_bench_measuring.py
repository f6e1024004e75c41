"""What a stretch shows cannot flatter: what did not come to its end counts, and as never."""

import numpy as np
import pytest

from fraudline.bench.answers import Answers
from fraudline.bench.ledger import Stored
from fraudline.bench.load import Form, Load
from fraudline.bench.measuring import Stretch, shown
from fraudline.bench.processes import Usage

LOST, UNSENT = 0, -1


def a_stretch(*status: int, form: Form = Form.SINGLE, in_doubt: tuple[int, ...] = ()) -> Stretch:
    """Requests a second apart, answered after 10 ms and committed after 20."""
    count = len(status)
    due, codes = np.arange(count, dtype=float), np.array(status)
    is_taken = np.isin(codes, (200, 202))
    answers = Answers(
        due=due,
        sent=np.where(codes == UNSENT, np.nan, due),
        answered=np.where(codes > 0, due + 0.010, np.nan),
        status=np.maximum(codes, LOST),
        accepted=is_taken.astype(np.int64),
        in_doubt=np.array(in_doubt or (codes == LOST).astype(np.int64)),
        first=np.arange(count),
        size=1,
        cpu_seconds=0.1,
    )
    number = np.flatnonzero(is_taken)
    stored = Stored(number, number + 0.015, number + 0.020, 0)
    load = Load("127.0.0.1", 80, "key", form, count, 8, "run", rate=1.0)
    return shown("a stretch", load, answers, stored, before=Usage(), after=Usage())


def test_what_was_taken_in_takes_as_long_as_it_took() -> None:
    stretch = a_stretch(202, 202)
    assert (stretch.answer.p99, stretch.committed.p99) == pytest.approx((10, 20))
    assert stretch.is_whole
    assert (stretch.sent_rate, stretch.arrived_share) == (1, 1)


def test_a_load_that_was_held_back_is_told_by_what_was_sent() -> None:
    stretch = a_stretch(202, UNSENT, 202, UNSENT, 202)
    assert stretch.arrived_share == 0.5
    assert stretch.sent_to_committed.p99 == pytest.approx(20)


@pytest.mark.parametrize("status", [500, 422, LOST, UNSENT])
def test_a_request_that_failed_was_lost_or_never_left_counts_as_one_that_never_ended(status: int) -> None:
    stretch = a_stretch(202, 202, 202, status)
    assert stretch.committed.count == stretch.answer.count == 4
    assert stretch.committed.p50 == pytest.approx(20)
    assert (stretch.answer.p99, stretch.committed.p99) == (np.inf, np.inf)
    assert not stretch.is_whole


def test_a_refused_request_has_no_latency_but_is_told() -> None:
    stretch = a_stretch(202, 503, 429)
    assert stretch.committed.count == 1
    assert (stretch.refused, stretch.failed) == (2, 0)
    assert not stretch.is_whole


def test_a_refusal_that_may_have_been_none_is_a_failure() -> None:
    stretch = a_stretch(202, 503, in_doubt=(0, 1))
    assert (stretch.refused, stretch.failed, stretch.answer.p99) == (0, 1, np.inf)


def test_a_fallback_is_no_verdict() -> None:
    stretch = a_stretch(200, 200, 202, form=Form.WAIT)
    assert (stretch.waited, stretch.answer.p50, stretch.answer.p99) == (2, pytest.approx(10), np.inf)
