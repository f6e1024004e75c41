import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudline.domain.card_number import contains_card_number, mask_card_numbers, passes_luhn

SEPARATORS = st.sampled_from(["", " ", "-", "."])


@st.composite
def card_numbers(draw: st.DrawFn) -> str:
    """Return a number of 13 to 19 digits with its check digit."""
    digits = draw(st.text(alphabet="0123456789", min_size=12, max_size=18))
    return next(digits + check for check in "0123456789" if passes_luhn(digits + check))


@given(
    card_numbers(),
    SEPARATORS,
    st.integers(1, 6),
    st.sampled_from(["", "paid with ", "€"]),
    st.sampled_from(["", " ok"]),
)
def test_a_card_number_is_found_bare_or_in_groups_and_masked(
    number: str, separator: str, group: int, before: str, after: str
) -> None:
    written = separator.join(number[start : start + group] for start in range(0, len(number), group))
    text = before + written + after

    assert contains_card_number(text)
    masked = mask_card_numbers(text)
    assert len(masked) == len(text)
    assert not contains_card_number(masked)
    assert masked.startswith(before)


@given(card_numbers(), st.sampled_from(["1", "12 ", "2026-"]), SEPARATORS)
def test_other_digits_beside_a_card_number_do_not_hide_it(number: str, before: str, separator: str) -> None:
    text = before + (separator or " ") + number

    assert contains_card_number(text)
    assert number not in mask_card_numbers(text)


@given(st.text(alphabet="0123456789", max_size=12))
def test_fewer_digits_are_no_card_number(digits: str) -> None:
    assert not contains_card_number(digits)


@pytest.mark.parametrize("text", ["4111111111111112", "card_5f1c9a", "2026-11-23T18:00:00.000000Z", "", "x" * 200])
def test_what_fails_luhn_or_is_something_else_is_left_alone(text: str) -> None:
    assert not contains_card_number(text)
    assert mask_card_numbers(text) == text


@given(st.text(max_size=100))
def test_a_text_without_card_number_is_not_changed(text: str) -> None:
    assert (mask_card_numbers(text) == text) is not contains_card_number(text)
