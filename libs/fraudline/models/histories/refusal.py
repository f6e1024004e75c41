"""How a bad value of a file is told: what is wrong with it, in which row, and the way out."""

from pathlib import Path

import polars as pl

from fraudline.domain.card_number import mask_card_numbers
from fraudline.models.errors import FileRefused


def refuse_where(file: Path, is_bad: pl.Series, what: str, way_out: str, *, shown: pl.Series | None = None) -> None:
    """Raise for the first row that is bad; its value is shown only of columns that hold no card, and strays masked."""
    if is_bad.any():
        row = is_bad.fill_null(value=False).arg_max() or 0
        value = "" if shown is None else f" ({mask_card_numbers(repr(shown[row]))})"
        raise FileRefused(file, f"{what} in row {row + 1}{value}; {way_out}.")
