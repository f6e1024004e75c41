"""The demo's counts come from the services' metrics, whose counters begin anew with each process."""

from fraudline.cli.demo import DemoCounts, Growth, _sum

METRICS = """# HELP fraudline_verdicts_total Committed verdicts.
# TYPE fraudline_verdicts_total counter
fraudline_verdicts_total{decision="approve",model="m-1"} 40.0
fraudline_verdicts_total{decision="review",model="m-1"} 2.0
fraudline_verdicts_total{decision="decline",model="m-1"} 1.0
# HELP fraudline_verdicts_created Committed verdicts.
# TYPE fraudline_verdicts_created gauge
fraudline_verdicts_created{decision="approve",model="m-1"} 1.7e+09
"""


def test_a_counter_is_summed_over_the_labels_that_count() -> None:
    assert _sum(METRICS, "fraudline_verdicts_total", lambda _: True) == 43
    assert _sum(METRICS, "fraudline_verdicts_total", lambda labels: labels["decision"] != "approve") == 3
    assert _sum(METRICS, "fraudline_no_such_total", lambda _: True) == 0


def test_a_service_that_was_started_again_takes_nothing_back() -> None:
    growth = Growth()
    for value in (5, 9, 2, 4):
        growth.see(value)
    assert growth.total == 13


def test_nothing_is_counted_before_anything_is_seen() -> None:
    counts = DemoCounts({"ingest": "http://ingest", "scorer": "http://scorer", "alerts": "http://alerts"})
    assert (counts.accepted.total, counts.scored.total, counts.flagged.total, counts.open_alerts) == (0, 0, 0, 0)
