"""What one process's `/metrics` said at one moment, as far as the board needs it."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Mapping

Labels = frozenset[tuple[str, str]]

# Everything else is passed over before it is parsed: parsing costs ten times what looking at a line's beginning does.
COUNTERS = (
    "fraudline_events_accepted_total",
    "fraudline_verdicts_total",
    "fraudline_alerts_opened_total",
    "fraudline_dispositions_total",
    "process_cpu_seconds_total",
)
HISTOGRAMS = (
    "fraudline_end_to_end_seconds",
    "fraudline_alert_delay_seconds",
    "fraudline_explanation_delay_seconds",
)
GAUGES = (
    "fraudline_build_info",
    "fraudline_backlog_age_seconds",
    "fraudline_alerts_open",
    "fraudline_scorer_is_owner",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
)
_SERIES = (*COUNTERS, *GAUGES, *(f"{name}_bucket" for name in HISTOGRAMS))
_DECLARATIONS = tuple(f"# TYPE {name} " for name in (*COUNTERS, *HISTOGRAMS))


@dataclass(frozen=True, slots=True)
class Reading:
    """The values of the wanted series, by name and labels; those that are no finite number are left out.

    `declared` names the counters and histograms that the process has, whether or not they have a series yet: one
    without any stands at zero. `at` is a monotonic clock's seconds.
    """

    at: float
    declared: frozenset[str]
    values: "Mapping[str, Mapping[Labels, float]]"

    def value(self, name: str) -> float | None:
        """Return the one value of a metric without labels, None where there is none."""
        return next(iter(self.values.get(name, {}).values()), None)

    def labels(self, name: str) -> dict[str, str]:
        """Return the labels of the first series of a metric; empty where there is none."""
        return dict(next(iter(self.values.get(name, {})), frozenset()))


def read(text: str, at: float) -> Reading:
    """Return what a page in Prometheus' text format says.

    Raises:
        ValueError: It is in no such format.
    """
    lines = text.split("\n")
    declared = frozenset(line.split(" ", 3)[2] for line in lines if line.startswith(_DECLARATIONS))
    values: dict[str, dict[Labels, float]] = {}
    wanted = "\n".join(line for line in lines if line.startswith(_SERIES))
    for family in text_string_to_metric_families(wanted):
        for sample in family.samples:
            if math.isfinite(sample.value):
                values.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return Reading(at=at, declared=declared, values=values)
