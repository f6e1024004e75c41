"""Lengths of time on the command line."""

from datetime import timedelta

import pytest

from fraudline.cli.delay import parse_delay, write_delay

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "delay"),
    [
        ("7d", 7 * DAY),
        ("12h", DAY / 2),
        ("30m", timedelta(minutes=30)),
        ("90s", timedelta(seconds=90)),
        ("0s", 0 * DAY),
    ],
)
def test_a_delay_is_a_number_and_its_unit(text: str, delay: timedelta) -> None:
    assert parse_delay(text) == delay
    assert parse_delay(write_delay(delay)) == delay


def test_a_delay_is_written_in_its_largest_whole_unit() -> None:
    assert [write_delay(delay) for delay in (7 * DAY, 1.5 * DAY, timedelta(seconds=90))] == ["7d", "36h", "90s"]


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7 days", "1.5h", "9999999d", "7w"])
def test_another_delay_is_refused_with_the_way_out(text: str) -> None:
    with pytest.raises(ValueError, match="7d"):
        parse_delay(text)
