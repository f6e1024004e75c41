"""The values of a column that is read, as text, ids, numbers or outcomes, whatever type the file gave them.

A type that cannot stand for what is wanted (a list, a struct, bytes; times where text or numbers are wanted) is refused
by the column's name. What a single value must be is for the caller to say: text that is no number is null here.
"""

from pathlib import Path
from typing import Final

import polars as pl

from fraudline.models.errors import FileRefused
from fraudline.models.histories.refusal import refuse_where

_TEXT: Final = (pl.String, pl.Categorical, pl.Enum, pl.Null)
# From here on neighbouring whole numbers share a float, and two ids could become one.
_FIRST_INEXACT: Final[dict[type[pl.DataType], int]] = {pl.Float32: 2**24, pl.Float64: 2**53}


def as_text(file: Path, column: pl.Series) -> pl.Series:
    """Return texts, and numbers as they are written."""
    _refuse_type(file, column, "text", "write it as text")
    return column.cast(pl.String)


def as_ids(file: Path, column: pl.Series) -> pl.Series:
    """Return ids as text; numbers of a float column are the whole numbers that they stand for.

    A table with a gap keeps its whole numbers as floats: 7.0 is the id 7.
    """
    if (first_inexact := _FIRST_INEXACT.get(column.dtype.base_type())) is not None:
        numbers = column.fill_nan(None)
        is_whole = (numbers == numbers.floor()) & (numbers.abs() < first_inexact)
        refuse_where(
            file, ~is_whole, f"`{column.name}` is a float that stands for no exact whole number", "write ids as text"
        )
        column = numbers.cast(pl.Int64)
    return as_text(file, column)


def as_numbers(file: Path, column: pl.Series) -> pl.Series:
    """Return floats; text that is no number is null."""
    _refuse_type(file, column, "numbers", "write plain numbers")
    return _unwrapped(column).cast(pl.Float64, strict=False)


def as_outcomes(file: Path, column: pl.Series) -> pl.Series:
    """Return 0 and 1, of numbers, text or booleans; what is neither is null."""
    if column.dtype == pl.Boolean:
        return column.cast(pl.Int8)
    _refuse_type(file, column, "0 or 1", "write 1 for fraud and 0 for none")
    # Text is read as whole numbers alone. Numbers are compared before they are cast: a cast would make 0.5 a 0.
    values = _unwrapped(column)
    numbers = values.cast(pl.Int8, strict=False) if values.dtype == pl.String else values.cast(pl.Float64)
    is_fraud = numbers == 1
    return is_fraud.cast(pl.Int8).set(~(is_fraud | (numbers == 0)), None)


def _unwrapped(column: pl.Series) -> pl.Series:
    return column.cast(pl.String) if isinstance(column.dtype, _TEXT) else column


def _refuse_type(file: Path, column: pl.Series, wanted: str, way_out: str) -> None:
    if not (isinstance(column.dtype, _TEXT) or column.dtype.is_numeric()):
        raise FileRefused(file, f"`{column.name}` holds {column.dtype.base_type()}, not {wanted}; {way_out}.")
