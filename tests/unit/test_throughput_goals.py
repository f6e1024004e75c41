"""The judge of throughput and latency: what was not measured, or was measured of half of the load, is missed."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from fraudline.bench.course import (
    ALONE,
    FLAGGED_EVERY,
    OVERLOADS,
    Findings,
    after_overload_name,
    overload_name,
    saturation_name,
    steady_name,
)
from fraudline.bench.latency import Latency
from fraudline.bench.load import Form
from fraudline.bench.measuring import Stretch

with pytest.MonkeyPatch.context() as patch:
    # Benches import what lies beside them.
    patch.syspath_prepend(str(Path(__file__).parents[1] / "bench"))
    from goal import Goal
    from growth import FEW, MANY, Growth
    from throughput_goals import Run, goals

P50, P99 = "ms until the verdict, half of saturation, p50", "ms until the verdict, half of saturation, p99"
SHARE = "that p99 in p99s of the usual way at its own half"
AFTERWARDS = "single, 2 times saturation: p99 afterwards, in those before"


def a_stretch(form: Form = Form.SINGLE, *, rate: float = 1000.0, ms: float = 2.0, **other: object) -> Stretch:
    took = Latency(1000, ms, ms, ms, ms)
    usual = Stretch(
        name="", form=form, offered=rate, connections=64, seconds=1.0, requests=1000, accepted=1000, stored=1000,
        flagged=0, refused=0, failed=0, unsent=0, waited=0, sent_rate=rate, rate=rate, answer=took, committed=took,
        sent_to_committed=took, accepted_to_committed=took, memory_bytes={"scorer": 100 << 20},
        cpu_microseconds={"ingest": 5.0, "scorer": 5.0},
    )  # fmt: skip
    return replace(usual, **other)  # type: ignore[arg-type] # fields of a stretch


def a_run(**changed: Stretch | None) -> Run:
    """A run that reaches every goal, but for stretches of the system that are changed, or taken away by None."""
    usual = Findings("usual way", {saturation_name(Form.SINGLE): a_stretch(rate=20.0)})
    usual.stretches[steady_name(Form.WAIT, 0.5)] = a_stretch(Form.WAIT, rate=10.0, ms=50.0)
    stretches = {ALONE: a_stretch(Form.WAIT)}
    for form in Form:
        stretches[saturation_name(form)] = a_stretch(form)
        stretches |= {steady_name(form, share): a_stretch(form) for share in (0.5, 0.75)}
        for times in OVERLOADS.get(form, ()):
            stretches[overload_name(form, times)] = a_stretch(form, refused=1000, sent_rate=1000.0)
            stretches[after_overload_name(form, times)] = a_stretch(form)
    for name, every in FLAGGED_EVERY.items():
        stretches[name] = a_stretch(flagged=1000 // every if every else 0)
    for name, stretch in changed.items():
        if stretch is None:
            del stretches[name]
        else:
            stretches[name] = stretch
    grown = Growth({size: a_stretch(Form.BATCH) for size in (FEW, MANY)})
    return Run(Findings("fraudline", stretches), usual, 31.0, 1e5, grown)


def missed(run: Run) -> list[str]:
    return [goal.name for goal in goals(run) if not goal.is_reached]


def test_a_run_that_measured_all_and_is_fast_reaches_all() -> None:
    assert missed(a_run()) == []


def test_a_goal_that_was_not_measured_is_missed_and_says_so() -> None:
    goal = Goal("a figure", math.nan, 5.0, at_most=True)
    assert not goal.is_reached
    assert goal.told(".0f") == "≤ 5 missed: not measured"


def test_the_list_of_goals_is_the_same_whatever_was_measured_but_for_a_quick_look() -> None:
    nothing = Run(Findings("fraudline"), Findings("usual way"), 31.0)
    assert len(missed(nothing)) == len(list(goals(nothing))) == len(list(goals(a_run())))
    assert list(goals(nothing, is_quick=True)) == []


@pytest.mark.parametrize("fault", ["refused", "failed", "unsent"])
def test_a_steady_load_of_which_not_all_was_taken_in_is_not_fast(fault: str) -> None:
    half = steady_name(Form.WAIT, 0.5)
    assert missed(a_run(**{half: a_stretch(Form.WAIT, **{fault: 1})})) == [P50, P99, SHARE]
    after = after_overload_name(Form.SINGLE, 2.0)
    assert missed(a_run(**{after: a_stretch(**{fault: 1})})) == [AFTERWARDS]


def test_nothing_is_fast_beside_a_usual_way_that_failed() -> None:
    run = a_run()
    run.usual.stretches[steady_name(Form.WAIT, 0.5)] = a_stretch(Form.WAIT, failed=1)
    assert missed(run) == [SHARE]


def test_cpu_below_nothing_is_no_figure() -> None:
    dead = a_stretch(cpu_microseconds={"ingest": 5.0, "scorer": -3.0})
    assert missed(a_run(**{saturation_name(Form.SINGLE): dead})) == [
        "CPU µs of scorer a payment, single, by the yardstick"
    ]


def test_shares_of_flagged_payments_that_did_not_come_about_are_not_judged() -> None:
    none = a_stretch(flagged=0)
    assert missed(a_run(**{"flagged, half": none})) == ["p99 at the most and the least, 0.0 %, 1.0 %, 0.0 % flagged"]


def test_a_flood_that_did_not_arrive_is_named_by_what_did() -> None:
    held_back = a_stretch(offered=2000.0, sent_rate=1200.0, refused=10)
    names = [goal.name for goal in goals(a_run(**{overload_name(Form.SINGLE, 2.0): held_back}))]
    assert "single, 2 times saturation (60 % of it sent): goodput, share of the peak" in names


def test_a_flood_that_refused_nothing_shows_no_cost_of_a_refusal() -> None:
    flood = overload_name(Form.BATCH, 5.0)
    cost = "batch, 5 times saturation: ingest's CPU µs a refusal"
    assert missed(a_run(**{flood: a_stretch(Form.BATCH)})) == [cost]
