"""Files of transactions, and what is told of those that are refused."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from fraudline.models.errors import FileRefused
from fraudline.models.histories.files import Mapping, read_history

SHARED = Path(__file__).parents[2] / "shared" / "data"
GOOD = {
    "transaction_id": "t-1",
    "occurred_at": "2026-01-01T12:00:00Z",
    "amount": "12.30",
    "currency": "EUR",
    "card_id": "card-1",
    "merchant_id": "merchant-1",
    "fraud": "0",
}
UNFIT = {"List": [0], "Struct": {"a": 0}, "Binary": b"0", "Date": date(1970, 1, 1)}


def a_csv(folder: Path, *rows: dict[str, str], header: tuple[str, ...] = tuple(GOOD)) -> Path:
    lines = [",".join(header), *(",".join(row[name] for name in header) for row in rows)]
    file = folder / "transactions.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def a_row(number: int = 1, **fields: str) -> dict[str, str]:
    return GOOD | {"transaction_id": f"t-{number}"} | fields


def refusal(file: Path, mapping: Mapping = Mapping.PLAIN) -> str:
    with pytest.raises(FileRefused) as caught:
        read_history(file, mapping)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)
    return caught.value.reason


def refusals_of_types(folder: Path, frame: pl.DataFrame, column: str, read: Callable[[Path], object]) -> list[str]:
    """Return what is told of a file whose column holds each of the types that stand for nothing."""
    told = []
    for name, value in UNFIT.items():
        file = folder / "unfit.parquet"
        frame.with_columns(pl.Series(column, [value] * frame.height)).write_parquet(file)
        with pytest.raises(FileRefused, match=f"`{column}` ") as caught:
            read(file)
        assert f" holds {name}, not " in caught.value.reason
        told.append(caught.value.reason)
    return told
