"""One process that the board follows: whether it answers, whether it is ready, what it weighs."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fraudline_alerts.status.growth import bucket_growth, growth

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fraudline_alerts.status.reading import Reading


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a process's `/readyz`: `reason` is what keeps the part from its work, None where it is well."""

    name: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a process said in one round."""

    reading: "Reading"
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """One process as people see it; what is not known is None.

    `state` is `ready`, `unready` or `away`; `away_reason` is why it did not answer. `cpu_share` is of one core, 0 to 1
    and above with several threads.
    """

    address: str
    state: str
    checks: tuple[Check, ...] = ()
    away_since: datetime | None = None
    away_reason: str | None = None
    service: str | None = None
    version: str | None = None
    started_at: datetime | None = None
    memory_bytes: float | None = None
    cpu_share: float | None = None
    is_owner: bool | None = None


@dataclass(slots=True)
class Process:
    """What is known of the process behind one URL, kept up to date by `note` and `note_away`."""

    url: str
    health: Health = field(init=False)
    reading: "Reading | None" = None
    before: "Reading | None" = None

    def __post_init__(self) -> None:
        self.health = Health(address=urlsplit(self.url).netloc, state="away", away_reason="it was not asked yet")

    def note(self, answer: Answer) -> None:
        """Take an answer in."""
        self.before, self.reading = self.reading, answer.reading
        build = answer.reading.labels("fraudline_build_info")
        started = answer.reading.value("process_start_time_seconds")
        owner = answer.reading.value("fraudline_scorer_is_owner")
        self.health = Health(
            address=self.health.address,
            state="ready" if all(check.reason is None for check in answer.checks) else "unready",
            checks=answer.checks,
            service=build.get("service"),
            version=build.get("version"),
            started_at=None if started is None else datetime.fromtimestamp(started, UTC),
            memory_bytes=answer.reading.value("process_resident_memory_bytes"),
            cpu_share=self.rate("process_cpu_seconds_total"),
            is_owner=None if owner is None else owner > 0,
        )

    def note_away(self, reason: str, now: datetime) -> None:
        """Note that it did not answer in this round; its name and its version stay known, and since when it is away.

        The reading is kept: when the same process answers again, what it counted meanwhile is spread over that time.
        """
        self.before = None
        self.health = Health(
            address=self.health.address,
            state="away",
            away_since=self.health.away_since or now,
            away_reason=reason,
            service=self.health.service,
            version=self.health.version,
        )

    def rate(self, name: str, *, where: "Callable[[Mapping[str, str]], bool]" = lambda _: True) -> float | None:
        """Return a counter's growth a second, over the series whose labels fit; None where it is not known."""
        if self.before is None or self.reading is None:
            return None
        grown = growth(self.before, self.reading, name)
        seconds = self.reading.at - self.before.at
        if grown is None or seconds <= 0:
            return None
        return sum(value for labels, value in grown.items() if where(dict(labels))) / seconds

    def buckets(self) -> dict[str, dict[float, float]]:
        """Return how much its histograms grew in this round."""
        if self.before is None or self.reading is None:
            return {}
        return bucket_growth(self.before, self.reading)

    def gauge(self, name: str) -> float | None:
        """Return a gauge as it stands now; None while the process is away."""
        return None if self.health.state == "away" or self.reading is None else self.reading.value(name)
