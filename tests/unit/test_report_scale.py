"""Axes: round numbers, in order, within the ends, and never too many."""

import math
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudline.models.evaluation.scored import number_of
from fraudline.models.report import text
from fraudline.models.report.scale import MOST_TICKS, Days, Linear, Logarithmic, Scale, decades, upwards


def written(scale: Scale) -> list[str]:
    return [told for _, told in scale.ticks()]


def test_ticks_are_round_numbers() -> None:
    assert written(Linear(0, 1)) == ["0", "0.2", "0.4", "0.6", "0.8", "1"]
    assert written(upwards([437.0])) == ["0", "100", "200", "300", "400", "500"]
    assert written(upwards([12_500.0])) == ["0", "5k", "10k", "15k"]
    assert written(Logarithmic(0.0001, 1)) == ["0.0001", "0.001", "0.01", "0.1", "1"]
    assert written(Logarithmic(1, 10)) == ["1", "2", "5", "10"]
    start = number_of(date(2018, 8, 8))
    assert written(Days(start, start + 6)) == ["08-08", "08-10", "08-12", "08-14"]
    assert written(Days(start, start)) == ["08-08"]
    assert written(Days(start, start + 700))[:2] == ["2018-08", "2019-02"]


@given(st.lists(st.floats(0, 1e12), max_size=5))
def test_an_axis_from_zero_holds_every_value(values: list[float]) -> None:
    scale = upwards(values)
    assert scale.high >= max([*values, 1.0]) * (1 - 1e-9)
    assert 2 <= len(scale.ticks()) <= MOST_TICKS + 1


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=5))
def test_an_axis_of_decades_holds_every_value_within_its_limits(values: list[float]) -> None:
    scale = decades(values, low=1e-5, high=1.0)
    assert 1e-6 < scale.low < scale.high <= 1.0
    ticks = [value for value, _ in scale.ticks()]
    assert ticks == sorted(set(ticks))
    assert 2 <= len(ticks) <= MOST_TICKS + 1
    assert all(0 <= scale.share(value) <= 1 for value in values if not math.isnan(value))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (text.share(0.00831), "0.83\u00a0%"),
        (text.share(0.171), "17.1\u00a0%"),
        (text.share(1.0), "100\u00a0%"),
        (text.share(math.nan), "–"),
        (text.measure(0.7314), "0.731"),
        (text.measure(-0.00001), "0.0000"),
        (text.measure(-0.0312), "−0.0312"),
        (text.probability(0.0000123), "0.0000123"),
        (text.probability(0.05), "0.0500"),
        (text.probability(0.0), "0"),
        (text.money(1234567.8, "EUR"), "1,234,568\u00a0EUR"),
        (text.money(3.0, "EUR"), "3.00\u00a0EUR"),
        (text.pace(62.52), "62.5"),
        (text.pace(0.033), "0.03"),
        (text.cap(0.0167), "0.02"),
        (text.tick(0.00001), "0.00001"),
        (text.tick(2_500.0), "2.5k"),
        (text.counted(1, "fraud"), "1 fraud"),
        (text.listed(["a", "b", "c"]), "a, b and c"),
    ],
)
def test_numbers_are_written_for_people(told: str, expected: str) -> None:
    assert told == expected
