"""The goals of throughput and latency, judged by what one run showed of the system and of the usual way.

The list is fixed: a goal that a run did not measure is on it without a figure, and is missed. Figures of a steady load
count where all of it was taken in; where some was not, the figure is infinite.
"""

import math
import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from goal import Goal
from growth import FEW, MANY, Growth

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
from fraudline.bench.table import ARRIVED_SHARE

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
# Of a share of flagged payments: with less than this of it, it did not come about.
CAME_ABOUT = 0.9


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


def goals(run: Run, *, is_quick: bool = False) -> Iterator[Goal]:
    """Yield all goals; of a quick look those alone that it measured."""
    for goal in _all_goals(run):
        if goal.is_measured or not is_quick:
            yield goal


def _all_goals(run: Run) -> Iterator[Goal]:
    yield from _rates(run)
    yield from _cpu(run)
    yield from _waiting(run)
    yield from _one_by_one(run)
    for form, all_times in OVERLOADS.items():
        for times in all_times:
            yield from _overload(run.system, form, times)


def _rates(run: Run) -> Iterator[Goal]:
    usual = _rate(run.usual.saturation(Form.SINGLE))
    single, batch = (_rate(run.system.saturation(form)) for form in (Form.SINGLE, Form.BATCH))
    yield Goal("single posts, times the usual way's rate", _times(single, usual), SINGLE_TIMES)
    yield Goal("batches, times the usual way's rate of single posts", _times(batch, usual), BATCH_TIMES)


def _cpu(run: Run) -> Iterator[Goal]:
    scale = run.predict_microseconds / YARDSTICK_MICROSECONDS
    for (form, group), limit in CPU_MICROSECONDS.items():
        stretch = run.system.saturation(form)
        used = 0.0 if stretch is None else stretch.cpu_microseconds.get(group, 0.0)
        name = f"CPU µs of {group} a payment, {form.value}, by the yardstick"
        # Nothing works for nothing: such a figure is a fault of the measuring.
        yield Goal(name, used if used > 0 else math.nan, limit * scale, at_most=True)


def _waiting(run: Run) -> Iterator[Goal]:
    ours, usual = run.system.steady(Form.WAIT, 0.5), run.usual.steady(Form.WAIT, 0.5)
    p99 = _if_whole(ours, lambda stretch: stretch.answer.p99)
    p50 = _if_whole(ours, lambda stretch: stretch.answer.p50)
    yield Goal("ms until the verdict, half of saturation, p50", p50, WAIT_P50_MS, at_most=True)
    yield Goal("ms until the verdict, half of saturation, p99", p99, WAIT_P99_MS, at_most=True)
    share = _times(p99, _if_whole(usual, lambda stretch: stretch.answer.p99))
    yield Goal("that p99 in p99s of the usual way at its own half", share, WAIT_SHARE_OF_BASELINE, at_most=True)
    alone = _if_whole(run.system.stretches.get(ALONE), lambda stretch: stretch.answer.p50)
    yield Goal("ms until the verdict, one payment alone, median", alone, ALONE_MS, at_most=True)


def _one_by_one(run: Run) -> Iterator[Goal]:
    grown = run.grown
    times = math.nan if grown is None else grown.times
    yield Goal(f"cost at {MANY:,} entities in costs at {FEW:,}", times, GROWTH_TIMES, at_most=True)
    yield _memory(math.nan if grown is None else grown.scorer_bytes, float(MANY))
    yield _flagged(run.system)
    most = max((stretch.memory_bytes.get("scorer", 0) for stretch in run.system.stretches.values()), default=0)
    yield _memory(most or math.nan, run.entities)


def _memory(measured: float, entities: float) -> Goal:
    allowed = SCORER_BYTES + ENTITY_BYTES * entities
    many = f"{entities:,.0f}" if math.isfinite(entities) else "an unknown number of"
    # Without their number nobody knows what is allowed: what is used is no figure then.
    figure = measured / 1e6 if math.isfinite(entities) else math.nan
    return Goal(f"MB of memory of the scorer at {many} entities", figure, allowed / 1e6, at_most=True)


def _flagged(system: Findings) -> Goal:
    """Return the goal of the shares of flagged payments, named by those that there were."""
    stretches = [system.stretches.get(name) for name in FLAGGED_EVERY]
    figures = [_if_whole(stretch, lambda stretch: stretch.committed.p99) for stretch in stretches]
    shares = [stretch.flagged / max(stretch.stored, 1) for stretch in stretches if stretch is not None]
    wanted = [CAME_ABOUT / every if every else 0.0 for every in FLAGGED_EVERY.values()]
    is_there = len(shares) == len(wanted) and all(map(operator.ge, shares, wanted))
    ratio = _times(max(figures), min(figures)) if is_there and not any(map(math.isnan, figures)) else math.nan
    told = ", ".join(f"{share:.1%}".replace("%", " %") for share in shares)
    name = f"p99 at the most and the least, {told} flagged" if told else "p99 at the most and the least flagged"
    return Goal(name, ratio, FLAGGED_TIMES, at_most=True)


def _overload(system: Findings, form: Form, times: float) -> Iterator[Goal]:
    flood = system.stretches.get(overload_name(form, times))
    what = f"{form.value}, {times:g} times saturation"
    if flood is not None and not flood.arrived_share >= ARRIVED_SHARE:
        what += f" ({flood.arrived_share:.0%} of it sent)".replace("%", " %")
    # A flood may find a better peak than connections that wait for their answers.
    floods = [system.stretches.get(overload_name(form, other)) for other in OVERLOADS[form]]
    rates = [_rate(stretch) for stretch in (system.saturation(form), *floods) if stretch is not None]
    goodput = _times(_rate(flood), max(rates, default=math.nan))
    yield Goal(f"{what}: goodput, share of the peak", goodput, GOODPUT[form])
    cost = math.nan if flood is None else _refusal_microseconds(flood, system.of(form))
    yield Goal(f"{what}: ingest's CPU µs a refusal", cost, REFUSAL_MICROSECONDS, at_most=True)
    accepted = math.nan if flood is None else flood.accepted_to_committed.p99
    before = _if_whole(system.steady(form, 0.75), lambda stretch: stretch.accepted_to_committed.p99)
    ratio = _times(accepted, before)
    yield Goal(f"{what}: p99 of the accepted, in those at 75 %", ratio, OVERLOADED_P99_TIMES, at_most=True)
    after, half = (
        _if_whole(stretch, lambda stretch: stretch.committed.p99)
        for stretch in (system.stretches.get(after_overload_name(form, times)), system.steady(form, 0.5))
    )
    yield Goal(f"{what}: p99 afterwards, in those before", _times(after, half), AFTERWARDS_P99_TIMES, at_most=True)


def _refusal_microseconds(flood: Stretch, others: list[Stretch]) -> float:
    """Return ingest's time a refused request at the most: when the accepted ones cost no more than they ever do."""
    if not flood.refused:
        return math.nan
    least = min(stretch.cpu_microseconds.get("ingest", math.nan) for stretch in others)
    return (flood.cpu_microseconds.get("ingest", math.nan) - least) * flood.stored / flood.refused


def _rate(stretch: Stretch | None) -> float:
    return math.nan if stretch is None else stretch.rate


def _if_whole(stretch: Stretch | None, figure: Callable[[Stretch], float]) -> float:
    """Return the figure of a stretch; infinite where not all that fell due was taken in, NaN where there is none."""
    if stretch is None:
        return math.nan
    return figure(stretch) if stretch.is_whole else math.inf


def _times(figure: float, other: float) -> float:
    """Return a figure in those of another; NaN where that one is no measure: all is fast beside what never ended."""
    return figure / other if math.isfinite(other) and other > 0 else math.nan
