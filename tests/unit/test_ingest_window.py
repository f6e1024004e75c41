"""The window over the log: by itself, and between a log and those who post, on a clock of their own."""

from __future__ import annotations

import math

import pytest

from fraudline_ingest.backlog import Progress
from fraudline_ingest.window import (
    ALONE_AFTER_SECONDS,
    BATCH_TARGET_SECONDS,
    EXTRA_EVENTS,
    GROWTH_EVENTS,
    GROWTH_SHARE,
    INTERVAL_SECONDS,
    LEAST,
    LEAST_FOR_BATCHES_ALONE,
    MOST,
    TARGET_SECONDS,
    USUAL,
    YIELD_SECONDS,
    Window,
    target_seconds,
)
from simulated_log import SimulatedLog

RATE = 3_000.0


def committed(
    window: Window, delay: float, *, at: float, events: int = 10, outstanding: int = 0, batches: bool = False
) -> None:
    singles = 0 if batches else events
    progress = Progress(events, singles, since=at - delay, ends_with_single=not batches)
    window.note_committed(progress, now=at, outstanding=outstanding, singles=0 if batches else outstanding)


def a_window(delay: float, *, kept_out: bool = False, outstanding: int = 2_000, batches: bool = False) -> Window:
    """Return a window after one interval in which events took so long."""
    window = Window()
    committed(window, 0.0, at=0.0, batches=batches)
    if kept_out:
        window.note_single_kept_out(5.0)
    committed(window, delay, at=10.0, outstanding=outstanding, batches=batches)
    return window


@pytest.mark.parametrize(("times", "factor"), [(1.25, 0.8), (1.9, 1 / 1.9), (20.0, 0.25)])
def test_it_shrinks_to_what_would_have_met_the_target_and_never_below_a_quarter(times: float, factor: float) -> None:
    delay = times * target_seconds(USUAL)
    window = a_window(delay)

    assert window.for_singles == pytest.approx(max(LEAST, factor * USUAL))
    assert window.delay_seconds == pytest.approx(delay)


def test_it_shrinks_from_what_was_outstanding_where_that_was_less() -> None:
    assert a_window(2 * target_seconds(800), outstanding=790).for_singles == pytest.approx(400)


def test_it_stays_where_less_than_half_of_it_was_in_use() -> None:
    assert a_window(9 * TARGET_SECONDS, outstanding=USUAL // 2 - 20).for_singles == USUAL


def test_what_counts_is_the_average_of_an_interval() -> None:
    window = Window()
    target = target_seconds(USUAL)
    committed(window, 0.0, at=0.0)
    committed(window, 0.5 * target, at=0.9 * INTERVAL_SECONDS)
    committed(window, 1.4 * target, at=10.0, outstanding=2_000)

    assert window.for_singles == USUAL


def test_the_smaller_a_bound_the_longer_is_its_target() -> None:
    assert target_seconds(math.inf) == TARGET_SECONDS
    assert target_seconds(EXTRA_EVENTS) == 2 * TARGET_SECONDS
    assert target_seconds(math.inf, are_batches_alone=True) == BATCH_TARGET_SECONDS


def test_batches_may_take_longer_as_long_as_they_have_the_log_to_themselves() -> None:
    assert a_window(BATCH_TARGET_SECONDS, batches=True).for_batches(now=10.0) >= LEAST_FOR_BATCHES_ALONE
    delay = 2 * target_seconds(LEAST_FOR_BATCHES_ALONE, are_batches_alone=True)
    slow = a_window(delay, batches=True)

    assert slow.for_batches(now=10.0) == LEAST_FOR_BATCHES_ALONE
    committed(slow, 0.01, at=10.05)
    assert slow.for_batches(now=10.05) == pytest.approx(LEAST_FOR_BATCHES_ALONE / 2)
    assert slow.for_batches(now=10.05 + ALONE_AFTER_SECONDS) == LEAST_FOR_BATCHES_ALONE


def test_where_most_of_the_log_came_in_batches_their_bound_shrinks_and_not_that_of_single_posts() -> None:
    window = Window()
    committed(window, 0.0, at=0.0)
    window.note_committed(
        Progress(10, 10, since=10 - 9 * TARGET_SECONDS, ends_with_single=True), now=10.0, outstanding=900, singles=100
    )

    assert window.for_singles == USUAL
    assert window.for_batches(now=10.0) < LEAST_FOR_BATCHES_ALONE


def test_where_most_of_it_was_posted_singly_the_bound_of_batches_stays() -> None:
    window = Window()
    committed(window, 0.0, at=0.0)
    window.note_committed(
        Progress(10, 10, since=10 - 9 * TARGET_SECONDS, ends_with_single=True), now=10.0, outstanding=900, singles=600
    )

    assert window.for_singles == LEAST
    assert window.for_batches(now=10.0) == LEAST_FOR_BATCHES_ALONE


def test_no_batch_comes_in_while_single_posts_are_refused() -> None:
    window = Window()
    window.note_single_kept_out(5.0)

    assert window.for_batches(now=5.0 + YIELD_SECONDS / 2) == 0
    assert window.for_batches(now=5.0 + YIELD_SECONDS) == LEAST_FOR_BATCHES_ALONE


def test_where_batches_were_kept_out_and_all_was_in_time_more_of_them_come_in() -> None:
    window = Window()
    committed(window, 0.0, at=0.0, batches=True)
    window.note_batch_kept_out()
    committed(window, 0.01, at=1.0, batches=True)

    assert window.for_batches(now=2.0) == LEAST_FOR_BATCHES_ALONE * (1 + GROWTH_SHARE) + GROWTH_EVENTS


def test_it_grows_only_where_it_kept_somebody_out_and_comes_back_to_the_usual_size() -> None:
    fast = TARGET_SECONDS / 2
    window = a_window(fast, kept_out=True)

    assert window.for_singles == USUAL * (1 + GROWTH_SHARE) + GROWTH_EVENTS
    assert a_window(fast).for_singles == USUAL
    for second in range(11, 20):
        committed(window, fast, at=second)
    assert window.for_singles == USUAL


def test_it_has_bounds_on_both_sides() -> None:
    small, large = Window(), Window()
    for second in range(1, 200):
        large.note_single_kept_out(second)
        committed(small, 0.9, at=second, outstanding=2_000)
        committed(large, 0.0, at=second)

    assert (small.for_singles, large.for_singles) == (LEAST, MOST)


def test_what_waited_behind_an_earlier_window_does_not_shrink_this_one() -> None:
    window = a_window(2 * TARGET_SECONDS)
    size = window.for_singles

    committed(window, 5.0, at=12.0, outstanding=2_000)

    assert window.for_singles == size


def test_after_an_outage_it_takes_nine_for_ten_until_the_delay_is_under_the_target() -> None:
    window = Window()
    window.catch_up(10_000)

    committed(window, 10.0, at=10.0, events=100, outstanding=9_900)
    assert (window.for_singles, window.is_catching_up) == (9_990, True)
    committed(window, 10.0, at=10.1, events=100, outstanding=5_000)
    assert (window.for_singles, window.is_catching_up) == (5_090, True)
    committed(window, TARGET_SECONDS / 2, at=10.2, events=100, outstanding=900)
    assert (window.for_singles, window.is_catching_up) == (990, False)


@pytest.mark.parametrize("times", [2.0, 10.0])
def test_in_a_flood_the_scorer_is_never_idle_and_what_is_let_in_keeps_its_latency(times: float) -> None:
    log = SimulatedLog(RATE)
    log.run(2, RATE / 2)
    log.run(6, times * RATE)
    log.run(2, RATE / 2)
    (ingest,) = log.ingests

    assert ingest.rate(2, 8) >= 0.95 * RATE
    # So long it takes to notice, and to work off what was let in until then.
    assert percentile(ingest.delays_between(3, 8), 0.99) < 2 * target_seconds(LEAST)
    assert percentile(ingest.delays_between(8.5, 10), 0.99) < TARGET_SECONDS


def test_an_outage_refuses_nobody_once_it_is_known_and_its_backlog_is_worked_off_without_another() -> None:
    log = SimulatedLog(RATE)
    (ingest,) = log.ingests
    log.run(2, RATE / 2)
    log.is_away = True
    log.run(1.5, RATE / 2)
    refused = ingest.refused
    log.run(8.5, RATE / 2)
    assert ingest.refused == refused
    assert ingest.admission.outstanding > 8 * RATE / 2

    log.is_away = False
    log.run(12, RATE / 2)

    assert ingest.refused == refused, "half of what it can do: the backlog shrinks by itself"
    assert percentile(ingest.delays_between(23.5, 24), 0.99) < TARGET_SECONDS


def test_a_backlog_shrinks_under_a_flood_too_at_the_scorer_s_full_rate() -> None:
    log = SimulatedLog(RATE)
    (ingest,) = log.ingests
    log.run(1, RATE)
    log.is_away = True
    log.run(2, RATE)
    log.is_away = False
    before = ingest.admission.outstanding
    log.run(4, 2 * RATE)
    after = ingest.admission.outstanding

    assert ingest.rate(3.5, 7) >= 0.95 * RATE
    assert before - after == pytest.approx(4 * RATE / 10, rel=0.2)


@pytest.mark.parametrize("loses", [(1, 2), (9, 10), (1, 1)])
def test_whatever_replies_are_lost_it_goes_on(loses: tuple[int, int]) -> None:
    log = SimulatedLog(RATE, loses=loses)
    log.run(8, 2 * RATE)
    (ingest,) = log.ingests

    assert ingest.rate(2, 8) >= 0.8 * RATE


def test_where_no_reply_can_be_heard_nobody_is_refused() -> None:
    log = SimulatedLog(RATE)
    (ingest,) = log.ingests
    log.run(1, RATE / 2)
    ingest.can_hear = False
    log.run(2, 2 * RATE)

    assert ingest.refused == 0
    ingest.can_hear = True
    log.run(4, 2 * RATE)
    assert ingest.refused > 0


def test_two_processes_share_a_log_fairly_though_one_came_later() -> None:
    log = SimulatedLog(4 * RATE, processes=2)
    first, second = log.ingests
    log.run(2, 8 * RATE, 0.0)
    log.run(8, 8 * RATE, 8 * RATE)

    shares = [ingest.rate(7, 10) / (4 * RATE) for ingest in (first, second)]
    assert sum(shares) >= 0.94
    assert min(shares) > 0.3
    assert percentile(first.delays_between(7, 10), 0.99) < 2 * target_seconds(LEAST)


def percentile(delays: list[float], share: float) -> float:
    return delays[math.ceil(share * len(delays)) - 1]
