"""Files of transactions: CSV, NDJSON and Parquet, by the public field names or by the public handbook's columns.

What cannot be used is refused with one sentence that names the file, the column and the row (counted from 1, a CSV's
header not counted). A file is read whole: what follows needs all of it in order.
"""

import json
from enum import StrEnum
from pathlib import Path

import polars as pl

from fraudline.domain.transaction import rfc3339
from fraudline.models.errors import FileRefused
from fraudline.models.histories.columns import FIELDS, REQUIRED_FIELDS, checked_history
from fraudline.models.histories.history import FRAUD, History
from fraudline.models.histories.refusal import refuse_where
from fraudline.models.histories.values import as_ids, as_numbers
from fraudline.models.histories.whole_file import whole

HANDBOOK_COLUMNS = {
    "TRANSACTION_ID": "transaction_id",
    "TX_DATETIME": "occurred_at",
    "CUSTOMER_ID": "card_id",
    "TERMINAL_ID": "merchant_id",
    "TX_AMOUNT": "amount",
    "TX_FRAUD": FRAUD,
}

_FLOAT_NOISE_CENTS = 1e-6


class Mapping(StrEnum):
    """How a file's columns are named."""

    PLAIN = "plain"
    HANDBOOK = "handbook"


def read_history(file: Path, mapping: Mapping = Mapping.PLAIN) -> History:
    """Read a file of transactions in order of time; raise `FileRefused` where it cannot be used."""
    wanted = HANDBOOK_COLUMNS if mapping is Mapping.HANDBOOK else {name: name for name in (*FIELDS, FRAUD)}
    optional = {FRAUD} | (set(FIELDS) - set(REQUIRED_FIELDS))
    try:
        lazy = _scan(file)
        present = lazy.collect_schema().names()
        missing = [column for column, name in wanted.items() if name not in optional and column not in present]
        if missing:
            is_handbook = mapping is Mapping.PLAIN and "TX_DATETIME" in present
            way_out = "read it with --mapping handbook" if is_handbook else "name its columns so"
            raise FileRefused(file, f"has no column {_listed(missing)}; {way_out}.")
        if mapping is Mapping.PLAIN and (unknown := [column for column in present if column not in wanted]):
            raise FileRefused(file, f"has a column {_listed(unknown)} that no transaction has; rename or drop it.")
        chosen = [pl.col(column).alias(name) for column, name in wanted.items() if column in present]
        frame = lazy.select(chosen).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FileRefused(file, _cannot_read(file, error)) from error
    if frame.is_empty():
        raise FileRefused(file, "holds no transaction; check which file was meant.")
    if mapping is Mapping.HANDBOOK:
        return _handbook_history(file, frame)
    return checked_history(file, frame, has_offsets=True)


def read_columns(file: Path, wanted: tuple[str, ...]) -> pl.DataFrame:
    """Read a file that has these columns and no others; raise `FileRefused` where it cannot be used."""
    try:
        lazy = _scan(file)
        present = lazy.collect_schema().names()
        if missing := [column for column in wanted if column not in present]:
            raise FileRefused(file, f"has no column {_listed(missing)}; name its columns so.")
        if unknown := [column for column in present if column not in wanted]:
            raise FileRefused(file, f"has a column {_listed(unknown)} that is not read; drop it.")
        frame = lazy.select(wanted).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise FileRefused(file, _cannot_read(file, error)) from error
    if frame.is_empty():
        raise FileRefused(file, "holds no row; check which file was meant.")
    return frame


def write_transactions(frame: pl.DataFrame, file: Path) -> None:
    """Write transactions by their public field names, in the format that the file's suffix names.

    The file appears whole or not at all.
    """
    suffix = file.suffix.lower()
    check_format(file)
    with whole(file) as partial:
        if suffix == ".parquet":
            frame.write_parquet(partial)
        elif suffix == ".csv":
            frame.with_columns(pl.col("occurred_at").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ")).write_csv(partial)
        else:
            with partial.open("w", encoding="utf-8") as lines:
                for row in frame.iter_rows(named=True):
                    fields = {name: value for name, value in row.items() if value is not None}
                    fields["occurred_at"] = rfc3339(fields["occurred_at"])
                    lines.write(json.dumps(fields, ensure_ascii=False) + "\n")


def _scan(file: Path) -> pl.LazyFrame:
    if not file.exists():
        raise FileRefused(file, "does not exist; check the path.")
    if not file.is_file():
        raise FileRefused(file, "is not a file; give a file of transactions.")
    check_format(file)
    match file.suffix.lower():
        case ".csv":
            # As text: an amount stays as it was written, an id of digits keeps its zeros.
            return pl.scan_csv(file, infer_schema=False)
        case ".parquet":
            return pl.scan_parquet(file)
        case _:
            return pl.scan_ndjson(file, infer_schema_length=None)


def check_format(file: Path) -> None:
    """Raise `FileRefused` where the suffix names no format that is read and written here."""
    if file.suffix.lower() not in {".csv", ".ndjson", ".jsonl", ".parquet"}:
        raise FileRefused(file, "is of no known format; name it .csv, .ndjson, .jsonl or .parquet.")


def _cannot_read(file: Path, error: Exception) -> str:
    if file.suffix.lower() in {".ndjson", ".jsonl"} and (line := _first_broken_line(file)):
        return f"line {line} is not a JSON object; write one transaction a line."
    reason = str(error).strip().split("\n", maxsplit=1)[0].rstrip(".")
    return f"cannot be read as {file.suffix.lower().removeprefix('.')} ({reason}); check that it is whole."


def _first_broken_line(file: Path) -> int | None:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            try:
                if not isinstance(json.loads(line), dict):
                    return number
            except (ValueError, RecursionError):
                return number
    return None


def _handbook_history(file: Path, frame: pl.DataFrame) -> History:
    """Return the history; what is refused is told by the names that the file has."""
    names = {name: column for column, name in HANDBOOK_COLUMNS.items()}
    try:
        history = checked_history(file, _from_handbook(file, frame), has_offsets=False)
    except FileRefused as error:
        reason = error.reason
        for name, column in names.items():
            reason = reason.replace(f"`{name}`", f"`{column}`")
        raise FileRefused(file, reason) from error
    return History(history.frame, names[FRAUD])


def _from_handbook(file: Path, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the public fields: ids with their kind in front, amounts in euros."""
    prefixed = [
        (f"{kind}-" + as_ids(file, frame[name])).alias(name)
        for name, kind in (("card_id", "customer"), ("merchant_id", "terminal"))
    ]
    columns = [pl.lit("EUR").alias("currency"), _cents(file, frame["amount"]), *prefixed]
    if frame["occurred_at"].dtype == pl.String:
        columns.append(pl.col("occurred_at").str.replace("^([0-9-]{10}) ", "${1}T"))
    return frame.with_columns(columns)


def _cents(file: Path, amount: pl.Series) -> pl.Series:
    """Return amounts that were kept as floats (914.1500000000001) as the cents that they stand for."""
    euros = as_numbers(file, amount)
    refuse_where(file, amount.is_null(), "`amount` is empty", "fill it in or drop the row")
    cents = (euros * 100).round().cast(pl.Int64, strict=False)
    is_exact = (euros * 100 - cents).abs() < _FLOAT_NOISE_CENTS
    bad = ~(is_exact & (cents >= 0)).fill_null(value=False)
    refuse_where(file, bad, "`amount` is no amount in euros and cents of 0 or more", "correct it", shown=amount)
    exact = pl.DataFrame({"cents": cents}).select(
        pl.format("{}.{}", pl.col("cents") // 100, (pl.col("cents") % 100).cast(pl.String).str.zfill(2))
    )
    return exact.to_series().alias("amount")


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:5]) + (" and others" if len(names) > 5 else "")  # noqa: PLR2004 - as many as a sentence holds
