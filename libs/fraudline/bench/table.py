"""Findings as lines of text."""

import math
from collections.abc import Iterator
from typing import Final

from fraudline.bench.course import Findings
from fraudline.bench.latency import Latency
from fraudline.bench.load import Form
from fraudline.bench.measuring import Stretch

HEAD = (
    f"{'stretch':32} {'due/s':>8} {'stored/s':>8}  {'p50':>8} {'p90':>8} {'p99':>8} {'p99.9':>8} ms   "
    "CPU µs a payment by process"
)

# More than the look of a monitoring agent: from here on figures are not the measured system's alone.
QUIET_SHARE: Final = 0.08
# With less of it sent a load is not what it is called: the connections or the generator held it back.
ARRIVED_SHARE: Final = 0.9


def line(stretch: Stretch) -> str:
    """Return one stretch on a line; what was not taken in is said at its end."""
    offered = "free" if stretch.offered is None else f"{stretch.offered:,.0f}"
    cpu = ", ".join(f"{group} {value:.0f}" for group, value in stretch.cpu_microseconds.items())
    lost = "".join(
        f"; {count:,} {what}"
        for what, count in (
            ("refused", stretch.refused),
            ("failed", stretch.failed),
            ("never sent", stretch.unsent),
            ("without a verdict in time", stretch.accepted - stretch.waited if stretch.form is Form.WAIT else 0),
        )
        if count
    )
    if stretch.arrived_share < ARRIVED_SHARE:
        lost += f"; {stretch.arrived_share:.0%} of the load was sent"
    in_all = f"{stretch.cpu_microseconds_in_all:,.0f} in all"
    return f"{stretch.name:32} {offered:>8} {stretch.rate:8,.0f}  {latencies(felt(stretch))}   {in_all}: {cpu}{lost}"


def felt(stretch: Stretch) -> Latency:
    """Return the latency that the form is about: until the answer for those that wait, else until the commit."""
    return stretch.answer if stretch.form is Form.WAIT else stretch.committed


def latencies(latency: Latency) -> str:
    """Return the percentiles in columns."""
    values = (latency.p50, latency.p90, latency.p99, latency.p99_9)
    return " ".join(f"{value:8,.1f}" if math.isfinite(value) else f"{'never':>8}" for value in values)


def memory_lines(findings: Findings) -> Iterator[str]:
    """Yield the most memory of each group of processes."""
    groups = {group for stretch in findings.stretches.values() for group in stretch.memory_bytes}
    for group in sorted(groups):
        most = max(stretch.memory_bytes.get(group, 0) for stretch in findings.stretches.values())
        yield f"{findings.subject}: {group} {most / 2**20:,.0f} MiB at most"


def disturbance_lines(findings: Findings) -> Iterator[str]:
    """Yield what to think of the figures where other programs kept the machine busy."""
    if findings.others_share > QUIET_SHARE:
        yield (
            f"{findings.subject}: other programs took {findings.others_share:.0%} of this machine meanwhile: rates and "
            "latencies are worse than they are on a quiet one"
        )
