from types import SimpleNamespace
from typing import Any

from structlog.testing import capture_logs

from fraudline_scorer.model import warn_of_another_memory


def told_of(trained_with: int, max_entities: int) -> list[Any]:
    bundle: Any = SimpleNamespace(manifest=SimpleNamespace(data=SimpleNamespace(max_entities=trained_with)))
    with capture_logs() as logged:
        warn_of_another_memory(bundle, max_entities)
    return list(logged)


def test_a_scorer_that_remembers_as_many_entities_as_the_model_was_trained_with_says_nothing() -> None:
    assert told_of(5_000_000, 5_000_000) == []


def test_another_number_of_entities_is_told_once_with_both() -> None:
    (warning,) = told_of(5_000_000, 100_000)
    assert warning == {
        "event": "max_entities_differs",
        "log_level": "warning",
        "max_entities": 100_000,
        "trained_with": 5_000_000,
    }
