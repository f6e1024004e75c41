"""One reading of JSON for all: what two parsers could read differently is refused at the door.

The fast path parses once and compares how many keys the text holds with how many came out; every deeper look happens
only once something is wrong. Text that is no JSON (RFC 8259, UTF-8 without a byte order mark) is told apart from JSON
that is refused: duplicate keys, lone surrogates, numbers beyond 4,300 digits.

A text may be made of nothing but faults. What holds more values than any document of ours, or is nested deeper, is
not looked into, and the search ends at the first fault that nobody would be shown: a bad megabyte costs no more than a
good one.
"""

import json
import re
from collections import Counter
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic_core import from_json

from fraudline.web.problems import MAX_FAULTS, FieldFault, shown_field

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NUMBER_DIGITS = 4_300
# A transaction is two levels deep; some more are understood, so that what is wrong with them can be told by field.
MAX_DEPTH = 16
# The same for breadth: it holds some forty values. Text with more of them is not even parsed.
MAX_VALUES = 10_000

# Escapes are taken out first, so that a string ends at the next quote: a pattern that repeats a group of "escape or
# other character" takes quadratic time in this library. A string whose end is missing runs to the end of the text: no
# part of the text is looked at twice, whatever it holds. The group takes part where the string is a key.
_ESCAPES = re.compile(rb"\\.", re.DOTALL)
_STRINGS = re.compile(rb'"[^"]*+(?:"|\Z)[ \t\r\n]*+(:)?')
_BLANKS = " \t\r\n"
_NO_BLANK = re.compile(rf"[^{_BLANKS}]")


class NotJson(Exception):  # noqa: N818 - a finding, told as one
    """The text is no JSON, or none that is looked into; `reason` says why in plain words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Ambiguous(Exception):  # noqa: N818 - a finding, told as one
    """The text is JSON that parsers read differently: `faults` says where, `value` is one reading if there is one.

    There are at most `MAX_FAULTS` + 1 faults; the last says that it was not searched for more.
    """

    def __init__(self, faults: list[FieldFault], value: Any = None) -> None:
        super().__init__(f"{len(faults)} ambiguities")
        self.faults = faults
        self.value = value


class _Object(list[tuple[str, Any]]):
    """A JSON object with every key that stands in the text."""


class _HugeNumber:
    """A number with more digits than anybody would read."""


def read(document: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        NotJson: It is none, or one that is nested too deeply or holds too many values.
        Ambiguous: It is one that parsers read differently.
    """
    if holds_too_many_values(document):
        raise NotJson(f"holds more than {MAX_VALUES:,} values")
    try:
        value = from_json(document, allow_inf_nan=False)
    except ValueError:
        raise _explained(document) from None
    if _STRINGS.findall(_without_escapes(document)).count(b":") != _number_of_keys(value):
        raise Ambiguous(_faults(_all_of(document.decode())), value)
    return value


def holds_too_many_values(document: bytes) -> bool:
    """Return whether a text holds more values than are looked into; told by its signs, without parsing it."""
    return _values_at_most(document) > MAX_VALUES and _values_at_most(_without_strings(document)) > MAX_VALUES


def number_is_exact(document: bytes, name: str, value: float) -> bool:
    """Return whether the number of the top-level field `name`, read as `value`, is just what the text says.

    A double holds at most fifteen significant digits for certain: what was written with more is rounded in reading,
    and 1e-999 becomes zero. A field whose name is written with escapes counts as not exact.
    """
    written = re.search(rb'"' + re.escape(name.encode()) + rb'"\s*:\s*(-?[0-9.eE+\-]+)', document)
    if written is None:
        return False
    try:
        return Decimal(written[1].decode()) == Decimal(repr(value))
    except ArithmeticError:
        return False


def _without_escapes(document: bytes) -> bytes:
    return _ESCAPES.sub(b"", document) if b"\\" in document else document


def _without_strings(document: bytes) -> bytes:
    return _STRINGS.sub(b"", _without_escapes(document))


def _values_at_most(text: bytes) -> int:
    """Return a bound by the signs between values; those that stand in strings count too."""
    return 1 + sum(text.count(sign) for sign in (b",", b"[", b"{"))


def _number_of_keys(value: Any) -> int:
    count = 0
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_DEPTH):
        deeper: list[Any] = []
        for entry in level:
            if isinstance(entry, dict):
                count += len(entry)
                deeper.extend(inner for inner in entry.values() if isinstance(inner, dict | list))
            else:
                deeper.extend(inner for inner in entry if isinstance(inner, dict | list))
        level = deeper
    if level:
        raise _too_deep()
    return count


def _explained(document: bytes) -> NotJson | Ambiguous:
    """Return why the fast parser would not have the text."""
    try:
        faults = _faults(_all_of(_decoded(document)))
    except json.JSONDecodeError as error:
        return NotJson(f"is not JSON (line {error.lineno}, column {error.colno})")
    except NotJson as error:
        return error
    except RecursionError:
        faults = []
    # What the fast parser refuses beside these faults is depth: more than 200 levels.
    return Ambiguous(faults) if faults else _too_deep()


def _too_deep() -> NotJson:
    return NotJson("is nested too deeply")


def _decoded(document: bytes) -> str:
    if not document.strip():
        raise NotJson("is empty")
    try:
        text = document.decode()
    except UnicodeDecodeError:
        raise NotJson("is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise NotJson("begins with a byte order mark; leave it out")
    return text


def _integer(text: str) -> "int | _HugeNumber":
    return int(text) if len(text) <= MAX_NUMBER_DIGITS else _HugeNumber()


def _float(text: str) -> "float | _HugeNumber":
    return float(text) if len(text) <= MAX_NUMBER_DIGITS else _HugeNumber()


def _no_constant(name: str) -> Any:
    raise NotJson(f"holds {name}, which is no JSON")


def _all_of(text: str) -> Any:
    """Return the value of a JSON text with nothing lost: all keys, and marks in place of huge numbers."""
    return json.loads(
        text, object_pairs_hook=_Object, parse_int=_integer, parse_float=_float, parse_constant=_no_constant
    )


_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
# Finds where a value ends and keeps nothing of it.
_SKIMMER = json.JSONDecoder(object_pairs_hook=lambda _: None, parse_int=lambda _: 0, parse_float=lambda _: 0.0)


_LONE = re.compile("[\ud800-\udfff]")
_Path = tuple[str | int, ...]


def _faults(value: Any) -> list[FieldFault]:
    """Return what is ambiguous in a value; names are made fit to be shown only for as many as will be."""
    found = islice(_ambiguities(value, ()), MAX_FAULTS + 1)
    return [FieldFault(shown_field(*path), message) for path, message in found]


def _ambiguities(value: Any, path: _Path) -> "Iterator[tuple[_Path, str]]":
    if (flaw := _flaw(value)) is not None:
        yield path, flaw
    if not isinstance(value, list):
        return
    if len(path) == MAX_DEPTH:
        raise _too_deep()
    if isinstance(value, _Object):
        yield from _ambiguities_of_names(value, path)
    for name, inner in value if isinstance(value, _Object) else enumerate(value):
        # Most values are neither flawed nor hold any other: they are passed over without a step down.
        if isinstance(inner, list):
            yield from _ambiguities(inner, (*path, name))
        elif (flaw := _flaw(inner)) is not None:
            yield (*path, name), flaw


def _ambiguities_of_names(fields: _Object, path: _Path) -> "Iterator[tuple[_Path, str]]":
    for name, times in Counter(name for name, _ in fields).items():
        if _LONE.search(name):
            yield (*path, name), "has a name with half a surrogate pair in it"
        if times > 1:
            yield (*path, name), f"is given {times} times; give it once"


def _flaw(value: Any) -> str | None:
    if isinstance(value, str) and _LONE.search(value):
        return "holds half a surrogate pair, which is no character"
    if isinstance(value, _HugeNumber):
        return f"has more than {MAX_NUMBER_DIGITS:,} digits"
    return None


def elements(document: bytes, *, at_most: int) -> "Iterator[bytes]":
    """Cut the text of a JSON array into the texts of its elements, at most so many; none of them is judged.

    Raises:
        NotJson: The array as such is broken.
    """
    text = _decoded(document)
    try:
        yield from map(bytes, _ELEMENTS.decode(document)[:at_most])
    except (msgspec.DecodeError, RecursionError):
        # Not all of it is JSON: what stands before the fault is read, and the fault is told by its place.
        yield from _elements_until_a_fault(text, at_most)


def _elements_until_a_fault(text: str, at_most: int) -> "Iterator[bytes]":
    position = _skip_blanks(text, 0)
    if not text.startswith("[", position):
        raise NotJson("is no JSON array")
    position = _skip_blanks(text, position + 1)
    is_over = text.startswith("]", position)
    count = 0
    while not is_over and count < at_most:
        begin = position
        try:
            _, position = _SKIMMER.raw_decode(text, begin)
        except json.JSONDecodeError as error:
            raise NotJson(f"is not JSON (line {error.lineno}, column {error.colno})") from None
        except RecursionError:
            raise _too_deep() from None
        yield text[begin:position].encode()
        count += 1
        position = _skip_blanks(text, position)
        is_over = text.startswith("]", position)
        if not is_over and not text.startswith(",", position):
            raise NotJson(f"is not JSON: behind element {count - 1} stands neither a comma nor the end of the array")
        position = position if is_over else _skip_blanks(text, position + 1)
    if is_over and _skip_blanks(text, position + 1) != len(text):
        raise NotJson("is not JSON: something stands behind the end of the array")


def _skip_blanks(text: str, begin: int) -> int:
    found = _NO_BLANK.search(text, begin)
    return found.start() if found else len(text)
