"""The goals of throughput and latency, judged by what one run showed of the system and of the usual way."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from goal import Goal
from growth import MANY, Growth

from fraudline.bench.course import (
    ALONE,
    FLAGGED_EVERY,
    OVERLOADS,
    Findings,
    after_overload_name,
    overload_name,
)
from fraudline.bench.load import Form
from fraudline.bench.measuring import Stretch

YARDSTICK_MICROSECONDS = 31.0
SINGLE_TIMES, BATCH_TIMES = 6.0, 35.0
CPU_MICROSECONDS = {
    (Form.SINGLE, "ingest"): 150.0,
    (Form.BATCH, "ingest"): 12.0,
    (Form.SINGLE, "scorer"): 110.0,
    (Form.BATCH, "scorer"): 45.0,
}
WAIT_P50_MS, WAIT_P99_MS, WAIT_SHARE_OF_BASELINE = 15.0, 50.0, 0.25
ALONE_MS = 5.0
GROWTH_TIMES = 1.3
FLAGGED_TIMES = 1.5
SCORER_BYTES, ENTITY_BYTES = 300e6, 1e3
GOODPUT = {Form.SINGLE: 0.8, Form.BATCH: 0.9}
REFUSAL_MICROSECONDS = 50.0
OVERLOADED_P99_TIMES = 2.0
AFTERWARDS_P99_TIMES = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """What one run showed.

    Attributes:
        system: Of the system.
        usual: Of the usual way.
        predict_microseconds: What the yardstick took a row: the limits of CPU time grow with it.
        entities: How many the scorer knew at the end; NaN where that is not known.
        grown: What payments cost with few entities and with many; None where that was not measured.
    """

    system: Findings
    usual: Findings
    predict_microseconds: float
    entities: float = math.nan
    grown: Growth | None = None


def goals(run: Run) -> Iterator[Goal]:
    """Yield the goals that the run can be judged by."""
    yield from _rates(run)
    yield from _cpu(run)
    yield from _waiting(run)
    yield from _one_by_one(run)
    for form, all_times in OVERLOADS.items():
        for times in all_times:
            yield from _overload(run.system, form, times)


def _rates(run: Run) -> Iterator[Goal]:
    ours, usual = run.system.saturation(Form.SINGLE), run.usual.saturation(Form.SINGLE)
    if ours is not None and usual is not None:
        yield Goal("single posts, times the usual way's rate", ours.rate / usual.rate, SINGLE_TIMES)
    batches = run.system.saturation(Form.BATCH)
    if batches is not None and usual is not None:
        yield Goal("batches, times the usual way's rate of single posts", batches.rate / usual.rate, BATCH_TIMES)


def _cpu(run: Run) -> Iterator[Goal]:
    scale = run.predict_microseconds / YARDSTICK_MICROSECONDS
    for (form, group), limit in CPU_MICROSECONDS.items():
        if (stretch := run.system.saturation(form)) is not None:
            name = f"CPU µs of {group} a payment, {form.value}, by the yardstick"
            yield Goal(name, stretch.cpu_microseconds.get(group, math.nan), limit * scale, at_most=True)


def _waiting(run: Run) -> Iterator[Goal]:
    ours, usual = run.system.steady(Form.WAIT, 0.5), run.usual.steady(Form.WAIT, 0.5)
    if ours is not None:
        yield Goal("ms until the verdict, half of saturation, p50", ours.answer.p50, WAIT_P50_MS, at_most=True)
        yield Goal("ms until the verdict, half of saturation, p99", ours.answer.p99, WAIT_P99_MS, at_most=True)
    if ours is not None and usual is not None:
        share = ours.answer.p99 / usual.answer.p99
        yield Goal("that p99 in p99s of the usual way at its own half", share, WAIT_SHARE_OF_BASELINE, at_most=True)
    if (alone := run.system.stretches.get(ALONE)) is not None:
        yield Goal("ms until the verdict, one payment alone, median", alone.answer.p50, ALONE_MS, at_most=True)


def _one_by_one(run: Run) -> Iterator[Goal]:
    if run.grown is not None:
        yield Goal("cost at 5,000,000 entities in costs at 10,000", run.grown.times, GROWTH_TIMES, at_most=True)
        yield _memory(run.grown.scorer_bytes, float(MANY))
    flagged = [run.system.stretches[name].committed.p99 for name in FLAGGED_EVERY if name in run.system.stretches]
    if len(flagged) > 1:
        yield Goal("p99 with the most and the least flagged", max(flagged) / min(flagged), FLAGGED_TIMES, at_most=True)
    most = max((stretch.memory_bytes.get("scorer", 0) for stretch in run.system.stretches.values()), default=0)
    if math.isfinite(run.entities) and most:
        yield _memory(most, run.entities)


def _memory(measured: float, entities: float) -> Goal:
    allowed = SCORER_BYTES + ENTITY_BYTES * entities
    return Goal(f"MB of memory of the scorer at {entities:,.0f} entities", measured / 1e6, allowed / 1e6, at_most=True)


def _overload(system: Findings, form: Form, times: float) -> Iterator[Goal]:
    flood = system.stretches.get(overload_name(form, times))
    peak, before = system.saturation(form), system.steady(form, 0.75)
    if flood is None or peak is None:
        return
    what = f"{form.value}, {times:g} times saturation"
    # A flood may find a better peak than connections that wait for their answers.
    floods = [system.stretches.get(overload_name(form, other)) for other in OVERLOADS[form]]
    highest = max(stretch.rate for stretch in (peak, *floods) if stretch is not None)
    yield Goal(f"{what}: goodput, share of the peak", flood.rate / highest, GOODPUT[form])
    if flood.refused:
        cost = _refusal_microseconds(flood, system.of(form))
        yield Goal(f"{what}: ingest's CPU µs a refusal", cost, REFUSAL_MICROSECONDS, at_most=True)
    if before is not None:
        ratio = flood.accepted_to_committed.p99 / before.accepted_to_committed.p99
        yield Goal(f"{what}: p99 of the accepted, in those at 75 %", ratio, OVERLOADED_P99_TIMES, at_most=True)
    half, after = system.steady(form, 0.5), system.stretches.get(after_overload_name(form, times))
    if half is not None and after is not None:
        ratio = after.committed.p99 / half.committed.p99
        yield Goal(f"{what}: p99 afterwards, in those before", ratio, AFTERWARDS_P99_TIMES, at_most=True)


def _refusal_microseconds(flood: Stretch, others: list[Stretch]) -> float:
    """Return ingest's time a refused request at the most: when the accepted ones cost no more than they ever do."""
    least = min(stretch.cpu_microseconds["ingest"] for stretch in others)
    return (flood.cpu_microseconds["ingest"] - least) * flood.stored / flood.refused
