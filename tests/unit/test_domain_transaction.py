import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs
from pydantic import TypeAdapter, ValidationError

from fraudline.domain.event import TransactionAccepted, decode, encode_transaction
from fraudline.domain.money import canonical_amount
from fraudline.domain.posted import EARLIEST, PostedTransaction, is_identifier
from fraudline.domain.transaction import MAX_AHEAD, Channel, Transaction, rfc3339

NOW = datetime(2026, 11, 23, 18, 0, 0, 123456, tzinfo=UTC)
TRANSACTION = TypeAdapter(PostedTransaction)

texts = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cc", "Cf", "Zl", "Zp", "Nd"]), min_size=1, max_size=64
)
moments = st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(9999, 12, 30)).flatmap(  # noqa: DTZ001 - the offset is drawn next
    lambda moment: st.integers(-23 * 60, 23 * 60).map(
        lambda minutes: moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    )
)
documents = st.fixed_dictionaries(
    {
        "transaction_id": texts,
        "occurred_at": moments.map(datetime.isoformat).filter(lambda text: text >= "1970-01-03"),
        "amount": st.decimals(0, 10**12, places=2).map(str),
        "currency": st.sampled_from(["EUR", "USD", "TND"]),
        "card_id": texts,
        "merchant_id": texts,
    },
    optional={
        "channel": st.sampled_from([channel.value for channel in Channel]),
        "ip": st.ip_addresses().map(str),
        "latitude": st.floats(-90, 90),
        "metadata": st.dictionaries(
            st.text(alphabet="abc xyz", min_size=1, max_size=40),
            st.text(alphabet="äöü\n\t\u2028 x", max_size=200),
            max_size=20,
        ),
    },
)


def a_transaction(**changes: Any) -> Transaction:
    fields = {
        "transaction_id": "t-1",
        "occurred_at": "2026-01-02T03:04:05Z",
        "amount": "912.40",
        "currency": "EUR",
        "card_id": "card-1",
        "merchant_id": "merchant-1",
    }
    return TRANSACTION.validate_json(json.dumps(fields | changes)).checked()


@given(documents)
def test_a_transaction_survives_its_journey_through_the_queue(document: dict[str, Any]) -> None:
    transaction = TRANSACTION.validate_json(json.dumps(document)).checked()

    line = encode_transaction(transaction, accepted_at=NOW, posted_by="shop")
    event = decode(line)

    assert b"\n" not in line
    assert isinstance(event, TransactionAccepted)
    assert (event.data, event.time, event.postedby) == (transaction, NOW, "shop")
    assert event.data.fingerprint("shop") == transaction.fingerprint("shop")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"amount": "912.4"}, {"amount": 912.40}),
        ({"amount": "0"}, {"amount": "-0.00"}),
        ({"amount": "100"}, {"amount": 1e2}),
        ({"occurred_at": "2026-01-02T03:04:05Z"}, {"occurred_at": "2026-01-02T04:04:05.000+01:00"}),
        ({"metadata": {"a": "1", "b": "2"}}, {"metadata": {"b": "2", "a": "1"}}),
        ({"metadata": {}}, {}),
        ({"ip": "2001:db8::1"}, {"ip": "2001:0DB8:0::1"}),
    ],
)
def test_two_spellings_of_one_transaction_have_one_fingerprint(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert a_transaction(**one).fingerprint("shop") == a_transaction(**other).fingerprint("shop")


@given(documents)
def test_the_fingerprint_is_over_json_with_sorted_keys_without_blanks(document: dict[str, Any]) -> None:
    transaction = TRANSACTION.validate_json(json.dumps(document)).checked()
    told = {name: value for name, value in structs.asdict(transaction).items() if value not in (None, {})}
    told |= {"amount": canonical_amount(transaction.amount), "occurred_at": rfc3339(transaction.occurred_at)}
    told |= {"ip": str(transaction.ip)} if transaction.ip else {}
    text = json.dumps(told | {"posted_by": "shop"}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    assert transaction.fingerprint("shop") == sha256(text.encode()).digest()


def test_a_fingerprint_stays_what_it_was_in_earlier_releases() -> None:
    transaction = a_transaction(
        transaction_id='t-"1" ä',
        occurred_at="2026-01-02T04:04:05.5+01:00",
        amount="0912.400",
        currency="TND",
        merchant_category="5411",
        merchant_country="DE",
        billing_country="AT",
        channel="pos",
        device_id="d-1",
        ip="2001:DB8:0::1",
        latitude=0.00001,
        longitude=-180,
        customer_id="c-1",
        metadata={"b": "two\n", "a": "\u2028"},
    )

    assert transaction.fingerprint("shop").hex() == "537b80104ce400e4237e469eb588b927042913cef80b8dc34fddf9a441b05be2"


@pytest.mark.parametrize("change", [{"amount": "912.41"}, {"card_id": "card-2"}, {"metadata": {"a": "1"}}])
def test_other_content_has_another_fingerprint(change: dict[str, Any]) -> None:
    assert a_transaction(**change).fingerprint("shop") != a_transaction().fingerprint("shop")


def test_another_client_s_transaction_has_another_fingerprint() -> None:
    assert a_transaction().fingerprint("shop") != a_transaction().fingerprint("other")


@given(moments)
def test_a_time_is_kept_to_the_microsecond_whatever_its_offset(moment: datetime) -> None:
    transaction = a_transaction(occurred_at=moment.isoformat())

    assert transaction.occurred_at == moment
    written = rfc3339(transaction.occurred_at)
    assert written == transaction.occurred_at.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
    assert datetime.fromisoformat(written) == moment


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_times(text: str) -> None:
    try:
        transaction = a_transaction(occurred_at=text)
    except ValidationError:
        return
    assert transaction.occurred_at >= EARLIEST


@given(st.one_of(st.text(max_size=30), st.text(alphabet="0123456789.-eE+", max_size=30), st.floats(), st.integers()))
def test_an_amount_is_exact_and_never_negative_or_it_is_refused(amount: str | float) -> None:
    try:
        transaction = a_transaction(amount=amount)
    except ValidationError:
        return
    assert transaction.amount == Decimal(str(amount))
    assert transaction.amount >= 0
    assert transaction.amount == round(transaction.amount, 2)


def test_exactly_five_minutes_ahead_is_still_taken() -> None:
    transaction = a_transaction(occurred_at=rfc3339(NOW + MAX_AHEAD))

    assert not transaction.is_ahead_of(NOW)
    assert transaction.is_ahead_of(NOW - timedelta(microseconds=1))


def test_an_error_holds_nothing_that_was_sent() -> None:
    with pytest.raises(ValidationError) as raised:
        a_transaction(card_id="4111111111111111", amount="private")

    assert "4111" not in str(raised.value)
    assert "private" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "fits"),
    [("a", True), ("ü" * 64, True), ("", False), ("a" * 65, False), ("a\x00", False), ("a\u2029", False)],
)
def test_an_id_is_short_and_printable(text: str, fits: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    assert is_identifier(text) is fits
