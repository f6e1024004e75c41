import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from fraudline.domain.posted import PostedTransaction
from fraudline.errors import DependencyAway
from fraudline.service.http_server import REFUSALS, refusal
from fraudline.service.problem_kind import ProblemKind
from fraudline.web.docs_page import docs_page
from fraudline.web.problems import (
    MAX_FAULTS,
    FieldFault,
    Problem,
    away,
    faults_document,
    faults_of,
    full,
    not_valid,
    shown_name,
)

CARD_NUMBER = "4111111111111111"


def faults_in(document: object) -> dict[str, str]:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(PostedTransaction).validate_json(json.dumps(document))
    return dict(faults_of(raised.value))


def test_an_answer_has_the_form_of_rfc_9457() -> None:
    response = not_valid([FieldFault("amount", "is missing")]).response()

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "/docs#not_valid",
        "title": "The request is not valid",
        "status": 422,
        "detail": "One fault was found; nothing was taken in.",
        "code": "not_valid",
        "errors": [{"field": "amount", "message": "is missing"}],
    }


def test_a_dependency_that_is_away_says_when_to_come_back() -> None:
    response = away(DependencyAway("RabbitMQ", "test", retry_after_seconds=5)).response()

    assert response.status_code == 503
    assert response.headers["retry-after"] == "5"
    assert full("Everything").response().headers["retry-after"] == "1"


def test_every_missing_field_is_named() -> None:
    assert faults_in({}) == dict.fromkeys(
        ["transaction_id", "occurred_at", "currency", "amount", "card_id", "merchant_id"], "is missing"
    )


@pytest.mark.parametrize("document", [[], "text", 5, None])
def test_a_document_that_is_no_object_is_told_so(document: object) -> None:
    assert faults_in(document) == {"": "is not a JSON object"}


@pytest.mark.parametrize(
    "field", ["transaction_id", "occurred_at", "amount", "currency", "card_id", "merchant_id", "ip", "channel"]
)
@pytest.mark.parametrize("value", [{"a": 1}, [1], True])
def test_no_sentence_holds_the_value_that_was_sent(field: str, value: object) -> None:
    sentences = faults_in({field: [value, CARD_NUMBER]}) | faults_in({field: value})

    assert field in sentences
    assert "is not valid" not in sentences.values()
    assert CARD_NUMBER not in json.dumps(sentences)


def test_a_card_number_is_masked_even_as_the_name_of_a_field() -> None:
    faults = faults_in({CARD_NUMBER: 1, "metadata": {"4111 1111 1111 1111": "x"}})

    assert faults["*" * 16] == "is no field that is known here; leave it out"
    assert "4111" not in json.dumps(faults)


def test_of_more_than_a_hundred_faults_a_hundred_are_listed() -> None:
    faults = [FieldFault(str(number), "is wrong") for number in range(MAX_FAULTS + 1)]
    shown = faults_document(faults)

    assert len(shown) == MAX_FAULTS + 1
    assert shown[-1] == {"field": "", "message": "and more faults"}
    assert not_valid(faults).detail == "More than 100 faults were found; nothing was taken in."


def test_of_what_a_validation_finds_no_more_is_put_into_words_than_is_shown() -> None:
    with pytest.raises(ValidationError) as raised:
        TypeAdapter(PostedTransaction).validate_json(json.dumps({f"field {number}": 1 for number in range(1_000)}))

    assert len(faults_of(raised.value)) == MAX_FAULTS + 1


@given(st.text(alphabet=st.characters(), max_size=500))
def test_a_name_is_shown_short_printable_and_encodable(name: str) -> None:
    shown = shown_name(name)

    assert len(shown) <= 64
    assert shown.isprintable()
    assert shown.encode().decode() == shown


def test_a_card_number_at_the_cut_is_masked_before_it() -> None:
    assert "4111" not in shown_name("x" * 55 + CARD_NUMBER)


def test_every_kind_of_problem_is_explained_where_its_type_points_to() -> None:
    page = docs_page({"info": {"title": "x", "version": "1"}, "paths": {}})

    for kind in ProblemKind:
        address, _, anchor = Problem(kind, "x").document()["type"].partition("#")
        assert address == "/docs"
        assert f'id="{anchor}"' in page


@pytest.mark.parametrize("kind", REFUSALS)
def test_what_the_server_refuses_has_the_form_of_all_our_problems(kind: ProblemKind) -> None:
    head, _, body = refusal(kind).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % kind.status)
    assert b"content-type: application/problem+json" in head
    assert json.loads(body) == Problem(kind, REFUSALS[kind]).document()


def test_every_kind_of_problem_has_a_name_of_its_own() -> None:
    assert len({kind.code for kind in ProblemKind}) == len(ProblemKind)
    assert all(Problem(kind, "x").response().status_code == kind.status for kind in ProblemKind)
