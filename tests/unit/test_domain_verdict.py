import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraudline.domain.policy import MODEL_UNAVAILABLE, UNKNOWN_RATE, Decision, Thresholds, decide
from fraudline.domain.verdict import Verdict

THRESHOLDS = Thresholds(review=0.2, decline=0.8)
ACCEPTED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
VERDICT = Verdict(
    transaction_id="t-1",
    fingerprint=bytes(32),
    posted_by="shop",
    partition=0,
    position=7,
    accepted_at=ACCEPTED_AT,
    decision=Decision.REVIEW,
    score=0.5,
    reasons=(UNKNOWN_RATE,),
    reasons_status="ready",
    model="starter-1",
    policy="thresholds-1",
    scored_at=ACCEPTED_AT + timedelta(microseconds=1500),
)


@given(st.floats(), st.booleans())
def test_what_cannot_be_judged_never_passes_unseen(score: float, has_rate: bool) -> None:  # noqa: FBT001 - hypothesis passes values so
    decision, reasons = decide(score, has_rate=has_rate, thresholds=THRESHOLDS)

    if not math.isfinite(score):
        assert (decision, reasons) == (Decision.REVIEW, (MODEL_UNAVAILABLE,))
    elif not has_rate:
        assert (decision, reasons) == (Decision.REVIEW, (UNKNOWN_RATE,))
    else:
        assert reasons == ()


@pytest.mark.parametrize(
    ("score", "decision"),
    [
        (0.0, Decision.APPROVE),
        (0.19999, Decision.APPROVE),
        (0.2, Decision.REVIEW),
        (0.79999, Decision.REVIEW),
        (0.8, Decision.DECLINE),
        (1.0, Decision.DECLINE),
    ],
)
def test_a_threshold_belongs_to_the_stricter_side(score: float, decision: Decision) -> None:
    assert decide(score, has_rate=True, thresholds=THRESHOLDS) == (decision, ())


def test_a_verdict_is_told_in_the_same_bytes_each_time() -> None:
    event = json.loads(VERDICT.event())

    assert VERDICT.event() == replace(VERDICT).event()
    assert event["id"] == "verdict-t-1"
    assert event["data"] == VERDICT.public()
    assert event["data"]["latency_ms"] == 1.5


def test_a_score_that_is_none_is_told_as_null() -> None:
    assert replace(VERDICT, score=math.nan).public()["score"] is None


def test_all_but_approved_transactions_are_flagged() -> None:
    assert [replace(VERDICT, decision=decision).is_flagged for decision in Decision] == [False, True, True]
