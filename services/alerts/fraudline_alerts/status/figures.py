"""What the status page says: one sentence, the drawings, the processes, and the same figures as a table."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fraudline_alerts.readable import duration, number
from fraudline_alerts.status.charts import LinearScale, LogScale, draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fraudline_alerts.status.charts import Chart
    from fraudline_alerts.status.process import Health

# The table has one row for so many samples, half a minute: more is heard by nobody to the end.
_ROW_EVERY = 15


@dataclass(frozen=True, slots=True)
class Sample:
    """The system at one moment; None is not known. Rates are a second's, ages, delays and latencies are in seconds.

    `latency_typical` and `latency_slowest` are the median and the 99th percentile from acceptance to the committed
    verdict; the two delays are 99th percentiles from the verdict to the stored alert and to the stored reasons.
    """

    at: datetime
    accepted: float | None
    scored: float | None
    flagged: float | None
    latency_typical: float | None
    latency_slowest: float | None
    backlog_age: float | None
    alerts_open: float | None
    opened: float | None
    decided: float | None
    alert_delay: float | None
    reasons_delay: float | None


@dataclass(frozen=True, slots=True)
class Board:
    """All that the page shows; `is_well` while every process is ready. `health` and `flow` are a sentence each."""

    at: datetime | None
    is_well: bool
    health: str
    flow: str
    charts: "tuple[Chart, ...]"
    processes: "tuple[Health, ...]"
    columns: tuple[str, ...]
    rows: "tuple[tuple[datetime, tuple[str, ...]], ...]"


def board_of(samples: "Sequence[Sample]", processes: "Sequence[Health]") -> Board:
    """Return the board for the samples of the last minutes, oldest first, and for the processes as they are now."""
    charts = _charts(samples)
    newest_first = list(samples)[::-1][::_ROW_EVERY]
    return Board(
        at=samples[-1].at if samples else None,
        is_well=bool(samples) and all(process.state == "ready" for process in processes),
        health=_health(processes) if samples else "The first look at the processes is under way.",
        flow=_flow(samples[-1]) if samples else "",
        charts=charts,
        processes=tuple(processes),
        columns=tuple(title for title, _ in _row(None)),
        rows=tuple((sample.at, tuple(text for _, text in _row(sample))) for sample in newest_first),
    )


def _health(processes: "Sequence[Health]") -> str:
    total = len(processes)
    unwell = [process for process in processes if process.state != "ready"]
    if unwell:
        names = ", ".join(f"{process.service or 'a process'} at {process.address}" for process in unwell)
        verb = "is not ready" if len(unwell) == 1 else "are not ready"
        return f"{len(unwell)} of {total} processes {verb}: {names}."
    return "The one process is ready." if total == 1 else f"All {total} processes are ready."


def _flow(latest: Sample) -> str:
    if latest.scored is None:
        return "How much flows is not known yet."
    if latest.scored == 0:
        return "No payment is being scored at this moment."
    pace = number(latest.scored)
    pace = "1 payment is scored a second" if pace == "1" else f"{pace} payments are scored a second"
    if latest.latency_slowest is None:
        return f"{pace}."
    return f"{pace}, 99 in 100 of them within {duration(latest.latency_slowest)} of acceptance."


def _charts(samples: "Sequence[Sample]") -> "tuple[Chart, ...]":
    now = samples[-1].at if samples else datetime.now(UTC)
    ages = [(now - sample.at).total_seconds() for sample in samples]

    def values(field: str) -> list[float | None]:
        return [getattr(sample, field) for sample in samples]

    return (
        draw(
            "flow", "Payments a second", [("accepted", values("accepted")), ("scored", values("scored"))],
            ages=ages, at_least=10.0, text=number, filled="accepted",
        ),
        draw(
            "latency", "From acceptance to verdict",
            [("median", values("latency_typical")), ("99 in 100 within", values("latency_slowest"))],
            ages=ages, scale=LogScale, at_least=0.1, text=duration,
        ),
        draw(
            "backlog", "Age of the oldest that waits", [("waiting", values("backlog_age"))],
            ages=ages, at_least=1.0, text=duration, filled="waiting",
        ),
        draw(
            "alerts", "Alerts open", [("open", values("alerts_open"))],
            ages=ages, at_least=10.0, text=number, filled="open",
        ),
        draw(
            "decided", "Alerts a second",
            [("flagged", values("flagged")), ("opened", values("opened")), ("decided", values("decided"))],
            ages=ages, scale=LinearScale, at_least=1.0, text=number,
        ),
        draw(
            "delay", "From verdict to people, 99 in 100 within",
            [("alert", values("alert_delay")), ("reasons", values("reasons_delay"))],
            ages=ages, scale=LogScale, at_least=1.0, text=duration,
        ),
    )  # fmt: skip


def _row(sample: Sample | None) -> tuple[tuple[str, str], ...]:
    """Return the columns of the table, each with its text for a sample."""

    def of(field: str) -> float | None:
        return None if sample is None else getattr(sample, field)

    return (
        ("accepted a second", number(of("accepted"))),
        ("scored a second", number(of("scored"))),
        ("flagged a second", number(of("flagged"))),
        ("median latency", duration(of("latency_typical"))),
        ("99th percentile", duration(of("latency_slowest"))),
        ("backlog age", duration(of("backlog_age"))),
        ("alerts open", number(of("alerts_open"))),
        ("opened a second", number(of("opened"))),
        ("decided a second", number(of("decided"))),
        ("verdict to alert, p99", duration(of("alert_delay"))),
        ("verdict to reasons, p99", duration(of("reasons_delay"))),
    )
