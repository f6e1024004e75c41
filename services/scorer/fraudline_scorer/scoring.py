"""Unseen → featured → scored → decided: the part that computes, of large batches in a thread beside the loop."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from fraudline.domain.policy import Decision, decide
from fraudline.domain.verdict import Verdict
from fraudline.postgres.commit import AppliedLabel, ScoredTransaction
from fraudline.state.event_columns import events_of
from fraudline_scorer.plan import NewTransaction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fraudline.state.partition_state import PartitionState
    from fraudline_scorer.plan import Plan
    from fraudline_scorer.suspects import SuspectNotes

Computed = tuple[list[ScoredTransaction], list[AppliedLabel]]


class Poison(Exception):  # noqa: N818 - what it is called in the trade
    """Computing failed; `key` tells the event, None where it was one among many."""

    def __init__(self, key: bytes | None = None) -> None:
        super().__init__("computing failed")
        self.key = key


def compute(state: "PartitionState", plan: "Plan") -> Computed:
    """Compute a plan's features, scores and decisions in one go; positions follow the state's.

    The state holds what it was fed until it is settled or taken back.

    Raises:
        Poison: Computing failed; what was fed must be taken back.
    """
    try:
        features, scores = state.score(events_of(plan.logged()))
    except Exception as error:  # whatever it is, the events are looked at one by one
        raise Poison from error
    return _decided(state, plan, features, scores)


def compute_one_by_one(state: "PartitionState", plan: "Plan", notes: "SuspectNotes") -> Computed:
    """Compute the same, bit for bit, event by event, noting the one in work.

    Raises:
        Poison: Computing an event failed; what was fed must be taken back.
    """
    events = events_of(plan.logged())
    features, scores = [], []
    for index, entry in enumerate(plan.entries):
        key = entry.received.key
        notes.working_on(key)
        try:
            rows, row_scores = state.score(events.part(index, index + 1))
        except Exception as error:  # whatever it is, it is this event's alone
            raise Poison(key) from error
        finally:
            notes.done()
        features.append(rows)
        scores.append(row_scores)
    if not features:
        return [], []
    return _decided(state, plan, np.concatenate(features), np.concatenate(scores))


def _decided(
    state: "PartitionState", plan: "Plan", features: "NDArray[np.float64]", scores: "NDArray[np.float64]"
) -> Computed:
    scored_at = datetime.now(UTC)
    scored: list[ScoredTransaction] = []
    applied: list[AppliedLabel] = []
    values = scores.tolist()
    for position, entry in enumerate(plan.entries, state.position + 1):
        if isinstance(entry, NewTransaction):
            row = len(scored)
            verdict = _verdict(
                state,
                entry,
                position=position,
                score=values[row],
                features=features,
                row=row,
                scored_at=scored_at,
            )
            scored.append(ScoredTransaction(entry.accepted, verdict, entry.base_amount))
        else:
            place = entry.place
            applied.append(AppliedLabel(position, entry.transaction_id, place.card_id, place.merchant_id, entry.effect))
    return scored, applied


def _verdict(
    state: "PartitionState",
    entry: NewTransaction,
    *,
    position: int,
    score: float,
    features: "NDArray[np.float64]",
    row: int,
    scored_at: datetime,
) -> Verdict:
    bundle = state.bundle
    decision, reasons = decide(score, has_rate=entry.base_amount is not None, thresholds=bundle.thresholds)
    is_flagged = decision is not Decision.APPROVE
    return Verdict(
        transaction_id=entry.accepted.data.transaction_id,
        fingerprint=entry.fingerprint,
        posted_by=entry.accepted.postedby,
        partition=state.partition,
        position=position,
        accepted_at=entry.accepted.time,
        decision=decision,
        score=score,
        reasons=reasons,
        reasons_status="pending" if is_flagged else "ready",
        model=bundle.label,
        policy=bundle.policy,
        scored_at=scored_at,
        features=features[row].astype("<f8").tobytes() if is_flagged else None,
    )
