"""Numbers and names as people read them, safe to write into HTML, SVG and Markdown."""

import html
import math
import re
from datetime import date
from typing import Final

UNKNOWN: Final = "–"
"""What stands in place of a number that nobody can give."""

_MINUS: Final = "−"
# A number and its unit stay on one line.
_CLOSE: Final = "\u00a0"
_FINE, _COARSE = 0.001, 10.0
_BEYOND_LETTERS: Final = 1e12
_HUNDREDTH, _TENTH = 0.01, 0.1
_HIDDEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
# What is mark-up anywhere; underlines but within words; what makes a link; what begins a heading, a list or a rule.
_MARKDOWN: Final = re.compile(
    r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|(?<=[a-z]):(?=//)|(?<=\bwww)\.|(?<=\w)@(?=\w+\.)|^[#+=-]", re.IGNORECASE
)


def visible(text: str) -> str:
    """Return a text on one line, signs that no page may hold or that turn its direction made visible."""
    return _HIDDEN.sub("\ufffd", text)


def escaped(text: str) -> str:
    """Return a text as HTML and SVG show it, in an element or in an attribute between quotation marks."""
    return html.escape(visible(text), quote=True)


def markdown(text: str) -> str:
    """Return a text as Markdown shows it, in a sentence or in a table's cell: no mark-up, no link, no HTML."""
    return _MARKDOWN.sub(r"\\\g<0>", html.escape(visible(text), quote=False))


def count(value: float) -> str:
    """Return a whole number with its thousands apart."""
    return _signed(f"{value:,.0f}") if math.isfinite(value) else UNKNOWN


def counted(value: int, noun: str) -> str:
    """Return a count with what is counted, in the plural where it is not one."""
    return f"{count(value)} {noun}" if value == 1 else f"{count(value)} {noun}s"


def share(value: float) -> str:
    """Return a share of 1 in per cent, with as many decimals as a small one needs."""
    if not math.isfinite(value):
        return UNKNOWN
    return f"{percent(value)}{_CLOSE}%"


def percent(value: float) -> str:
    """Return how many hundredths a share has."""
    if not math.isfinite(value):
        return UNKNOWN
    decimals = 0 if value in {0, 1} else 2 if abs(value) < _HUNDREDTH else 1
    return _signed(f"{value * 100:.{decimals}f}")


def measure(value: float) -> str:
    """Return a measure between 0 and 1 to three decimals, a small one to four."""
    if not math.isfinite(value):
        return UNKNOWN
    return _signed(f"{value:.{4 if 0 < abs(value) < _TENTH else 3}f}")


def probability(value: float) -> str:
    """Return a probability with three digits that say something, however small it is."""
    if not math.isfinite(value):
        return UNKNOWN
    if value == 0 or abs(value) >= 1:
        return f"{value:g}"
    decimals = 2 - math.floor(math.log10(abs(value)))
    return _signed(f"{value:.{min(decimals, 12)}f}")


def money(value: float, currency: str) -> str:
    """Return an amount in whole units of its currency; a small one with two decimals."""
    return f"{amount(value)}{_CLOSE}{visible(currency)}" if math.isfinite(value) else UNKNOWN


def amount(value: float) -> str:
    """Return an amount whose currency stands elsewhere."""
    if not math.isfinite(value):
        return UNKNOWN
    return _signed(f"{value:,.{2 if 0 < abs(value) < _COARSE else 0}f}")


def pace(value: float) -> str:
    """Return how many there are a day, with a decimal where they are few, with two where they are nearly none."""
    if not math.isfinite(value):
        return UNKNOWN
    return _signed(f"{value:,.{_decimals_of_few(value, 10 * _COARSE)}f}")


def cap(value: float) -> str:
    """Return the most there may be a day, with a decimal where they are very few, with two where nearly none."""
    if not math.isfinite(value):
        return UNKNOWN
    return _signed(f"{value:,.{_decimals_of_few(value, _COARSE) if value % 1 else 0}f}")


def _decimals_of_few(value: float, many: float) -> int:
    return 2 if 0 < abs(value) < _TENTH else 1 if 0 < abs(value) < many else 0


def tick(value: float) -> str:
    """Return a round number as an axis shows it, thousands and millions by their letters."""
    size = abs(value)
    if size >= _BEYOND_LETTERS:
        return f"{value:.0e}".replace("e+", "e")
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if size >= unit:
            return _signed(f"{value / unit:g}{letter}")
    # The default notation turns to exponents below this; on an axis the zeros say more.
    text = f"{value:.10f}".rstrip("0").rstrip(".") if 0 < size < _FINE else f"{value:g}"
    return _signed(text)


def day(value: date) -> str:
    """Return a day in the order of ISO 8601."""
    return value.isoformat()


def listed(words: "list[str]") -> str:
    """Return words as a sentence lists them."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def as_title(words: str) -> str:
    """Return words as a heading or a sentence begins with them."""
    return words[:1].upper() + words[1:]


def stop(sentence: str) -> str:
    """Return a sentence with its beginning large and its end marked."""
    return as_title(sentence) if sentence.endswith((".", "!", "?")) else f"{as_title(sentence)}."


def _signed(number: str) -> str:
    """Return a written number with the sign that typesetters use; what is rounded to zero has none."""
    is_zero = not number.strip("-0.,")
    return number.removeprefix("-") if is_zero else number.replace("-", _MINUS)
