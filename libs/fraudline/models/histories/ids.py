"""The ids that every transaction has: each is held to the type that ingest holds it to, and none is ever shown."""

from pathlib import Path
from typing import Final

import polars as pl
from pydantic import ValidationError

from fraudline.domain.card_number import SHORTEST, mask_card_numbers
from fraudline.domain.posted import MAX_ID_CHARACTERS
from fraudline.models.errors import FileRefused
from fraudline.models.histories.field_types import values_of
from fraudline.models.histories.refusal import refuse_where

REQUIRED_IDS: Final = ("transaction_id", "card_id", "merchant_id")

# By the name of the rule that the type was broken by.
_BAD: Final = {
    "string_too_short": ("is empty", "fill it in or drop the row"),
    "string_too_long": (f"is longer than {MAX_ID_CHARACTERS} characters", "shorten it"),
    "string_pattern_mismatch": ("holds a character that is not printable", "take it out"),
    "card_number": ("holds a card number", "write a token in its place"),
}
# No type refuses an id as plain as this, with too few digits for a card number. Most are, and asking the type for each
# of a million would take longer than to read them.
_PLAIN: Final = rf"^[!-~]{{1,{MAX_ID_CHARACTERS}}}$"
_ENOUGH_DIGITS: Final = rf"(?:[0-9][^0-9]*){{{SHORTEST}}}"


_VALUES: Final = {name: values_of(name) for name in REQUIRED_IDS}


def check_ids(file: Path, column: pl.Series) -> None:
    """Raise `FileRefused` for the first id that ingest would not take, or that stands twice where it must not."""
    refuse_where(file, column.is_null(), f"`{column.name}` is empty", "fill it in or drop the row")
    # Transactions all have ids of their own: to look for the distinct ones would save nothing.
    ids = column if column.name == "transaction_id" else column.unique(maintain_order=True)
    suspects = ids.filter(~ids.str.contains(_PLAIN) | ids.str.contains(_ENOUGH_DIGITS))
    if (bad := _first_bad(column.name, suspects)) is not None:
        at, rule = bad
        what, way_out = _BAD[rule]
        refuse_where(file, column == suspects[at], f"`{column.name}` {what}", way_out)
    if column.name == "transaction_id" and column.n_unique() < len(column):
        _refuse_second(file, column)


def _first_bad(name: str, ids: pl.Series) -> tuple[int, str] | None:
    """Return the place of the first id that its type refuses, and the rule; nothing that holds the id leaves here."""
    try:
        _VALUES[name].validate_python(ids.to_list())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        return int(first["loc"][0]), first["type"]
    return None


def _refuse_second(file: Path, column: pl.Series) -> None:
    row = column.is_duplicated().arg_max() or 0
    again = (column[row + 1 :] == column[row]).arg_max() or 0
    shown = mask_card_numbers(repr(column[row]))
    raise FileRefused(file, f"`{column.name}` {shown} stands in rows {row + 1} and {row + again + 2}; make it unique.")
