"""The columns of a file of transactions: each is checked whole, and the first bad value named by its row.

Optional fields are held to the very limits that ingest holds them to: each distinct value passes the type of its field.
The values of ids (cards, merchants, devices, customers, addresses) and of `metadata` are never shown.
"""

from pathlib import Path
from types import GenericAlias
from typing import Annotated, Any

import polars as pl
from pydantic import FailFast, TypeAdapter, ValidationError

from fraudline.domain.card_number import mask_card_numbers
from fraudline.domain.money import MAX_DIGITS, decimals_of
from fraudline.domain.posted import PostedTransaction
from fraudline.domain.transaction import Channel
from fraudline.models.errors import FileRefused
from fraudline.models.histories.history import FRAUD, History

FIELDS = tuple(PostedTransaction.model_fields)
REQUIRED_FIELDS = tuple(name for name, field in PostedTransaction.model_fields.items() if field.is_required())
LONGEST_ID = 64

_IDS = ("transaction_id", "card_id", "merchant_id")
_DEGREES = ("latitude", "longitude")
_BAD_ID = (f"is empty, longer than {LONGEST_ID} characters or not printable", "correct it or leave it out")
_BAD_COUNTRY = ("is no country code of two capital letters", "write one like DE or leave it out")
_BAD_OPTIONAL = {
    "merchant_category": ("is no category code of four digits", "write one like 5411 or leave it out"),
    "merchant_country": _BAD_COUNTRY,
    "billing_country": _BAD_COUNTRY,
    "channel": (f"is none of {', '.join(Channel)}", "write one of them or leave it out"),
    "device_id": _BAD_ID,
    "ip": ("is no plain IPv4 or IPv6 address", "write it like 203.0.113.7 or leave it out"),
    "latitude": ("does not lie between -90 and 90 degrees", "write it like 52.5163 or leave it out"),
    "longitude": ("does not lie between -180 and 180 degrees", "write it like 13.3777 or leave it out"),
    "customer_id": _BAD_ID,
}
_NEVER_SHOWN = {"device_id", "ip", "customer_id"}
_NOT_TEXT = {"occurred_at", "metadata", FRAUD, *_DEGREES}
_RFC3339 = "%Y-%m-%dT%H:%M:%S%.f%#z"
_NO_OFFSET = "%Y-%m-%dT%H:%M:%S%.f"


def _values_of(name: str) -> TypeAdapter[list[Any]]:
    annotation = PostedTransaction.model_fields[name].annotation
    values: Any = Annotated[GenericAlias(list, (annotation,)), FailFast()]
    return TypeAdapter(values)


_VALUES = {name: _values_of(name) for name in _BAD_OPTIONAL}


def checked_history(file: Path, frame: pl.DataFrame, *, has_offsets: bool) -> History:
    """Return the frame, whose columns have the public names, as a history; raise `FileRefused` for a bad value.

    Without `has_offsets` times are local ones without a zone, and read as UTC.
    """
    for name in _IDS:
        _check_id(file, frame, name)
    columns = [
        *(_text(file, frame[name]) for name in frame.columns if name not in _NOT_TEXT),
        _times(file, frame["occurred_at"], has_offsets=has_offsets),
        *(_numbers(file, frame[name]) for name in _DEGREES if name in frame.columns),
    ]
    if "metadata" in frame.columns:
        columns.append(_metadata(file, frame["metadata"]))
    if FRAUD in frame.columns:
        columns.append(_frauds(file, frame[FRAUD]))
    checked = pl.DataFrame(columns)
    for name in _BAD_OPTIONAL:
        if name in checked.columns:
            _check_optional(file, checked[name])
    _check_amounts(file, checked)
    _check_order(file, checked)
    return History(checked.select(name for name in (*FIELDS, FRAUD) if name in checked.columns))


def _check_id(file: Path, frame: pl.DataFrame, name: str) -> None:
    column = _text(file, frame[name])
    refuse_where(file, column.is_null() | (column == ""), f"`{name}` is empty", "fill it in or drop the row")
    refuse_where(
        file, column.str.len_chars() > LONGEST_ID, f"`{name}` is longer than {LONGEST_ID} characters", "shorten it"
    )
    if name == "transaction_id" and column.n_unique() < len(column):
        row = column.is_duplicated().arg_max() or 0
        again = (column[row + 1 :] == column[row]).arg_max() or 0
        raise FileRefused(
            file, f"`transaction_id` {column[row]!r} stands in rows {row + 1} and {row + again + 2}; make it unique."
        )


def _text(file: Path, column: pl.Series) -> pl.Series:
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        raise FileRefused(file, f"`{column.name}` holds {column.dtype.base_type()}, not text; write it as text.")
    return column.cast(pl.String)


def _times(file: Path, column: pl.Series, *, has_offsets: bool) -> pl.Series:
    refuse_where(file, column.is_null(), "`occurred_at` is empty", "fill it in or drop the row")
    way_out = "write 2026-11-23T18:00:00Z" if has_offsets else "write 2018-06-01T18:00:00"
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is not None:
            return column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        if has_offsets:
            raise FileRefused(file, "`occurred_at` has no UTC offset; write it as a time in UTC.")
        return column.dt.replace_time_zone("UTC").dt.cast_time_unit("us")
    if column.dtype != pl.String:
        raise FileRefused(file, f"`occurred_at` holds {column.dtype}, not times; {way_out}.")
    form = _RFC3339 if has_offsets else _NO_OFFSET
    times = column.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
    what = "is no time with a UTC offset" if has_offsets else "is no time"
    refuse_where(file, times.is_null(), f"`occurred_at` {what}", way_out, shown=column)
    return times


def _numbers(file: Path, column: pl.Series) -> pl.Series:
    numbers = column.cast(pl.Float64, strict=False)
    bad = column.is_not_null() & (numbers.is_null() | numbers.is_infinite())
    refuse_where(file, bad, f"`{column.name}` is no number", "write degrees like 52.5163", shown=column)
    return numbers.fill_nan(None)


def _check_optional(file: Path, column: pl.Series) -> None:
    what, way_out = _BAD_OPTIONAL[column.name]
    distinct = column.unique(maintain_order=True).drop_nulls()
    if (at := _first_bad(column.name, distinct)) is not None:
        shown = None if column.name in _NEVER_SHOWN else column
        refuse_where(file, column == distinct[at], f"`{column.name}` {what}", way_out, shown=shown)


def _first_bad(name: str, values: pl.Series) -> int | None:
    try:
        _VALUES[name].validate_python(values.to_list())
    except ValidationError as error:
        return int(error.errors(include_url=False, include_input=False)[0]["loc"][0])
    return None


def _metadata(file: Path, column: pl.Series) -> pl.Series:
    if not isinstance(column.dtype, pl.Struct | pl.Null):
        raise FileRefused(file, "`metadata` is no object; use NDJSON or Parquet, or drop the column.")
    return column


def _frauds(file: Path, column: pl.Series) -> pl.Series:
    frauds = column.cast(pl.Int8, strict=False)
    bad = frauds.is_null() | ~frauds.is_in([0, 1])
    refuse_where(file, bad.fill_null(value=True), f"`{FRAUD}` is neither 0 nor 1", "write 1 for fraud", shown=column)
    return frauds


def _check_amounts(file: Path, frame: pl.DataFrame) -> None:
    amount, currency = frame["amount"], frame["currency"]
    refuse_where(file, amount.is_null(), "`amount` is empty", "fill it in or drop the row")
    refuse_where(file, currency.is_null(), "`currency` is empty", "fill it in or drop the row")
    plain = amount.str.contains(r"^[0-9]+(\.[0-9]+)?$")
    refuse_where(file, ~plain, "`amount` is no decimal number of 0 or more", "write it like 912.40", shown=amount)
    digits = amount.str.replace(".", "", literal=True).str.strip_chars_start("0").str.len_chars()
    refuse_where(file, digits > MAX_DIGITS, f"`amount` has more than {MAX_DIGITS} digits", "check it", shown=amount)
    decimals = amount.str.extract(r"\.([0-9]*[1-9])0*$").str.len_chars().fill_null(0)
    for code in currency.unique(maintain_order=True):
        allowed, here = decimals_of(code), currency == code
        if allowed is None:
            refuse_where(file, here, "`currency` is no ISO 4217 code", "write one like EUR", shown=currency)
        what = f"`amount` has more decimals than {code} ({allowed})"
        refuse_where(file, here & (decimals > allowed), what, "round it", shown=amount)


def _check_order(file: Path, frame: pl.DataFrame) -> None:
    times = frame["occurred_at"]
    if not times.is_sorted():
        row = (times.diff().dt.total_microseconds() < 0).arg_max() or 0
        raise FileRefused(file, f"row {row + 1} is earlier than the one before it; sort the file by time.")


def refuse_where(file: Path, is_bad: pl.Series, what: str, way_out: str, *, shown: pl.Series | None = None) -> None:
    """Raise for the first row that is bad; its value is shown only of columns that hold no card, and strays masked."""
    if is_bad.any():
        row = is_bad.fill_null(value=False).arg_max() or 0
        value = "" if shown is None else f" ({mask_card_numbers(repr(shown[row]))})"
        raise FileRefused(file, f"{what} in row {row + 1}{value}; {way_out}.")
