"""What is wrong with a document is found at a cost that no document can drive up."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from fraudline.domain.posted import PostedTransaction
from fraudline.web.problems import Problem
from fraudline_ingest import intake
from fraudline_ingest.intake import MAX_UNKNOWN_FIELDS, claimed_id, read_label, read_transaction
from system.ingest_alone import a_label, a_transaction

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def faults_in(document: dict[str, Any]) -> list[tuple[str, str]]:
    with pytest.raises(Problem) as raised:
        read_transaction(json.dumps(document).encode(), now=NOW)
    return [(fault.field, fault.message) for fault in raised.value.faults]


@pytest.fixture
def never_validated(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_error: ValidationError) -> None:
        pytest.fail("the document came as far as its validation")

    monkeypatch.setattr(intake, "faults_of", fail)


def test_a_handful_of_unknown_fields_is_told_one_by_one() -> None:
    unknown = {f"x{number}": 1 for number in range(MAX_UNKNOWN_FIELDS)}

    assert [field for field, _ in faults_in(a_transaction(**unknown))] == list(unknown)


@pytest.mark.usefixtures("never_validated")
def test_a_document_of_unknown_fields_is_refused_before_it_is_validated() -> None:
    known = len(PostedTransaction.model_fields)
    document = {f"x{number}": 1 for number in range(known + MAX_UNKNOWN_FIELDS + 1)}

    assert faults_in(document) == [("", f"has {len(document)} fields, of which at most {known} can be known")]


@pytest.mark.usefixtures("never_validated")
def test_metadata_without_end_is_refused_before_it_is_validated() -> None:
    metadata = {f"x{number}": 1 for number in range(9_000)}

    assert faults_in(a_transaction(metadata=metadata)) == [("metadata", "has more than 20 entries")]


def test_a_label_has_fewer_fields_to_know() -> None:
    with pytest.raises(Problem) as raised:
        read_label(json.dumps(a_label(**{f"x{number}": 1 for number in range(30)})).encode(), now=NOW)

    assert "of which at most 4 can be known" in raised.value.faults[0].message


def test_whose_a_refused_line_is_can_be_told_unless_it_has_no_end() -> None:
    assert claimed_id(b'{"transaction_id":"t-1","x":[1]}') == "t-1"
    assert claimed_id(b'{"transaction_id":"t-1","x":[1' + b",1" * 10_000 + b"]}") is None
