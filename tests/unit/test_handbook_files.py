"""The public handbook's files are read by their own columns, or refused with what is wrong and where."""

from pathlib import Path

import polars as pl
import pytest

from file_builders import SHARED, a_csv, a_row, refusal, refusals_of_types
from fraudline.models.histories.files import HANDBOOK_COLUMNS, Mapping, read_history

HANDBOOK = "TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT,TX_FRAUD,TX_FRAUD_SCENARIO\n"


def a_handbook_file(folder: Path, *lines: str) -> Path:
    file = folder / "handbook.csv"
    file.write_text(HANDBOOK + "".join(f"{line}\n" for line in lines))
    return file


def test_the_handbooks_columns_become_public_fields(tmp_path: Path) -> None:
    file = a_handbook_file(
        tmp_path, "7,2018-06-01T00:01:11.000,852,5161,163.6,1,3", "8,2018-06-01 00:02:00,1,2,914.1500000000001,0,0"
    )

    history = read_history(file, Mapping.HANDBOOK)

    assert history.rows() == [
        {
            "transaction_id": "7",
            "occurred_at": "2018-06-01T00:01:11.000000Z",
            "currency": "EUR",
            "amount": "163.60",
            "card_id": "customer-852",
            "merchant_id": "terminal-5161",
        },
        {
            "transaction_id": "8",
            "occurred_at": "2018-06-01T00:02:00.000000Z",
            "currency": "EUR",
            "amount": "914.15",
            "card_id": "customer-1",
            "merchant_id": "terminal-2",
        },
    ]
    assert history.frauds.tolist() == [True, False]
    assert history.frame.columns[-1] == "fraud"
    assert history.fraud_column == "TX_FRAUD"
    assert len(history.frame.columns) == 7


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("7,2018-06-01T00:01:11.000,852,5161,163.645,1,3", "`TX_AMOUNT`"),
        ("7,2018-06-01T00:01:11.000,852,5161,-1,1,3", "`TX_AMOUNT`"),
        ("7,2018-06-01T00:01:11.000,852,5161,inf,1,3", "`TX_AMOUNT`"),
        ("7,2018-06-01T00:01:11.000,852,5161,,1,3", "`TX_AMOUNT` is empty"),
        ("7,2018-06-01T00:01:11.000,,5161,1,1,3", "`CUSTOMER_ID` is empty"),
        ("7,2018-06-01T00:01:11.000,1,5161,1,2,3", "`TX_FRAUD` is neither"),
        ("7,first of June,1,5161,1,1,3", "'first of June'"),
    ],
)
def test_a_bad_value_in_the_handbooks_columns_is_told(tmp_path: Path, line: str, told: str) -> None:
    assert told in refusal(a_handbook_file(tmp_path, line), Mapping.HANDBOOK)


@pytest.mark.parametrize("column", HANDBOOK_COLUMNS)
def test_a_type_that_cannot_stand_for_one_of_the_handbooks_columns_is_refused_by_its_name(
    tmp_path: Path, column: str
) -> None:
    frame = pl.read_csv(a_handbook_file(tmp_path, "7,2018-06-01T00:01:11.000,852,5161,163.6,1,3"))

    refusals_of_types(tmp_path, frame, column, lambda file: read_history(file, Mapping.HANDBOOK))


def test_a_customer_that_was_kept_as_a_float_is_the_same_customer(tmp_path: Path) -> None:
    file = tmp_path / "handbook.parquet"
    frame = pl.read_csv(a_handbook_file(tmp_path, "7,2018-06-01T00:01:11.000,852,5161,163.6,1,3"))
    frame.with_columns(pl.col("CUSTOMER_ID").cast(pl.Float64)).write_parquet(file)

    assert read_history(file, Mapping.HANDBOOK).frame["card_id"].to_list() == ["customer-852"]


def test_a_handbook_file_without_its_mapping_says_how_to_read_it(tmp_path: Path) -> None:
    assert "--mapping handbook" in refusal(a_handbook_file(tmp_path, "7,2018-06-01T00:01:11.000,852,5161,1,1,3"))


def test_a_plain_file_is_no_handbook_file(tmp_path: Path) -> None:
    assert "`TRANSACTION_ID`" in refusal(a_csv(tmp_path, a_row()), Mapping.HANDBOOK)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"the public data set is not at {SHARED}")
def test_the_public_files_are_read_alike_from_csv_and_parquet() -> None:
    two_days = read_history(SHARED / "handbook-two-days.csv", Mapping.HANDBOOK)
    all_days = read_history(SHARED / "handbook-2018-04-01--2018-08-14.parquet", Mapping.HANDBOOK)

    assert len(two_days) == 19_134
    assert len(all_days) == 1_303_778
    start = all_days.index_of(two_days.first_day)
    assert all_days.frame[start : start + len(two_days)].equals(two_days.frame)
