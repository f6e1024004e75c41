"""Card numbers (PANs): found so that they can be refused, masked so that they are never kept.

PCI DSS 3.5.1 counts logs, dead letters and error texts as storage, so nothing here ever returns a number it found.
"""

import re

_RUN = re.compile(r"\d(?:[ .\-]?\d){12,}")
_GROUP = re.compile(r"\d+")
_SHORTEST, _LONGEST = 13, 19
_TENS_DIGIT_FROM = 9


def passes_luhn(digits: str) -> bool:
    """Return whether a string of digits carries a valid Luhn check digit (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, character in enumerate(reversed(digits)):
        digit = int(character)
        if place % 2:
            digit *= 2
            if digit > _TENS_DIGIT_FROM:
                digit -= _TENS_DIGIT_FROM
        total += digit
    return total % 10 == 0


def _spans(text: str) -> list[tuple[int, int]]:
    """Return where card numbers stand in `text`, as (start, end) offsets.

    A number may be bare or written in groups with a space, dot or dash between them; other digits may stand in the
    groups beside it, so every sequence of whole groups is tried.
    """
    found: list[tuple[int, int]] = []
    for run in _RUN.finditer(text):
        groups = [(g.start() + run.start(), g.group()) for g in _GROUP.finditer(run.group())]
        for first, (start, _) in enumerate(groups):
            digits = ""
            for offset, group in groups[first:]:
                digits += group
                if len(digits) > _LONGEST:
                    break
                if len(digits) >= _SHORTEST and passes_luhn(digits):
                    found.append((start, offset + len(group)))
    return found


def contains_card_number(text: str) -> bool:
    """Return whether `text` holds 13 to 19 digits that pass Luhn, bare or spaced."""
    return bool(_spans(text))


def mask_card_numbers(text: str) -> str:
    """Return `text` with every card number replaced by asterisks of the same length."""
    for start, end in _spans(text):
        text = text[:start] + "*" * (end - start) + text[end:]
    return text
