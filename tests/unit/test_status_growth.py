"""What two readings of a process say of the time between them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Counter, Gauge, Histogram, generate_latest

from fraudline.service.admin import new_registry
from fraudline_alerts.status.growth import added, bucket_growth, growth, quantile
from fraudline_alerts.status.process import Answer, Process
from fraudline_alerts.status.reading import Reading, read

VERDICTS = "fraudline_verdicts_total"
LATENCY = "fraudline_end_to_end_seconds"


def a_reading(at: float = 0.0, *, started: float = 1.0, **verdicts: float) -> Reading:
    lines = [f"process_start_time_seconds {started}", f"# TYPE {VERDICTS} counter"]
    lines += [f'{VERDICTS}{{decision="{decision}",model="m"}} {value}' for decision, value in verdicts.items()]
    return read("\n".join(lines) + "\n", at)


def total(grown: dict[frozenset[tuple[str, str]], float] | None) -> float | None:
    return None if grown is None else sum(grown.values())


def test_a_reading_holds_the_wanted_series_of_a_real_page_alone() -> None:
    registry = new_registry("scorer")
    Counter(VERDICTS, "x", ["decision", "model"], registry=registry).labels("approve", "m").inc(3)
    Counter("fraudline_duplicates_total", "x", registry=registry).inc()
    Histogram(LATENCY, "x", buckets=(0.1, 1.0), registry=registry).observe(0.05)
    Gauge("fraudline_backlog_age_seconds", "x", registry=registry).set(math.nan)

    reading = read(generate_latest(registry).decode(), at=7.0)

    assert reading.at == 7.0
    assert reading.values[VERDICTS] == {frozenset({("decision", "approve"), ("model", "m")}): 3.0}
    assert reading.labels("fraudline_build_info")["service"] == "scorer"
    assert len(reading.values[f"{LATENCY}_bucket"]) == 3
    assert reading.declared >= {VERDICTS, LATENCY, "process_cpu_seconds_total"}
    assert "fraudline_duplicates_total" not in reading.values
    assert reading.value("fraudline_backlog_age_seconds") is None


def test_a_counter_grows_by_what_was_added() -> None:
    before, after = a_reading(approve=100, decline=5), a_reading(approve=140, decline=6)

    assert total(growth(before, after, VERDICTS)) == 41


def test_a_series_that_is_new_counted_from_zero() -> None:
    assert total(growth(a_reading(approve=100), a_reading(approve=100, decline=2), VERDICTS)) == 2


def test_a_counter_without_a_series_stands_at_zero_and_one_that_is_not_there_is_not_known() -> None:
    assert total(growth(a_reading(), a_reading(), VERDICTS)) == 0
    assert growth(a_reading(), a_reading(), "fraudline_dispositions_total") is None


@pytest.mark.parametrize("counted", [7, 250])
def test_a_process_that_started_anew_counted_from_zero_however_far_it_got(counted: int) -> None:
    before, after = a_reading(started=1.0, approve=100), a_reading(started=2.0, approve=counted)

    assert total(growth(before, after, VERDICTS)) == counted


def test_a_counter_that_fell_counted_from_zero_even_if_nothing_says_that_it_started_anew() -> None:
    assert total(growth(a_reading(approve=100), a_reading(approve=7), VERDICTS)) == 7


def test_what_a_process_counted_while_it_was_away_is_spread_over_that_time() -> None:
    process = Process("http://127.0.0.1:1")
    process.note(Answer(a_reading(at=0.0, approve=100), ()))
    process.note_away("nobody answers there", now=None)  # type: ignore[arg-type] # when does not matter here
    assert process.rate(VERDICTS) is None

    process.note(Answer(a_reading(at=10.0, approve=150), ()))

    assert process.rate(VERDICTS) == 5.0


def test_the_buckets_of_all_series_of_a_histogram_are_added_up() -> None:
    def page(first: int, second: int) -> Reading:
        lines = [f"# TYPE {LATENCY} histogram"]
        for partition, count in ((0, first), (1, second)):
            lines += [f'{LATENCY}_bucket{{partition="{partition}",le="{le}"}} {count}' for le in ("0.1", "+Inf")]
        return read("\n".join(lines) + "\n", 0.0)

    grown = bucket_growth(page(1, 10), page(3, 15))

    assert grown == {LATENCY: {0.1: 7.0, math.inf: 7.0}}
    assert added([grown[LATENCY], grown[LATENCY]]) == {0.1: 14.0, math.inf: 14.0}


@pytest.mark.parametrize(
    ("share", "buckets", "expected"),
    [
        (0.5, {0.1: 10, 0.2: 30, math.inf: 30}, 0.125),
        (0.25, {0.1: 10, 0.2: 10, math.inf: 10}, 0.025),
        (0.99, {0.1: 98, 0.2: 98, 0.4: 100, math.inf: 100}, 0.3),
        (0.99, {0.1: 10, 0.2: 10, math.inf: 30}, 0.2),
        (0.5, {0.1: 0, math.inf: 0}, None),
        (0.5, {}, None),
    ],
)
def test_a_quantile_lies_evenly_within_its_bucket(
    share: float, buckets: dict[float, float], expected: float | None
) -> None:
    assert quantile(share, buckets) == (None if expected is None else pytest.approx(expected))


BOUNDS = (0.001, 0.01, 0.1, 1.0, 10.0)


@given(
    values=st.lists(st.floats(min_value=0.0001, max_value=9.99), min_size=1, max_size=200),
    share=st.sampled_from([0.01, 0.5, 0.9, 0.99]),
)
def test_a_quantile_lies_in_the_bucket_that_holds_the_true_one(values: list[float], share: float) -> None:
    buckets = {bound: float(sum(value <= bound for value in values)) for bound in (*BOUNDS, math.inf)}
    true = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    bound = next(bound for bound in BOUNDS if true <= bound)
    below = max((other for other in BOUNDS if other < bound), default=0.0)

    found = quantile(share, buckets)

    assert found is not None
    assert below <= found <= bound * (1 + 1e-12)
