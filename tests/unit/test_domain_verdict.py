import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from fraudline.domain.policy import MODEL_UNAVAILABLE, POLICY_CODES, UNKNOWN_RATE, Decision, Reason, Thresholds, decide
from fraudline.domain.reasons import NO_SCORE, NOTHING_STANDS_OUT
from fraudline.domain.verdict import Verdict

THRESHOLDS = Thresholds(review=0.2, decline=0.8)
EXPLAINED = Reason("amount", "An amount of 912.40 EUR raises the score by itself.", 1.25)
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
    reasons_status="pending",
    model="starter-1",
    policy="thresholds-1",
    scored_at=ACCEPTED_AT + timedelta(microseconds=1500),
)


@given(st.floats(), st.booleans())
def test_what_cannot_be_judged_never_passes_unseen(score: float, has_rate: bool) -> None:  # noqa: FBT001 - hypothesis passes values so
    decision, reasons = decide(score, has_rate=has_rate, thresholds=THRESHOLDS)

    assert {reason.code for reason in reasons} <= POLICY_CODES
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


@pytest.mark.parametrize("decision", [Decision.REVIEW, Decision.DECLINE])
@pytest.mark.parametrize("by_policy", [(), (UNKNOWN_RATE,), (MODEL_UNAVAILABLE,)])
@pytest.mark.parametrize("added", [(), (EXPLAINED,), (NO_SCORE,), (EXPLAINED, NOTHING_STANDS_OUT)])
def test_reasons_that_are_added_later_change_the_verdict_and_not_its_event(
    decision: Decision, by_policy: tuple[Reason, ...], added: tuple[Reason, ...]
) -> None:
    scored = replace(VERDICT, decision=decision, reasons=by_policy, reasons_status="pending")

    explained = replace(scored, reasons=(*by_policy, *added), reasons_status="ready")

    assert explained.event() == scored.event()
    assert json.loads(scored.event())["data"] == scored.public()
    assert explained.public()["reasons_status"] == "ready"
    assert len(explained.public()["reasons"]) == len(by_policy) + len(added)


def test_an_approved_verdict_is_told_as_ready() -> None:
    approved = replace(VERDICT, decision=Decision.APPROVE, reasons=(), reasons_status="ready")

    assert json.loads(approved.event())["data"] == approved.public()


def test_a_score_that_is_none_is_told_as_null() -> None:
    assert replace(VERDICT, score=math.nan).public()["score"] is None


def test_all_but_approved_transactions_are_flagged() -> None:
    assert [replace(VERDICT, decision=decision).is_flagged for decision in Decision] == [False, True, True]
