"""The benchmark cannot flatter: what is stored is compared, payment by payment, with what was accepted."""

from dataclasses import replace

import numpy as np
import pytest

from fraudline.bench.answers import Answers
from fraudline.bench.latency import Latency
from fraudline.bench.ledger import CountsDisagree, Stored, check


def some_answers(*status: int, size: int = 1) -> Answers:
    count = len(status)
    taken = np.isin(status, (200, 202))
    return Answers(
        due=np.arange(count, dtype=float),
        sent=np.arange(count, dtype=float),
        answered=np.where(np.array(status) == 0, np.nan, np.arange(count) + 0.5),
        status=np.array(status),
        accepted=np.where(taken, size, 0),
        in_doubt=(np.array(status) == 0).astype(np.int64),
        first=np.arange(count) * size,
        size=size,
        cpu_seconds=0.1,
    )


def stored(*numbers: int) -> Stored:
    return Stored(np.array(numbers, dtype=np.int64), np.zeros(len(numbers)), np.array(numbers) + 0.25, 0)


def partly_accepted(count: int) -> Answers:
    return replace(some_answers(202, size=1000), accepted=np.array([count]))


def test_as_many_as_were_accepted_is_right() -> None:
    check(some_answers(202, 503, 200), stored(0, 2))
    check(some_answers(202, size=1000), stored(*range(1000)))
    check(partly_accepted(999), stored(*range(1, 1000)))


@pytest.mark.parametrize(
    ("answers", "found", "said"),
    [
        (some_answers(202, 202), stored(0), "1 of 2 accepted payments have no verdict, .* number 1"),
        (some_answers(202, size=1000), stored(*range(999)), "1 of 1,000 accepted .* number 0"),
        (some_answers(202, 202), stored(0, 0, 1), "1 payments have two verdicts, number 0"),
        (some_answers(202, 422), stored(0, 1), "1 payments are stored that were not accepted, .* number 1"),
        (some_answers(202, 0, 503), stored(0, 2), "1 payments are stored that were not accepted, .* number 2"),
        (some_answers(202, 0), stored(0, 7), "1 stored payments were never posted: 7"),
        (partly_accepted(999), stored(*range(998)), "1 of 999 accepted payments have no verdict"),
        (partly_accepted(999), stored(*range(1000)), "1 payments are stored that were not accepted"),
        (partly_accepted(999), stored(), "999 of 999 accepted payments have no verdict"),
    ],
)
def test_a_count_that_does_not_agree_says_what_is_wrong(answers: Answers, found: Stored, said: str) -> None:
    with pytest.raises(CountsDisagree, match=said):
        check(answers, found)


def test_a_payment_of_unknown_fate_may_be_stored_or_not() -> None:
    check(some_answers(202, 0), stored(0))
    check(some_answers(202, 0), stored(0, 1))


def test_commits_are_found_by_the_numbers_of_payments() -> None:
    found = stored(3, 5).committed_of(np.array([5, 4, 3, 9]))
    assert found[[0, 2]].tolist() == [5.25, 3.25]
    assert np.isnan(found[[1, 3]]).all()


def test_what_never_ended_is_the_longest_of_all() -> None:
    latency = Latency.of(np.array([0.001] * 98 + [np.inf] * 2))
    assert (latency.count, latency.p50, latency.p99) == (100, 1.0, np.inf)
