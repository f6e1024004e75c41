"""The measured part of `docs/performance.md`, written from a run's figures; the rest of the page stays as it is."""

import json
import math
import os
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fraudline.bench.table import ARRIVED_SHARE, QUIET_SHARE

BEGIN, END = "<!-- measured: written by tests/bench/throughput.py -->", "<!-- end of what was measured -->"
# Latencies count from when a request was due; one column from when it was sent, and of those taken in alone.
COLUMNS = (
    "| load | due/s | sent/s | stored/s | p50 | p90 | p99 | p99.9 ms | from send, p99 | refused | failed | never sent "
    "| CPU µs a payment |"
)
DRAWINGS = ("single", "wait", "batch")
_NAMES = {
    "single": "Single posts: from the moment they are due to the committed verdict",
    "wait": "Single posts that wait: from the moment they are due to the answer with the verdict",
    "batch": "Batches of 1,000: from the moment they are due to the last committed verdict",
}
_CORES = {1: "one core", 2: "two cores", 4: "four cores", 8: "eight cores"}


def write(figures: Path, page: Path) -> None:
    """Put a run's tables into a page, between its marks, and its drawings into the folder beside it."""
    run = json.loads(figures.read_text())
    text = page.read_text()
    before, rest = text.split(BEGIN, 1)
    _, after = rest.split(END, 1)
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    drawn = []
    for name in DRAWINGS:
        drawing = figures.with_name(f"latency-{name}.svg")
        if drawing.exists():
            shutil.copyfile(drawing, folder / drawing.name)
            drawn.append(f"![{_NAMES[name]}]({folder.name}/{drawing.name})")
    page.write_text("\n".join([f"{before}{BEGIN}", *_lines(run), "", *drawn, f"{END}{after}"]))


def _lines(run: dict[str, Any]) -> Iterator[str]:
    cores = os.cpu_count() or 0
    quick = ", a quick look that proves nothing" if run["is_quick"] else ""
    yield (
        f"Measured {run['measured_at'][:10]}{quick}: {_CORES.get(cores, f'{cores} cores')}, shared by the system, "
        f"broker, database and load generator; {run['payments']} payments; LightGBM's `predict` takes "
        f"{run['predict_microseconds']:.0f} µs a row of the yardstick there."
    )
    others = statistics.median(s["others_share"] for some in run["subjects"].values() for s in some.values())
    if others > QUIET_SHARE:
        yield ""
        yield (
            f"**Not a quiet machine**: other programs took {others:.0%} of it meanwhile. Rates and latencies, ours and "
            "the usual way's, are worse than they are; CPU a payment is about right."
        )
    yield from ("", "### Goals", "| figure | measured | goal | |", "| --- | ---: | ---: | --- |")
    for goal in run["goals"]:
        sign = "≤" if goal["at_most"] else "≥"
        said = "reached" if goal["is_reached"] else "**missed**"
        figure = "not measured" if math.isnan(goal["figure"]) else _number(goal["figure"], ",.2f")
        yield f"| {goal['name']} | {figure} | {sign} {_number(goal['wanted'], ',.2f')} | {said} |"
    for subject, stretches in run["subjects"].items():
        yield from ("", f"### {subject[0].upper()}{subject[1:]}")
        yield COLUMNS
        yield "| --- |" + " ---: |" * (COLUMNS.count("|") - 3) + " --- |"
        for name, stretch in stretches.items():
            yield _row(name, stretch)
        yield from _held_back(stretches)
        memory: dict[str, int] = {}
        for stretch in stretches.values():
            memory = {group: max(size, memory.get(group, 0)) for group, size in stretch["memory_bytes"].items()}
        yield ""
        yield "Memory at most: " + ", ".join(f"{group} {size / 1e6:,.0f} MB" for group, size in memory.items()) + "."
    yield from _growth(run)


def _growth(run: dict[str, Any]) -> Iterator[str]:
    if not run["growth"]:
        return
    yield from ("", "### Growth with history", "| entities | batches, stored/s | CPU µs a payment | scorer's memory |")
    yield "| ---: | ---: | ---: | ---: |"
    for entities, stretch in run["growth"].items():
        cpu = stretch["cpu_microseconds_in_all"]
        memory = stretch["memory_bytes"]["scorer"] / 1e6
        yield f"| {int(entities):,} | {stretch['rate']:,.0f} | {cpu:.0f} | {memory:,.0f} MB |"


def _row(name: str, stretch: dict[str, Any]) -> str:
    latency = stretch["answer" if stretch["form"] == "wait" else "committed"]
    shown = (_number(latency[key], ",.1f") for key in ("p50", "p90", "p99", "p99_9"))
    offered = "as answers come" if stretch["offered"] is None else f"{stretch['offered']:,.0f}"
    from_send = _number(stretch["sent_to_committed"]["p99"], ",.1f")
    lost = " | ".join(f"{stretch[what]:,}" for what in ("refused", "failed", "unsent"))
    cpu = f"**{stretch['cpu_microseconds_in_all']:,.0f}**: " + ", ".join(
        f"{group} {value:.0f}" for group, value in stretch["cpu_microseconds"].items()
    )
    rates = f"{offered} | {_number(stretch['sent_rate'], ',.0f')} | {stretch['rate']:,.0f}"
    return f"| {name} | {rates} | {' | '.join(shown)} | {from_send} | {lost} | {cpu} |"


def _held_back(stretches: dict[str, Any]) -> Iterator[str]:
    """Yield which loads are less than they are called."""
    for name, stretch in stretches.items():
        if stretch["offered"] is not None and stretch["sent_rate"] < ARRIVED_SHARE * stretch["offered"]:
            share = f"{stretch['sent_rate'] / stretch['offered']:.0%}".replace("%", " %")
            yield ""
            yield f"**{name}**: {share} of that load was sent; connections or the generator held the rest back."


def _number(value: float, form: str) -> str:
    return f"{value:{form}}" if math.isfinite(value) else "never"
