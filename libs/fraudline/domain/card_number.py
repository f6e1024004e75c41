"""Card numbers (PANs): found so that they can be refused, masked so that they are never kept.

PCI DSS 3.5.1 counts logs, dead letters and error texts as storage, so nothing here ever returns a number it found.
"""

import re
from collections.abc import Iterator

from pydantic_core import PydanticCustomError

# Between the groups: blanks of any kind, seen or unseen, dots, dashes of any kind, underscores; no commas or slashes,
# which part numbers and dates that are no groups of one.
_RUN = re.compile(r"\d(?:[\s._\-\u00ad\u200b-\u200f\u2010-\u2015\u2060\u2212\ufeff]{0,3}\d){12,}")
SHORTEST, _LONGEST = 13, 19
# A digit's share in Luhn's sum where it is doubled; above 9 its digits are added (ISO/IEC 7812-1, annex B).
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def passes_luhn(digits: str) -> bool:
    """Return whether a string of digits carries a valid Luhn check digit (ISO/IEC 7812-1, annex B)."""
    values = [int(digit) for digit in reversed(digits)]
    return sum(_DOUBLED[value] if place % 2 else value for place, value in enumerate(values)) % 10 == 0


def _spans(text: str) -> Iterator[tuple[int, int]]:
    """Give where card numbers stand in `text`, as (start, end) offsets.

    A number may be bare or written in groups with up to three blanks, dots or dashes between them; other digits may
    stand in the groups beside it, so every sequence of whole groups is tried.
    """
    for run in _RUN.finditer(text):
        yield from _spans_of_run(run.group(), run.start())


def _spans_of_run(run: str, offset: int) -> Iterator[tuple[int, int]]:
    """Give the card numbers in digits and separators; linear in the length, since a message may be full of them."""
    places = [place for place, character in enumerate(run) if character.isdigit()]
    # Luhn's sum of every stretch from two running sums: one that doubles the odd digits, one that doubles the even.
    odd_doubled, even_doubled = [0], [0]
    for index, place in enumerate(places):
        value = int(run[place])
        doubled = _DOUBLED[value]
        odd_doubled.append(odd_doubled[-1] + (doubled if index % 2 else value))
        even_doubled.append(even_doubled[-1] + (value if index % 2 else doubled))
    starts = [index for index, place in enumerate(places) if index == 0 or places[index - 1] != place - 1]
    ends = {
        index + 1 for index, place in enumerate(places) if index + 1 == len(places) or places[index + 1] != place + 1
    }
    for start in starts:
        for end in range(start + SHORTEST, min(start + _LONGEST, len(places)) + 1):
            sums = even_doubled if end % 2 == 0 else odd_doubled
            if end in ends and (sums[end] - sums[start]) % 10 == 0:
                yield offset + places[start], offset + places[end - 1] + 1


def contains_card_number(text: str) -> bool:
    """Return whether `text` holds 13 to 19 digits that pass Luhn, bare or spaced."""
    return next(_spans(text), None) is not None


def no_card_number(text: str) -> str:
    """Return a field's text as it is.

    Raises:
        PydanticCustomError: It holds a card number.
    """
    if contains_card_number(text):
        raise PydanticCustomError("card_number", "holds a card number; send a token in its place")
    return text


def mask_card_numbers(text: str) -> str:
    """Return `text` with every card number replaced by asterisks of the same length."""
    pieces: list[str] = []
    done = 0
    for start, end in sorted(_spans(text)):
        if end > done:
            pieces += [text[done:start], "*" * (end - max(start, done))]
            done = end
    return "".join([*pieces, text[done:]])
