"""Dead letters on their way: free of card numbers, the same letter under the same name, the broker's own understood."""

import json
from typing import Any

import pytest

from fraudline.amqp.letters import DeadReason, Letter
from fraudline.domain.event import MAX_BYTES

QUEUE = "scorer.events.0"
CARD_NUMBER = "4111 1111 1111 1111"


def a_letter(
    body: bytes = b"{broken", *, reason: DeadReason = DeadReason.MALFORMED_EVENT, error: str = "event: json_invalid"
) -> Letter:
    return Letter.of_line(queue=QUEUE, reason=reason, error=error, body=body)


def an_event(**fields: object) -> bytes:
    data = {
        "transaction_id": "t-1",
        "occurred_at": "2026-01-01T12:00:00Z",
        "amount": "9.90",
        "currency": "EUR",
        "card_id": "card-1",
        "merchant_id": "merchant-1",
    } | fields
    event = {
        "specversion": "1.0",
        "type": "fraudline.transaction.v1",
        "source": "/fraudline/ingest",
        "id": "t-1",
        "time": "2026-01-01T12:00:01Z",
        "postedby": "shop",
        "data": data,
    }
    return json.dumps(event).encode()


def delivered(letter: Letter) -> Letter:
    message = letter.message()
    return Letter.parse(message.headers, message.body, queue=QUEUE)


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        CARD_NUMBER,
        "4111-1111-1111-1111",
        "\\u0034111111111111111",
        "4111\\u00201111\\u00201111\\u00201111",
    ],
)
def test_a_card_number_never_leaves_in_body_error_or_names(number: str) -> None:
    letter = Letter.of_line(
        queue=QUEUE,
        reason=DeadReason.UNKNOWN_TYPE,
        error=f"no such type: {CARD_NUMBER}",
        body=f'{{"type": "x", "card": "{number}"}}'.encode(),
        transaction_id=CARD_NUMBER,
        event_type=f"type-{CARD_NUMBER}",
    )
    message = letter.message()
    told = (message.body + repr(message.headers).encode()).decode()
    assert letter.is_masked
    assert "1111" not in told
    assert "***" in told
    # Nor does a hash that could be tried for all numbers there are.
    assert letter.key == a_letter(letter.body).key


def test_an_event_that_passed_our_checks_stays_whole_although_its_digits_look_like_a_card() -> None:
    body = an_event(transaction_id="4111111111111111", latitude=52.41111111111111, merchant_id="4111111111111111")
    letter = Letter.of_line(
        queue=QUEUE,
        reason=DeadReason.SCORING_FAILED,
        error="",
        body=body,
        transaction_id="4111111111111111",
    )
    assert not letter.is_masked
    assert letter.body == body
    assert letter.transaction_id == "4111111111111111"


def test_bytes_that_are_no_text_keep_all_but_the_card_number() -> None:
    letter = a_letter(b"\xff\xfe 4111111111111111 \x80", reason=DeadReason.UNDECODABLE_MESSAGE)
    assert letter.body == b"\xff\xfe **************** \x80"
    assert letter.is_masked


def test_what_holds_no_card_number_keeps_its_very_bytes() -> None:
    body = b'{"type": "\\u0041\\u0031", "n": 12345678901234567890}'
    assert a_letter(body).body == body
    assert not a_letter(body).is_masked


def test_the_same_body_is_the_same_letter_and_another_reason_or_queue_another_one() -> None:
    ids = {
        a_letter(b"a").id,
        a_letter(b"b").id,
        a_letter(b"a", reason=DeadReason.UNKNOWN_TYPE).id,
        Letter.of_line(queue="scorer.events.1", reason=DeadReason.MALFORMED_EVENT, error="", body=b"a").id,
    }
    assert len(ids) == 4
    assert a_letter(b"a", error="one").id == a_letter(b"a", error="another").id
    assert all(len(identifier) == 32 for identifier in ids)


def test_a_key_of_its_makers_outranks_the_body() -> None:
    first, second = (
        Letter.of_line(
            queue=QUEUE,
            reason=DeadReason.TRANSACTION_ID_CONFLICT,
            error="",
            body=body,
            key=b"t-1" + bytes(32),
        )
        for body in (b"accepted once", b"accepted twice")
    )
    assert first.id == second.id


@pytest.mark.parametrize(
    "letter",
    [
        a_letter(),
        a_letter(b"card 4111111111111111"),
        a_letter(b""),
        Letter.of_line(
            queue=QUEUE,
            reason=DeadReason.LABEL_CONFLICT,
            error="é",
            body=b"x",
            transaction_id="t",
            event_type="e",
            key=b"k",
        ),
    ],
)
def test_a_letter_arrives_as_it_was_sent(letter: Letter) -> None:
    assert delivered(letter) == letter
    assert delivered(letter).id == letter.id


def test_an_error_is_cut_to_500_characters_after_it_was_masked() -> None:
    letter = a_letter(error="x" * 490 + CARD_NUMBER + "y" * 100)
    assert len(letter.error) == 500
    assert "4111" not in letter.error


def test_text_that_a_table_would_refuse_is_made_storable() -> None:
    letter = a_letter(error="nul \0 and half a pair \ud800")
    assert "\0" not in letter.error
    assert letter.error.encode()


def test_a_huge_body_is_cut_named_so_and_leaves_no_half_card_number_at_the_cut() -> None:
    letter = a_letter(b"x" * (MAX_BYTES - 10) + b"4111111111111111")
    assert letter.reason is DeadReason.MESSAGE_TOO_LARGE
    assert str(MAX_BYTES + 6) in letter.error
    assert letter.body == b"x" * (MAX_BYTES - 10) + b"*" * 10
    assert delivered(letter).id == letter.id


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("delivery_limit", DeadReason.DELIVERY_LIMIT),
        ("expired", DeadReason.EXPIRED),
        ("rejected", DeadReason.REJECTED),
        ("something new", DeadReason.REJECTED),
    ],
)
def test_what_the_broker_took_from_its_queue_is_a_letter_too_and_masked_on_arrival(
    told: str, reason: DeadReason
) -> None:
    headers = {"x-death": [{"reason": told, "queue": QUEUE, "count": 1}], "fraudline-producer": "p"}
    letter = Letter.parse(headers, b'{"a": 1}\n{"card": "4111111111111111"}', queue=QUEUE)
    assert letter.reason is reason
    assert told in letter.error
    assert letter.is_masked
    assert b"4111" not in letter.body


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"fraudline-reason": "no such reason"},
        {"fraudline-reason": 7, "x-death": "not a list"},
        {"x-death": [1]},
        {"x-death": [{}]},
    ],
)
def test_a_message_of_nobody_we_know_is_kept_all_the_same(headers: dict[str, object]) -> None:
    letter = Letter.parse(headers, b"whatever", queue=QUEUE)
    assert letter.reason is DeadReason.REJECTED
    assert letter.body == b"whatever"


def test_a_letter_that_another_forgot_to_mask_is_masked_on_arrival() -> None:
    headers = {"fraudline-reason": "malformed_event", "fraudline-key": "k", "fraudline-masked": False}
    letter = Letter.parse(headers, b"4111111111111111", queue=QUEUE)
    assert letter.body == b"*" * 16
    assert letter.is_masked


def a_verdict_event(**changes: Any) -> bytes:
    data = {"transaction_id": "4111111111111111", "score": 0.7033097597700921, "reasons": [{"text": "why"}]} | changes
    event = {"type": "fraudline.verdict.v1", "id": "verdict-4111111111111111", "data": data}
    return json.dumps(event).encode()


def test_a_verdict_s_score_and_its_transaction_s_id_are_no_card_numbers() -> None:
    body = a_verdict_event()

    letter = Letter.of_line(queue="alerts.verdicts", reason=DeadReason.UNKNOWN_VERDICT, error="none", body=body)

    assert letter.body == body
    assert not letter.is_masked


def test_a_card_number_elsewhere_in_a_verdict_s_event_is_masked() -> None:
    body = a_verdict_event(reasons=[{"text": "card 4111 1111 1111 1111"}])

    letter = Letter.of_line(queue="alerts.verdicts", reason=DeadReason.UNKNOWN_VERDICT, error="none", body=body)

    assert b"4111 1111" not in letter.body
    assert letter.is_masked
