"""The board as people see it: drawings without inventions, and sentences that fit the figures."""

import math
import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudline_alerts.readable import duration, number
from fraudline_alerts.status.charts import BOTTOM, LEFT, RIGHT, TOP, LinearScale, LogScale, draw
from fraudline_alerts.status.figures import Sample, board_of
from fraudline_alerts.status.process import Health

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
READY = Health(address="127.0.0.1:9080", state="ready", service="ingest")
AWAY = Health(address="127.0.0.1:9081", state="away", service="scorer")


def a_sample(*, seconds_ago: float = 0.0, **known: float) -> Sample:
    names = [field.name for field in fields(Sample) if field.name != "at"]
    return Sample(at=NOW - timedelta(seconds=seconds_ago), **{name: known.get(name) for name in names})


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


def test_a_line_runs_from_then_to_now_and_from_zero_to_the_top() -> None:
    chart = draw("flow", "Flow", [("scored", [0.0, 50.0, 100.0])], ages=[300.0, 150.0, 0.0], at_least=1.0, text=number)

    assert points(chart.lines[0].path) == [(LEFT, BOTTOM), ((LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2), (RIGHT, TOP)]
    assert [tick.text for tick in chart.ticks] == ["0", "50", "100"]
    assert chart.summary == "scored 100"


def test_what_was_not_known_is_a_gap_and_a_value_by_itself_a_dot() -> None:
    values = [1.0, 2.0, None, 3.0, None]
    chart = draw("flow", "Flow", [("scored", values)], ages=[8, 6, 4, 2, 0], at_least=1.0, text=number)

    path = chart.lines[0].path
    assert path.count("M") == 2
    assert path.endswith("h0")
    assert chart.lines[0].latest == "–"


def test_what_is_older_than_the_drawing_is_not_drawn() -> None:
    chart = draw("flow", "Flow", [("scored", [9.0, 1.0])], ages=[301.0, 0.0], at_least=1.0, text=number)

    assert points(chart.lines[0].path) == [(RIGHT, points(chart.lines[0].path)[0][1])]


def test_a_surface_stands_on_the_ground() -> None:
    chart = draw("flow", "Flow", [("a", [1.0, 1.0]), ("b", [1.0, 1.0])], ages=[2.0, 0.0], at_least=1.0, text=number,
                 filled="a")  # fmt: skip

    area = chart.lines[0].area
    assert area is not None
    assert points(area)[0][1] == points(area)[-1][1] == BOTTOM
    assert area.endswith("Z")
    assert chart.lines[1].area is None


def test_decades_have_the_same_height_each() -> None:
    scale = LogScale(0.35, at_least=0.1)

    assert [duration(tick) for tick in scale.ticks()] == ["1 ms", "10 ms", "100 ms", "1 s"]
    heights = [scale.place(tick) for tick in scale.ticks()]
    assert heights[0] == BOTTOM
    assert heights[-1] == TOP
    assert {round(low - high, 6) for low, high in pairwise(heights)} == {(BOTTOM - TOP) / 3}


@given(
    values=st.lists(st.none() | st.floats(min_value=0.0, max_value=1e9), max_size=150),
    scale=st.sampled_from([LinearScale, LogScale]),
)
def test_nothing_is_drawn_outside(values: list[float | None], scale: type[LinearScale] | type[LogScale]) -> None:
    ages = [2.0 * place for place in reversed(range(len(values)))]
    chart = draw("any", "Any", [("any", values)], ages=ages, scale=scale, at_least=0.1, text=number)

    for x, y in points(chart.lines[0].path):
        assert LEFT <= x <= RIGHT
        assert TOP - 0.1 <= y <= BOTTOM
    assert all(math.isfinite(tick.place) for tick in chart.ticks)


def test_a_board_before_its_first_look_knows_nothing_and_says_so() -> None:
    board = board_of([], [AWAY])

    assert board.health == "The first look at the processes is under way."
    assert not board.is_well
    assert board.rows == ()
    assert all(line.path == "" for chart in board.charts for line in chart.lines)


@pytest.mark.parametrize(
    ("processes", "health"),
    [
        ([READY], "The one process is ready."),
        ([READY, READY], "All 2 processes are ready."),
        ([READY, AWAY], "1 of 2 processes is not ready: scorer at 127.0.0.1:9081."),
        (
            [AWAY, replace(AWAY, service=None)],
            "2 of 2 processes are not ready: scorer at 127.0.0.1:9081, a process at 127.0.0.1:9081.",
        ),
    ],
)
def test_the_first_sentence_names_what_is_not_well(processes: list[Health], health: str) -> None:
    board = board_of([a_sample()], processes)

    assert board.health == health
    assert board.is_well == (AWAY not in processes and READY in processes)


@pytest.mark.parametrize(
    ("sample", "flow"),
    [
        (a_sample(), "How much flows is not known yet."),
        (a_sample(scored=0.0), "No payment is being scored at this moment."),
        (a_sample(scored=1.0), "1 payment is scored a second."),
        (
            a_sample(scored=21.4, latency_slowest=0.0312),
            "21 payments are scored a second, 99 in 100 of them within 31 ms of acceptance.",
        ),
    ],
)
def test_the_second_sentence_says_what_flows(sample: Sample, flow: str) -> None:
    assert board_of([sample], [READY]).flow == flow


def test_every_figure_is_drawn_and_stands_in_the_table_newest_first() -> None:
    names = [field.name for field in fields(Sample) if field.name != "at"]
    given_values = {name: 2.0 + place for place, name in enumerate(names)}
    samples = [a_sample(seconds_ago=2.0 * place, **given_values) for place in reversed(range(31))]

    board = board_of(samples, [READY])

    assert sum(len(chart.lines) for chart in board.charts) == len(names) == len(board.columns)
    assert [at for at, _ in board.rows] == [NOW, NOW - timedelta(seconds=30), NOW - timedelta(seconds=60)]
    drawn = {line.latest for chart in board.charts for line in chart.lines}
    assert drawn == set(board.rows[0][1])
    assert len(drawn) == len(names)
