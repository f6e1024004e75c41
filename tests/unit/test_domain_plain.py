"""The short way to a transaction takes nothing that the long way refuses, and reads every value alike."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fraudline.domain import event
from fraudline.domain.event import TransactionAccepted, decode, encode_transaction
from fraudline.domain.plain import plain_transaction
from fraudline.domain.posted import PostedTransaction
from fraudline.domain.transaction import Channel, Transaction
from fraudline.web import strict_json

NOW = datetime(2026, 11, 23, 18, 0, 0, 123456, tzinfo=UTC)
USUAL = {
    "transaction_id": "order-10442-1",
    "occurred_at": "2026-11-23T18:00:00Z",
    "amount": "912.40",
    "currency": "EUR",
    "card_id": "card_5f1c9a",
    "merchant_id": "merchant_77",
}
FULL = USUAL | {
    "merchant_category": "5411",
    "merchant_country": "DE",
    "billing_country": "AT",
    "channel": "ecommerce",
    "device_id": "device-1",
    "ip": "2001:DB8:0::1",
    "latitude": 48,
    "longitude": -16.25,
    "customer_id": "customer-1",
    "metadata": {"basket": '3 items, {"}', "gift": ""},
}
TEXTS = ["", "a", "a" * 64, "a" * 65, "a\n", "ü", "\x7f", "\u2028", "null", "4111111111111111", "4111 1111 1111 1111"]
ODD: dict[str, list[Any]] = {
    "occurred_at": [
        "2026-11-23t18:00:00z", "2026-11-23 18:00:00.123456789+05:30", "2026-11-23T18:00:00", "2026-02-30T00:00:00Z",
        "2026-11-23T23:59:60Z", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00Z",
        "2026-11-23T18:00:00Z\n", "20261123T180000Z", 1_764_000_000,
    ],
    "amount": [
        "0", "0.00", "-0", "-1", "1e3", "1_000", " 1", "1.", ".5", "1.001", "1.000", "00012.3", "٣", "NaN",
        "999999999999999", "1000000000000000", "0000000000000001", "0.0000000000000", 12, 12.5, 1e2, True,
    ],
    "currency": ["EUR", "JPY", "TND", "eur", "XAU", "EURO", "EUR\n"],
    "merchant_category": ["0000", "541", "54111", "5411\n", "٥٤١١", 5411],
    "merchant_country": ["DE", "de", "D", "DEU", "DE\n", "ÄÖ"],
    "billing_country": ["AT", "A1"],
    "channel": [*Channel, "POS", "web", 1],
    "ip": ["203.0.113.7", "203.0.113.07", "::1", "fe80::1%eth0", "1.2.3", "203.0.113.7/32", "::ffff:1.2.3.4", 1],
    "latitude": [0, -0.0, 90, 90.0000001, -91, 1e-7, 48.208174, 10**30, "48", True],
    "longitude": [180, -180.0, 180.5, 5e-324],
    "metadata": [
        {}, {"a": "1"}, {"a": 1}, {"": "1"}, {"a" * 41: "1"}, {"a": "x" * 201}, {"a": "4111-1111-1111-1111"},
        {"4111111111111111": "a"}, {str(n): "" for n in range(21)}, {"a": {"b": "c"}}, [], "a",
    ],
}  # fmt: skip
for identifier in ("transaction_id", "card_id", "merchant_id", "device_id", "customer_id"):
    ODD[identifier] = TEXTS
ODD["unknown"] = ["a"]

changes = st.dictionaries(st.sampled_from(sorted(ODD)), st.integers(0, 30), max_size=3).map(
    lambda chosen: {name: ([*ODD[name], None])[number % (len(ODD[name]) + 1)] for name, number in chosen.items()}
)
texts = st.builds(
    lambda base, change, ascii_only: json.dumps(base | change, ensure_ascii=ascii_only),
    st.sampled_from([USUAL, FULL]), changes, st.booleans(),
)  # fmt: skip
# What no writer of JSON would do: a field twice, also inside metadata, blanks, what stands before or behind.
spoilt = st.sampled_from(
    [
        lambda text: text,
        lambda text: text.replace("{", '{"amount": "1.00", ', 1),
        lambda text: text.replace('"metadata": {', '"metadata": {"gift": "twice", ', 1),
        lambda text: text.replace(", ", " ,\t\n "),
        lambda text: f"\ufeff{text}",
        lambda text: f"{text} x",
        lambda text: text[:-1],
        lambda text: text.replace('"card_id"', '"card\\u005fid"'),
    ]
)


def by_the_long_way(document: bytes) -> Transaction | None:
    try:
        strict_json.read(document)
        return PostedTransaction.model_validate_json(document).checked()
    except (strict_json.NotJson, strict_json.Ambiguous, ValidationError):
        return None


@given(text=texts, spoil=spoilt)
@settings(max_examples=600, deadline=None)
def test_what_the_short_way_takes_the_long_way_takes_with_the_same_values(text: str, spoil: Any) -> None:
    document = spoil(text).encode()
    transaction = plain_transaction(document)

    if transaction is not None:
        # The text of it, since -0.0 equals 0.0 and a whole number is a float's equal.
        assert str(transaction) == str(by_the_long_way(document))


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in ODD.items() for value in values])
def test_no_odd_value_passes_by_the_short_way_alone(name: str, value: Any) -> None:
    for base in (USUAL, FULL):
        document = json.dumps(base | {name: value}, ensure_ascii=False).encode()
        taken = plain_transaction(document)

        assert taken is None or str(taken) == str(by_the_long_way(document))


@pytest.mark.parametrize("document", [USUAL, FULL | {"metadata": {"basket": "3 items"}}])
def test_a_usual_payment_takes_the_short_way(document: dict[str, Any]) -> None:
    assert plain_transaction(json.dumps(document).encode()) is not None
    assert plain_transaction(json.dumps(document, indent=1).encode()) is not None


@given(text=texts, by=st.sampled_from(["shop", "s" * 64, "büro"]))
@settings(max_examples=200, deadline=None)
def test_an_event_is_the_same_whichever_way_it_is_read(text: str, by: str) -> None:
    transaction = by_the_long_way(text.encode())
    if transaction is None:
        return
    line = encode_transaction(transaction, accepted_at=NOW, posted_by=by)

    assert str(decode(line)) == str(TransactionAccepted(NOW, by, transaction))


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (b'"specversion":"1.0"', b'"specversion":"2.0"'),
        (b'"time":"2026', b'"time":"1926'),
        (b'"postedby":"shop"', b'"postedby":""'),
        (b'"postedby":"shop"', b'"postedby":"shop","postedby":"other"'),
        (b'"source":"/fraudline/ingest",', b""),
        (b'"amount":"912.40"', b'"amount":"912.401"'),
    ],
)
def test_an_event_that_is_read_the_short_way_is_held_to_all_of_its_form(
    monkeypatch: pytest.MonkeyPatch, written: bytes, instead: bytes
) -> None:
    def no_model(_line: bytes) -> None:
        raise LookupError

    monkeypatch.setattr(event, "_EVENT", type("Model", (), {"validate_json": staticmethod(no_model)}))
    transaction = by_the_long_way(json.dumps(USUAL).encode())
    assert transaction is not None
    line = encode_transaction(transaction, accepted_at=NOW, posted_by="shop")

    assert decode(line) == TransactionAccepted(NOW, "shop", transaction)
    with pytest.raises(LookupError):
        decode(line.replace(written, instead))
