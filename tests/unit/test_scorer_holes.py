"""What no message carried can be seen."""

from fraudline_scorer.holes import MAX_MISSING, MAX_STREAMS, Holes


def test_numbers_without_gaps_leave_no_hole() -> None:
    holes = Holes()
    for number in range(1, 100):
        holes.take("a", "0", number)
    assert holes.open == 0


def test_a_stream_met_in_the_middle_counts_from_there() -> None:
    holes = Holes()
    holes.take("a", "0", 17)
    assert holes.open == 0


def test_a_skipped_number_is_a_hole_until_it_comes() -> None:
    holes = Holes()
    for number in (1, 2, 5):
        holes.take("a", "0", number)
    holes.take("b", "0", 1)
    assert holes.open == 2
    holes.take("a", "0", 4)
    assert holes.open == 1
    holes.take("a", "0", 3)
    holes.take("a", "0", 3)
    assert holes.open == 0


def test_a_huge_jump_and_many_producers_stay_bounded() -> None:
    holes = Holes()
    holes.take("a", "0", 1)
    holes.take("a", "0", 10**12)
    assert holes.open == MAX_MISSING
    for producer in range(2 * MAX_STREAMS):
        holes.take(str(producer), "0", 1)
    assert holes.open == 0, "the stream that was silent longest was not forgotten"
