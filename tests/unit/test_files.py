"""A file of transactions is read as it was written, or refused with what is wrong, where, and the way out."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from fraudline.domain.posted import PostedTransaction
from fraudline.models.errors import FileRefused
from fraudline.models.histories.columns import FIELDS, REQUIRED_FIELDS
from fraudline.models.histories.files import Mapping, read_history, write_transactions
from model_builders import a_simulated_history

SHARED = Path(__file__).parents[3] / "shared" / "data"
GOOD = {
    "transaction_id": "t-1",
    "occurred_at": "2026-01-01T12:00:00Z",
    "amount": "12.30",
    "currency": "EUR",
    "card_id": "card-1",
    "merchant_id": "merchant-1",
    "fraud": "0",
}


def a_csv(folder: Path, *rows: dict[str, str], header: tuple[str, ...] = tuple(GOOD)) -> Path:
    lines = [",".join(header), *(",".join(row[name] for name in header) for row in rows)]
    file = folder / "transactions.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def a_row(number: int = 1, **fields: str) -> dict[str, str]:
    return GOOD | {"transaction_id": f"t-{number}"} | fields


def an_ndjson(folder: Path, *rows: dict[str, Any]) -> Path:
    file = folder / "transactions.ndjson"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def refusal(file: Path, mapping: Mapping = Mapping.PLAIN) -> str:
    with pytest.raises(FileRefused) as caught:
        read_history(file, mapping)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)
    return caught.value.reason


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


def test_a_list_in_place_of_a_text_is_refused(tmp_path: Path) -> None:
    assert "`channel` holds List" in refusal(an_ndjson(tmp_path, {**GOOD, "channel": ["pos"]}))


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


def test_a_history_until_the_last_day_that_there_is_is_all_of_it() -> None:
    history = a_simulated_history(days=2, customers=50)

    assert history.until(date.max).frame.equals(history.frame)
    assert history.until(history.first_day).last_day == history.first_day


# The public handbook's columns.

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
