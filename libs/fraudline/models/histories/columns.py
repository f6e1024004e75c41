"""The columns of a file of transactions: each is checked whole, and the first bad value named by its row.

Ids and optional fields are held to the very limits that ingest holds them to: each value passes the type of its field.
The values of ids (cards, merchants, devices, customers, addresses) and of `metadata` are never shown.
"""

from datetime import MAXYEAR
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from fraudline.domain.money import MAX_DIGITS, decimals_of
from fraudline.domain.posted import EARLIEST, MAX_ID_CHARACTERS, PostedTransaction
from fraudline.domain.transaction import Channel
from fraudline.models.errors import FileRefused
from fraudline.models.histories.field_types import values_of
from fraudline.models.histories.history import FRAUD, History
from fraudline.models.histories.ids import REQUIRED_IDS, check_ids
from fraudline.models.histories.refusal import refuse_where
from fraudline.models.histories.values import as_ids, as_numbers, as_outcomes, as_text

FIELDS = tuple(PostedTransaction.model_fields)
REQUIRED_FIELDS = tuple(name for name, field in PostedTransaction.model_fields.items() if field.is_required())

_IDS = {*REQUIRED_IDS, "device_id", "customer_id"}
_DEGREES = ("latitude", "longitude")
_BAD_ID = (f"is empty, longer than {MAX_ID_CHARACTERS} characters or not printable", "correct it or leave it out")
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


_VALUES = {name: values_of(name) for name in _BAD_OPTIONAL}


def checked_history(file: Path, frame: pl.DataFrame, *, has_offsets: bool) -> History:
    """Return the frame, whose columns have the public names, as a history; raise `FileRefused` for a bad value.

    Without `has_offsets` times are local ones without a zone, and read as UTC.
    """
    texts = {
        name: as_ids(file, frame[name]) if name in _IDS else as_text(file, frame[name])
        for name in frame.columns
        if name not in _NOT_TEXT
    }
    for name in REQUIRED_IDS:
        check_ids(file, texts[name])
    columns = [
        *texts.values(),
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


def _times(file: Path, column: pl.Series, *, has_offsets: bool) -> pl.Series:
    refuse_where(file, column.is_null(), "`occurred_at` is empty", "fill it in or drop the row")
    way_out = "write 2026-11-23T18:00:00Z" if has_offsets else "write 2018-06-01T18:00:00"
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is not None:
            return _storable(file, column.dt.convert_time_zone("UTC"))
        if has_offsets:
            raise FileRefused(file, "`occurred_at` has no UTC offset; write it as a time in UTC.")
        return _storable(file, column.dt.replace_time_zone("UTC"))
    if column.dtype != pl.String:
        raise FileRefused(file, f"`occurred_at` holds {column.dtype.base_type()}, not times; {way_out}.")
    form = _RFC3339 if has_offsets else _NO_OFFSET
    times = column.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False)
    what = "is no time with a UTC offset" if has_offsets else "is no time"
    refuse_where(file, times.is_null(), f"`occurred_at` {what}", way_out, shown=column)
    return _storable(file, times)


def _storable(file: Path, times: pl.Series) -> pl.Series:
    """Return times in microseconds, once none is earlier or later than ingest takes."""
    # Years that no calendar here reaches are null.
    is_storable = times.dt.year().is_between(EARLIEST.year, MAXYEAR).fill_null(value=False)
    what = f"`occurred_at` lies outside the years {EARLIEST.year} to {MAXYEAR}"
    refuse_where(file, ~is_storable, what, "write the time at which the payment took place")
    return times.dt.cast_time_unit("us")


def _numbers(file: Path, column: pl.Series) -> pl.Series:
    numbers = as_numbers(file, column)
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
    frauds = as_outcomes(file, column)
    refuse_where(file, frauds.is_null(), f"`{FRAUD}` is neither 0 nor 1", "write 1 for fraud", shown=column)
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
