"""What ingest answers to input that is wrong: a clear error, and nothing lost or kept."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fraudline.web.body import MAX_BYTES
from servers.eventually import eventually_sync
from system.ingest_alone import IngestAlone, a_label, a_transaction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from servers.fixtures import Urls

CARD_NUMBER = "4111111111111111"


@pytest.fixture(scope="module")
def ingest(module_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[IngestAlone]:
    """One ingest for all tests here: none of them may break it."""
    ingest = IngestAlone(tmp_path_factory.mktemp("ingest"), *module_urls)
    ingest.service.start()
    eventually_sync(lambda: ingest.service.readiness().get("ready"), within=30)
    yield ingest
    still_ready = ingest.service.readiness().get("ready")
    exit_code = ingest.service.stop()
    log = ingest.log_text()
    assert still_ready
    assert exit_code == 0
    assert '"level": "error"' not in log, log
    assert CARD_NUMBER not in log


@pytest.fixture(scope="module")
def client(ingest: IngestAlone) -> Iterator[httpx2.Client]:
    key = ingest.new_key()
    with ingest.client(key) as client:
        eventually_sync(lambda: client.get("/v1/transactions/none").status_code == 404, within=10)
        yield client


def faults(answer: httpx2.Response, status: int = 422) -> dict[str, str]:
    """Return what a problem says of each field."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["title"]
    return {fault["field"]: fault["message"] for fault in problem["errors"]}


AHEAD = (datetime.now(UTC) + timedelta(hours=2)).isoformat()


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"amount": [1]}, "amount", "neither a number nor a string"),
        ({"amount": None}, "amount", "is missing"),
        ({"amont": "1"}, "amont", "no field that is known"),
        ({"amount": -0.01}, "amount", "less than 0"),
        ({"amount": "-5"}, "amount", "less than 0"),
        ({"amount": "NaN"}, "amount", "plain decimal"),
        ({"amount": "1e3"}, "amount", "plain decimal"),
        ({"amount": True}, "amount", "plain decimal"),
        ({"amount": "1234567890123456"}, "amount", "15 digits"),
        ({"amount": 12345678901234567890}, "amount", "15 digits"),
        ({"amount": "1.001"}, "amount", "more decimals"),
        ({"amount": "1.5", "currency": "JPY"}, "amount", "more decimals"),
        ({"currency": "EURO"}, "currency", "ISO 4217"),
        ({"currency": "XXX"}, "currency", "ISO 4217"),
        ({"currency": "eur"}, "currency", "ISO 4217"),
        ({"occurred_at": "2026-01-02T03:04:05"}, "occurred_at", "no UTC offset"),
        ({"occurred_at": "yesterday"}, "occurred_at", "RFC 3339"),
        ({"occurred_at": 1700000000}, "occurred_at", "not a string"),
        ({"occurred_at": "1700000000"}, "occurred_at", "RFC 3339"),
        ({"occurred_at": "2026-02-30T00:00:00Z"}, "occurred_at", "does not exist"),
        ({"occurred_at": "1969-12-31T23:59:59Z"}, "occurred_at", "before 1970"),
        ({"occurred_at": "9999-12-31T23:59:59-23:59"}, "occurred_at", "1970 to 9999"),
        ({"occurred_at": AHEAD}, "occurred_at", "five minutes ahead"),
        ({"transaction_id": "x" * 65}, "transaction_id", "longer than 64"),
        ({"transaction_id": ""}, "transaction_id", "empty"),
        ({"transaction_id": "a\nb"}, "transaction_id", "control characters"),
        ({"transaction_id": "a\x00b"}, "transaction_id", "control characters"),
        ({"transaction_id": "a\u2028b"}, "transaction_id", "control characters"),
        ({"metadata": {"k": "a\x00b"}}, "metadata.k", "U+0000"),
        ({"metadata": {"k": 1}}, "metadata.k", "not a string"),
        ({"metadata": {"k": {"k": "v"}}}, "metadata.k", "not a string"),
        ({"metadata": {str(number): "v" for number in range(21)}}, "metadata", "more than 20"),
        ({"metadata": {"k" * 41: "v"}}, "metadata." + "k" * 41, "longer than 40"),
        ({"card_id": CARD_NUMBER}, "card_id", "card number"),
        ({"card_id": "4111 1111 1111 1111"}, "card_id", "card number"),
        ({"card_id": int(CARD_NUMBER)}, "card_id", "not a string"),
        ({"metadata": {"note": f"paid with {CARD_NUMBER}, thanks"}}, "metadata.note", "card number"),
        ({"metadata": {CARD_NUMBER: "v"}}, "metadata." + "*" * 16, "card number"),
        ({"merchant_country": "Germany"}, "merchant_country", "3166"),
        ({"merchant_category": 5411}, "merchant_category", "not a string"),
        ({"merchant_category": "541"}, "merchant_category", "four-digit"),
        ({"channel": "pigeon"}, "channel", "not one of 'pos'"),
        ({"ip": "localhost"}, "ip", "no IPv4 or IPv6"),
        ({"ip": 2130706433}, "ip", "plain IPv4"),
        ({"ip": "fe80::1%eth0"}, "ip", "plain IPv4"),
        ({"latitude": 91}, "latitude", "more than 90"),
        ({"longitude": "12"}, "longitude", "not a number"),
    ],
    ids=lambda value: repr(value)[:40] if isinstance(value, dict) else "",
)
def test_a_fault_is_named_by_its_field(client: httpx2.Client, change: dict[str, Any], field: str, says: str) -> None:
    answer = client.post("/v1/transactions", json=a_transaction(**change))

    found = faults(answer)
    assert list(found) == [field]
    assert says in found[field]
    assert CARD_NUMBER not in answer.text
    assert "4111 1111" not in answer.text


def test_all_faults_are_told_at_once(client: httpx2.Client) -> None:
    document = a_transaction(amount="-1", currency="X", card_id=CARD_NUMBER, foo=1, occurred_at=AHEAD, merchant_id=None)
    text = json.dumps(document)[:-1] + ',"channel":"pos","channel":"atm"}'

    found = faults(client.post("/v1/transactions", content=text))

    assert set(found) == {"amount", "currency", "card_id", "foo", "occurred_at", "merchant_id", "channel"}


@pytest.mark.parametrize(
    ("pair", "field"),
    [
        ('"amount":"1.00","amount":"9.00"', "amount"),
        ('"amount":"1.00","\\u0061mount":"9.00"', "amount"),
        ('"amount":"1.00","metadata":{"a":"1","a":"2"}', "metadata.a"),
    ],
)
def test_a_key_given_twice_is_refused_by_name(client: httpx2.Client, pair: str, field: str) -> None:
    text = json.dumps(a_transaction(amount=None))[:-1] + "," + pair + "}"

    assert faults(client.post("/v1/transactions", content=text)) == {field: "is given 2 times; give it once"}


@pytest.mark.parametrize(
    "amount", ["0.1000000000000000055511151231257827", "1e-999", "1e999", "912.400000000000000001"]
)
def test_a_number_that_would_be_rounded_is_refused(client: httpx2.Client, amount: str) -> None:
    text = json.dumps(a_transaction(amount=None))[:-1] + f',"amount":{amount}}}'

    assert list(faults(client.post("/v1/transactions", content=text))) == ["amount"]


def test_half_a_surrogate_pair_is_refused(client: httpx2.Client) -> None:
    text = json.dumps(a_transaction(transaction_id="\ud800"))

    assert "surrogate" in faults(client.post("/v1/transactions", content=text))["transaction_id"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"amount=5",
        b'{"amount":NaN}',
        b'\xef\xbb\xbf{"amount":1}',
        b'{"a":"\xff"}',
        b"[" * 100_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'"' + b'\\"' * 400_000,
    ],
    ids=lambda body: repr(body[:20]),
)
@pytest.mark.parametrize("path", ["/v1/transactions", "/v1/labels", "/v1/transactions/batch"])
def test_what_is_no_json_gets_400(client: httpx2.Client, path: str, body: bytes) -> None:
    began = time.monotonic()
    answer = client.post(path, content=body)

    faults(answer, 400)
    assert answer.json()["code"] == "not_json"
    assert time.monotonic() - began < 5


# Each a megabyte at the most, and nothing but work for whoever wants to name all that is wrong with it.
COSTLY = {
    "lone surrogates, deep": b"[" * 150 + b",".join([b'"\\ud800"'] * 100_000) + b"]" * 150,
    "keys twice, deep": b'{"a":' * 60 + b"{" + b",".join([b'"a":1,"a":1'] * 80_000) + b"}" + b"}" * 60,
    "keys twice, within bounds": b'{"a":{' + b",".join(b'"%d":1,"%d":1' % (n, n) for n in range(4_900)) + b"}}",
    "unknown fields": json.dumps({str(number): 1 for number in range(80_000)}).encode(),
    "metadata": json.dumps({"metadata": {str(number): 1 for number in range(80_000)}}).encode(),
    "empty arrays": b'{"a":1,"a":1,"b":[' + b",".join([b"[]"] * 340_000) + b"]}",
}


@pytest.mark.parametrize("body", COSTLY.values(), ids=COSTLY)
def test_a_neighbour_is_answered_beside_a_body_that_is_nothing_but_faults(
    ingest: IngestAlone, client: httpx2.Client, body: bytes
) -> None:
    with ingest.client(client.headers["authorization"].removeprefix("Bearer ")) as neighbour:
        neighbour.get("/docs")
        with ThreadPoolExecutor(max_workers=4) as pool:
            costly = [pool.submit(client.post, "/v1/transactions", content=body) for _ in range(4)]
            began = time.monotonic()
            while not all(post.done() for post in costly):
                assert neighbour.post("/v1/transactions", json=a_transaction()).status_code == 202
            took = time.monotonic() - began

        assert {post.result().status_code for post in costly} <= {400, 422}
        assert all(len(post.result().content) < 50_000 for post in costly)
        # To put every fault into words takes longer; to find that there are too many, a tenth of it.
        assert took < 4


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"text"'])
def test_json_of_another_kind_is_told_so(client: httpx2.Client, body: bytes) -> None:
    assert faults(client.post("/v1/transactions", content=body)) == {"": "is not a JSON object"}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"label": "maybe"}, "label"),
        ({"source": "rumour"}, "source"),
        ({"reported_at": AHEAD}, "reported_at"),
        ({"reported_at": None}, "reported_at"),
        ({"transaction_id": "\x00"}, "transaction_id"),
        ({"score": 1}, "score"),
    ],
)
def test_a_label_s_fault_is_named_by_its_field(client: httpx2.Client, change: dict[str, Any], field: str) -> None:
    assert list(faults(client.post("/v1/labels", json=a_label(**change)))) == [field]


@pytest.mark.parametrize("form", ["array", "ndjson"])
def test_one_bad_line_among_a_thousand_is_rejected_alone(client: httpx2.Client, form: str) -> None:
    batch = [a_transaction(transaction_id=f"{form}-{number}") for number in range(1000)]
    batch[617] |= {"amount": "-1", "card_id": CARD_NUMBER, "transaction_id": CARD_NUMBER}
    if form == "array":
        answer = client.post("/v1/transactions/batch", json=batch)
    else:
        lines = "\r\n\n".join(json.dumps(transaction) for transaction in batch)
        answer = client.post(
            "/v1/transactions/batch", content=lines, headers={"Content-Type": "application/x-ndjson; charset=utf-8"}
        )

    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert body["accepted"] == 999
    (rejected,) = body["rejected"]
    assert rejected["index"] == 617
    assert rejected["transaction_id"] == "*" * 16
    assert {fault["field"] for fault in rejected["errors"]} == {"amount", "card_id"}


def test_a_line_that_is_no_json_is_rejected_alone(client: httpx2.Client) -> None:
    lines = b"\n".join([json.dumps(a_transaction()).encode(), b"{", b'{"a":"\xff"}', b'{"a":1,"a":2}'])

    answer = client.post("/v1/transactions/batch", content=lines, headers={"Content-Type": "application/x-ndjson"})

    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [rejected["index"] for rejected in answer.json()["rejected"]] == [1, 2, 3]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"[]", "application/json", 422),
        (b"{}", "application/json", 422),
        (b"\n\n", "application/x-ndjson", 422),
        (b"[{}]", "application/x-ndjson", 400),
        (b"[1] 2", "application/json", 400),
        (b"[{},]", "application/json", 400),
        (json.dumps([{}] * 1001).encode(), "application/json", 413),
        (b"{}\n" * 1001, "application/x-ndjson", 413),
    ],
)
def test_a_batch_that_is_none_is_refused_whole(
    client: httpx2.Client, body: bytes, content_type: str, status: int
) -> None:
    faults(client.post("/v1/transactions/batch", content=body, headers={"Content-Type": content_type}), status)


@pytest.mark.parametrize("path", ["/v1/transactions", "/v1/labels", "/v1/transactions/batch"])
def test_a_body_over_a_mebibyte_gets_413_before_more_is_read(
    ingest: IngestAlone, client: httpx2.Client, path: str
) -> None:
    faults(client.post(path, content=b" " * (MAX_BYTES + 1)), 413)

    before = ingest.service.metric("process_resident_memory_bytes")
    piece = b" " * 65_536
    answer = client.post(path, content=(piece for _ in range(800)))

    faults(answer, 413)
    assert ingest.service.metric("process_resident_memory_bytes") - before < 16 << 20


def test_an_encoded_body_is_refused(client: httpx2.Client) -> None:
    faults(client.post("/v1/transactions", content=b"x", headers={"Content-Encoding": "gzip"}), 415)


def exchange(port: int, request: bytes, *, seconds: float = 10.0) -> bytes:
    """Send bytes, and return all that comes back until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(request)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
        return answer


def head(client: httpx2.Client, *more: str) -> bytes:
    lines = ["POST /v1/transactions HTTP/1.1", "Host: x", f"Authorization: {client.headers['authorization']}", *more]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("headers", "body", "statuses"),
    [
        (["Content-Length: 500"], b'{"a":1}', [b"408"]),
        (["Content-Length: 3"], b'{"a":1}', [b"400"]),
        (["Content-Length: -1"], b"{}", [b"400"]),
        (["Content-Length: 2", "Content-Length: 3"], b"{}", [b"400"]),
        (["Content-Length: 99999999999999999999"], b"", [b"400"]),
        (["Content-Length: 2000000"], b"", [b"413"]),
        (["Transfer-Encoding: chunked", "Content-Length: 2"], b"2\r\n{}\r\n0\r\n\r\n", [b"400"]),
        (["Transfer-Encoding: chunked"], b"zz\r\n", [b"400"]),
        (["X: " + "y" * 40_000], b"", [b"431"]),
        (["Transfer-Encoding: chunked", "X: " + "y" * 31_000], b"zz\r\n", [b"400"]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_request_that_lies_about_its_size_is_answered_within_five_seconds(
    ingest: IngestAlone, client: httpx2.Client, headers: list[str], body: bytes, statuses: list[bytes]
) -> None:
    began = time.monotonic()
    answer = exchange(ingest.port, head(client, *headers) + body)

    assert time.monotonic() - began < 5.5
    assert [piece[:3] for piece in answer.split(b"HTTP/1.1 ")[1:]] == statuses
    assert b"application/problem+json" in answer
    assert_explained(client, answer)


def assert_explained(client: httpx2.Client, answer: bytes) -> None:
    address, _, anchor = json.loads(answer.rpartition(b"\r\n\r\n")[2])["type"].partition("#")
    assert f'id="{anchor}"' in client.get(address).text


def test_an_address_without_end_gets_414(ingest: IngestAlone, client: httpx2.Client) -> None:
    answer = exchange(ingest.port, b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 414 ")
    assert_explained(client, answer)


def test_connections_that_say_nothing_are_closed(ingest: IngestAlone) -> None:
    beginnings = [b"", b"POST /v1/tr", b"POST /v1/transactions HTTP/1.1\r\nHost: x\r\nX-Slow:"]
    began = time.monotonic()
    with ThreadPoolExecutor(max_workers=len(beginnings)) as pool:
        list(pool.map(lambda beginning: exchange(ingest.port, beginning), beginnings))

    assert time.monotonic() - began < 6


def test_no_path_breaks_the_reading_of_a_transaction(client: httpx2.Client) -> None:
    for path in ("%00", "%FF", "a%7Fb", "x" * 65, "..%2F..%2Fetc", "%2F", "'%20or%201=1", "💳"):
        answer = client.get(f"/v1/transactions/{path}")

        assert answer.status_code == 404, path
        assert answer.json()["code"] == "not_found_or_not_yet_scored"
        assert answer.headers["retry-after"] == "1"


async def test_nothing_that_was_refused_reached_the_queue(ingest: IngestAlone, client: httpx2.Client) -> None:
    await ingest.queued()

    assert client.post("/v1/transactions", json=a_transaction(card_id=CARD_NUMBER)).status_code == 422
    assert client.post("/v1/transactions", json=a_transaction(metadata={"n": CARD_NUMBER})).status_code == 422
    assert client.post("/v1/transactions/batch", json=[a_transaction(card_id=CARD_NUMBER)]).json()["accepted"] == 0

    assert await ingest.queued() == []
    assert CARD_NUMBER not in ingest.log_text()
