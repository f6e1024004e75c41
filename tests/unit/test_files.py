"""A file of transactions is read as it was written, or refused with what is wrong, where, and the way out."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from file_builders import GOOD, a_csv, a_row, refusal, refusals_of_types
from fraudline.domain.posted import PostedTransaction
from fraudline.models.errors import FileRefused
from fraudline.models.histories.columns import FIELDS, REQUIRED_FIELDS
from fraudline.models.histories.files import read_history, write_transactions
from fraudline.models.histories.labels_file import with_labels
from model_builders import a_simulated_history


def an_ndjson(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "transactions.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_what_is_written_in_any_format_is_read_back_the_same(tmp_path: Path) -> None:
    history = a_simulated_history(days=2, customers=100)
    for suffix in ("csv", "ndjson", "jsonl", "parquet"):
        file = tmp_path / f"transactions.{suffix}"
        write_transactions(history.frame, file)

        read = read_history(file)

        assert read.rows() == history.rows()
        assert read.frauds.tolist() == history.frauds.tolist()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"transactions.{suffix}" for suffix in ("csv", "jsonl", "ndjson", "parquet")
    ]


def test_rows_are_transactions_as_they_are_posted() -> None:
    history = a_simulated_history(days=2, customers=100)

    rows = history.rows(5, 50)

    assert len(rows) == 45
    for row in rows:
        assert PostedTransaction.model_validate_json(json.dumps(row)).transaction_id == row["transaction_id"]


def test_an_amount_stays_as_it_was_written(tmp_path: Path) -> None:
    file = a_csv(tmp_path, a_row(1, amount="0912.40"), a_row(2, amount="7"), a_row(3, amount="5.500"))

    assert [row["amount"] for row in read_history(file).rows()] == ["0912.40", "7", "5.500"]


def test_times_with_any_offset_are_in_utc(tmp_path: Path) -> None:
    file = a_csv(
        tmp_path, a_row(1, occurred_at="2026-01-01T12:00:00.5+02:00"), a_row(2, occurred_at="2026-01-01T10:30:00Z")
    )

    times = [row["occurred_at"] for row in read_history(file).rows()]

    assert times == ["2026-01-01T10:00:00.500000Z", "2026-01-01T10:30:00.000000Z"]


def test_numbers_and_metadata_of_ndjson_are_read(tmp_path: Path) -> None:
    row = {**GOOD, "amount": 12.3, "metadata": {"till": "7"}, "latitude": 52, "fraud": 1}
    file = an_ndjson(tmp_path, row, {**GOOD, "transaction_id": "t-2", "fraud": 0})

    history = read_history(file)

    assert history.rows()[0]["metadata"] == {"till": "7"}
    assert history.rows()[0]["amount"] == "12.3"
    assert history.rows()[0]["latitude"] == 52.0
    assert "metadata" not in history.rows()[1]
    assert history.frauds.tolist() == [True, False]


def test_a_file_without_outcomes_is_read(tmp_path: Path) -> None:
    history = read_history(a_csv(tmp_path, a_row(), header=tuple(GOOD)[:-1]))

    assert not history.is_labelled
    assert not history.frauds.any()


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"card_id": ""}, "`card_id` is empty in row 2"),
        ({"transaction_id": ""}, "`transaction_id` is empty in row 2"),
        ({"merchant_id": "m" * 65}, "longer than 64 characters in row 2"),
        ({"transaction_id": "t-1"}, "'t-1' stands in rows 1 and 2"),
        ({"occurred_at": "2026-01-01T12:00:00"}, "UTC offset in row 2"),
        ({"occurred_at": "yesterday"}, "'yesterday'"),
        ({"occurred_at": ""}, "`occurred_at` is empty in row 2"),
        ({"occurred_at": "2026-01-01T11:59:59Z"}, "row 2 is earlier than the one before it"),
        ({"amount": "-1"}, "'-1'"),
        ({"amount": "1e5"}, "'1e5'"),
        ({"amount": "NaN"}, "'NaN'"),
        ({"amount": ""}, "`amount` is empty in row 2"),
        ({"amount": "1234567890123456"}, "more than 15 digits"),
        ({"amount": "1.005"}, "more decimals than EUR (2)"),
        ({"currency": "JPY", "amount": "1.5"}, "more decimals than JPY (0)"),
        ({"currency": "XYZ"}, "'XYZ'"),
        ({"currency": ""}, "`currency` is empty in row 2"),
        ({"fraud": "2"}, "neither 0 nor 1 in row 2"),
        ({"fraud": ""}, "neither 0 nor 1 in row 2"),
    ],
)
def test_a_bad_value_is_told_with_its_row(tmp_path: Path, fields: dict[str, str], told: str) -> None:
    reason = refusal(a_csv(tmp_path, a_row(1), a_row(2, **fields), a_row(3)))

    assert told in reason
    assert ";" in reason


def test_the_card_is_never_in_the_sentence(tmp_path: Path) -> None:
    card = "card-" + "7" * 70

    assert "777" not in refusal(a_csv(tmp_path, a_row(card_id=card)))


def test_a_latitude_that_is_no_number_is_told(tmp_path: Path) -> None:
    assert "`latitude`" in refusal(a_csv(tmp_path, a_row(latitude="north"), header=(*GOOD, "latitude")))


_GOOD_IDS, _BAD_IDS = ("d", "ä-7", "d" * 64), ("", "d" * 65, "d\n7", "d\u200b7")
_GOOD_COUNTRIES, _BAD_COUNTRIES = ("DE", "XX"), ("", "de", "DEU", "D", "DE\n", "4A")
OPTIONAL: dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]] = {
    "merchant_category": (("5411", "0742"), ("", "541", "54111", "shop", "٥٤١١")),
    "merchant_country": (_GOOD_COUNTRIES, _BAD_COUNTRIES),
    "billing_country": (_GOOD_COUNTRIES, _BAD_COUNTRIES),
    "channel": (("pos", "ecommerce", "atm", "moto", "transfer"), ("", "weird", "POS", " pos")),
    "device_id": (_GOOD_IDS, _BAD_IDS),
    "ip": (("203.0.113.7", "2001:db8::1"), ("", "203.0.113", "203.0.113.256", "fe80::1%eth0", "7")),
    "latitude": ((-90.0, 0.0, 52.5163, 90.0), (1234.0, -90.001, 90.001, "north")),
    "longitude": ((-180.0, 13.3777, 180.0), (1234.0, -180.001, 180.001, "east")),
    "customer_id": (_GOOD_IDS, _BAD_IDS),
}
NEVER_SHOWN = {"device_id", "ip", "customer_id"}


def is_taken_by_ingest(name: str, value: object) -> bool:
    fields = {key: text for key, text in GOOD.items() if key != "fraud"}
    try:
        PostedTransaction.model_validate_json(json.dumps({**fields, name: value}))
    except ValidationError:
        return False
    return True


REQUIRED_ID = {
    "transaction_id": (*_GOOD_IDS, "4111111111111111"),
    "card_id": (*_GOOD_IDS, "4111111111111112"),
    "merchant_id": (*_GOOD_IDS, "4111111111111111"),
}
BAD_REQUIRED_ID = [
    *((name, bad, told) for name in REQUIRED_ID for bad, told in zip(
        (*_BAD_IDS, "c\tx", "m\0"), ("is empty", "is longer", *["is not printable"] * 4), strict=True
    )),
    *(("card_id", number, "holds a card number") for number in ("4111111111111111", "x 4111-1111-1111-1111")),
    ("card_id", "٤١١١١١١١١١١١١١١١", "holds a card number"),
]  # fmt: skip


@pytest.mark.parametrize("name", REQUIRED_ID)
def test_a_file_takes_of_a_required_id_what_ingest_takes(tmp_path: Path, name: str) -> None:
    good = REQUIRED_ID[name]
    rows = [a_row(number) | {name: value} for number, value in enumerate(good)]

    history = read_history(an_ndjson(tmp_path, *rows))

    assert all(is_taken_by_ingest(name, value) for value in good)
    assert history.frame[name].to_list() == list(good)


@pytest.mark.parametrize(("name", "value", "told"), BAD_REQUIRED_ID)
def test_a_file_refuses_of_a_required_id_what_ingest_refuses_and_never_shows_it(
    tmp_path: Path, name: str, value: str, told: str
) -> None:
    reason = refusal(an_ndjson(tmp_path, a_row(1), a_row(2), a_row(3) | {name: value}))

    assert not is_taken_by_ingest(name, value)
    assert reason.startswith(f"`{name}` ")
    assert told in reason
    assert " in row 3; " in reason
    assert not value or value not in reason


def test_every_optional_field_but_metadata_is_tried() -> None:
    assert set(OPTIONAL) == set(FIELDS) - set(REQUIRED_FIELDS) - {"metadata"}


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_file_takes_of_an_optional_field_what_ingest_takes(tmp_path: Path, name: str) -> None:
    good, _ = OPTIONAL[name]
    rows = [a_row(number) | {name: value} for number, value in enumerate(good)]

    history = read_history(an_ndjson(tmp_path, *rows, a_row(len(rows))))

    assert all(is_taken_by_ingest(name, value) for value in good)
    assert history.frame[name].to_list() == [*good, None]


@pytest.mark.parametrize(("name", "value"), [(name, bad) for name, (_, bads) in OPTIONAL.items() for bad in bads])
def test_a_file_refuses_of_an_optional_field_what_ingest_refuses(tmp_path: Path, name: str, value: object) -> None:
    good, bad = a_row(1) | {name: OPTIONAL[name][0][0]}, {name: value}

    reason = refusal(an_ndjson(tmp_path, good, a_row(2), a_row(3) | bad, a_row(4) | bad))

    assert not is_taken_by_ingest(name, value)
    assert reason.startswith(f"`{name}` ")
    assert "in row 3" in reason
    assert "; write" in reason or "; correct" in reason
    assert (f"({value!r})" in reason) == (name not in NEVER_SHOWN)


def test_a_card_number_that_strayed_into_another_column_is_masked(tmp_path: Path) -> None:
    reason = refusal(a_csv(tmp_path, a_row(channel="4111 1111 1111 1111"), header=(*GOOD, "channel")))

    assert "`channel`" in reason
    assert "1111" not in reason


@pytest.mark.parametrize("column", [*(name for name in FIELDS if name != "metadata"), "fraud"])
def test_a_column_of_a_type_that_cannot_stand_for_it_is_refused_by_its_name(tmp_path: Path, column: str) -> None:
    frame = pl.DataFrame([a_row(1)])

    assert all("; write" in told for told in refusals_of_types(tmp_path, frame, column, read_history))


def test_metadata_in_a_csv_is_refused_with_the_way_out(tmp_path: Path) -> None:
    assert "NDJSON" in refusal(a_csv(tmp_path, a_row(metadata="{}"), header=(*GOOD, "metadata")))


def test_missing_columns_are_named(tmp_path: Path) -> None:
    header = tuple(name for name in GOOD if name not in {"amount", "card_id"})

    assert "`amount`, `card_id`" in refusal(a_csv(tmp_path, a_row(), header=header))


def test_an_unknown_column_is_refused_by_name(tmp_path: Path) -> None:
    assert "`merchant_categroy`" in refusal(
        a_csv(tmp_path, a_row(merchant_categroy="5411"), header=(*GOOD, "merchant_categroy"))
    )


def test_a_folder_a_stranger_and_nothing_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")

    assert "does not exist" in refusal(tmp_path / "missing.csv")
    assert "not a file" in refusal(tmp_path)
    assert ".parquet" in refusal(tmp_path / "notes.txt")


@pytest.mark.parametrize("suffix", ["csv", "ndjson", "parquet"])
@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe rubbish \x80\n", b"PAR1"])
def test_rubbish_is_refused_without_a_traceback(tmp_path: Path, suffix: str, content: bytes) -> None:
    file = tmp_path / f"transactions.{suffix}"
    file.write_bytes(content)

    assert refusal(file)


def test_a_truncated_parquet_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "transactions.parquet"
    write_transactions(a_simulated_history(days=1, customers=50).frame, file)
    file.write_bytes(file.read_bytes()[:-100])

    assert "parquet" in refusal(file)


def test_a_header_alone_holds_no_transaction(tmp_path: Path) -> None:
    assert "no transaction" in refusal(a_csv(tmp_path))


def test_a_broken_line_of_ndjson_is_told_by_its_number(tmp_path: Path) -> None:
    file = an_ndjson(tmp_path, GOOD, a_row(2))
    file.write_text(file.read_text() + '{"transaction_id": "t-3", \n')

    assert "line 3" in refusal(file)


def test_a_time_without_zone_in_parquet_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "transactions.parquet"
    frame = a_simulated_history(days=1, customers=50).frame
    frame.with_columns(pl.col("occurred_at").dt.replace_time_zone(None)).write_parquet(file)

    assert "UTC offset" in refusal(file)


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    frame = a_simulated_history(days=1, customers=50).frame
    for file in (tmp_path / "nowhere" / "transactions.csv", tmp_path / "nowhere" / "transactions.ndjson"):
        with pytest.raises(FileRefused, match="cannot be written"):
            write_transactions(frame, file)


def a_parquet(folder: Path, values: pl.Series, column: str) -> Path:
    file = folder / "transactions.parquet"
    rows = pl.DataFrame([a_row(number) for number in range(len(values))])
    rows.with_columns(values.alias(column)).write_parquet(file)
    return file


@pytest.mark.parametrize(
    "outcomes",
    [
        pl.Series([0, 1]),
        pl.Series([0.0, 1.0]),
        pl.Series([Decimal("0.00"), Decimal("1.00")]),
        pl.Series([False, True]),
        pl.Series(["0", "1"]),
        pl.Series(["0", "1"], dtype=pl.Categorical),
    ],
)
def test_outcomes_are_numbers_booleans_or_text(tmp_path: Path, outcomes: pl.Series) -> None:
    assert read_history(a_parquet(tmp_path, outcomes, "fraud")).frauds.tolist() == [False, True]


@pytest.mark.parametrize(
    "outcomes",
    [
        pl.Series([0.0, 0.5]),
        pl.Series([1.0, 1.9]),
        pl.Series([Decimal("0.00"), Decimal("0.50")]),
        pl.Series([1.0, float("nan")]),
        pl.Series([1, 257]),
        pl.Series([0, -1]),
        pl.Series([True, None]),
        pl.Series(["1", "0.5"]),
        pl.Series(["1", "true"]),
    ],
)
def test_an_outcome_that_is_neither_0_nor_1_is_never_rounded_to_one(tmp_path: Path, outcomes: pl.Series) -> None:
    assert "`fraud` is neither 0 nor 1 in row 2 (" in refusal(a_parquet(tmp_path, outcomes, "fraud"))


def test_ids_that_a_table_kept_as_floats_are_the_whole_numbers_they_stand_for(tmp_path: Path) -> None:
    whole = read_history(a_parquet(tmp_path, pl.Series([7.0, 12.0]), "card_id"))
    optional = read_history(a_parquet(tmp_path, pl.Series([7.0, None, float("nan")]), "customer_id"))

    assert whole.frame["card_id"].to_list() == ["7", "12"]
    assert optional.frame["customer_id"].to_list() == ["7", None, None]
    for inexact in (pl.Series([7.0, 1.5]), pl.Series([7.0, 2.0**53]), pl.Series([7.0, 2.0**24], dtype=pl.Float32)):
        assert "no exact whole number in row 2; write ids as text" in refusal(a_parquet(tmp_path, inexact, "card_id"))


@pytest.mark.parametrize("moment", [-(2**62), -1, 253_402_300_800_000, 2**62])
def test_a_time_that_ingest_could_not_store_is_refused(tmp_path: Path, moment: int) -> None:
    times = pl.Series([moment]).cast(pl.Datetime("ms", "UTC"))

    assert "outside the years 1970 to 9999 in row 1" in refusal(a_parquet(tmp_path, times, "occurred_at"))


def test_a_history_until_the_last_day_that_there_is_is_all_of_it() -> None:
    history = a_simulated_history(days=2, customers=50)

    assert history.until(date.max).frame.equals(history.frame)
    assert history.until(history.first_day).last_day == history.first_day


# Outcomes in a file of their own.


@pytest.mark.parametrize("column", ["transaction_id", "label"])
def test_labels_of_a_type_that_cannot_stand_for_them_are_refused_by_name(tmp_path: Path, column: str) -> None:
    history = read_history(a_csv(tmp_path, a_row(), header=tuple(GOOD)[:-1]))
    labels = pl.DataFrame({"transaction_id": ["t-1"], "label": ["fraud"]})

    told = refusals_of_types(tmp_path, labels, column, lambda file: with_labels(history, file))

    assert all("; write it as text" in reason for reason in told)
