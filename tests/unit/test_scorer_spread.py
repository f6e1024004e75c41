"""A histogram by the batch tells Prometheus what the library's own would."""

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics, generate_latest

from fraudline_scorer.spread import Spread

BUCKETS = (0.001, 0.5, 1.0, 60.0)


def test_a_batch_is_told_as_if_its_values_had_come_one_by_one() -> None:
    disable_created_metrics()  # type: ignore[no-untyped-call] # as every service does
    values = [0.0, 0.001, 0.0011, 0.25, 0.5, 60.0, 61.5]
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spread = Spread("waited_seconds", "How long.", buckets=BUCKETS, registry=ours)
    histogram = Histogram("waited_seconds", "How long.", buckets=BUCKETS, registry=theirs)
    assert generate_latest(ours) == generate_latest(theirs)

    spread.observe_all(values[:3])
    spread.observe_all(values[3:])
    for value in values:
        histogram.observe(value)

    assert generate_latest(ours) == generate_latest(theirs)
