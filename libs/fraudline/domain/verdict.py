"""The one answer to one transaction."""

import math
from datetime import datetime
from typing import Any, Final

import msgspec

from fraudline.domain.policy import POLICY_CODES, Decision, Reason
from fraudline.domain.transaction import rfc3339

MICROSECONDS_PER_MILLISECOND = 1000
VERDICT_TYPE = "fraudline.verdict.v1"


class _PublicVerdict(msgspec.Struct, frozen=True, gc=False):
    """What is told of a verdict, in this order; as a struct it is made and written in half of a dict's time."""

    transaction_id: str
    decision: str
    score: float | None
    reasons: list[dict[str, Any]]
    reasons_status: str
    model: str
    policy: str
    scored_at: str
    latency_ms: float


class _VerdictEvent(msgspec.Struct, frozen=True, gc=False):
    specversion: str
    type: str
    source: str
    id: str
    time: str
    data: _PublicVerdict


_ENCODE: Final = msgspec.json.Encoder().encode


class Verdict(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What was decided, by what, and where it stands in its partition's log.

    `score` is the calibrated probability of fraud (NaN where the model gave none); `features` is the vector that it
    was computed from, kept for flagged transactions alone, as little-endian float64. `reasons` and `reasons_status`
    are the only parts that ever change, once: from the policy's own to those of the model beside them.
    """

    transaction_id: str
    fingerprint: bytes
    posted_by: str
    partition: int
    position: int
    accepted_at: datetime
    decision: Decision
    score: float
    reasons: tuple[Reason, ...]
    reasons_status: str
    model: str
    policy: str
    scored_at: datetime
    features: bytes | None = None

    @property
    def is_flagged(self) -> bool:
        """Whether a person has to look at it."""
        return self.decision is not Decision.APPROVE

    @property
    def latency_ms(self) -> float:
        """Milliseconds from acceptance to scoring."""
        waited = self.scored_at - self.accepted_at
        return (waited.days * 86_400_000_000 + waited.seconds * 1_000_000 + waited.microseconds) / (
            MICROSECONDS_PER_MILLISECOND
        )

    def public(self) -> dict[str, Any]:
        """Return the verdict as clients and consumers see it."""
        return msgspec.structs.asdict(self._told(self.reasons, self.reasons_status))

    def event(self) -> bytes:
        """Return the event that tells of it, without a line end: the same bytes however often and late it is told.

        It gives the reasons as they were at scoring, also where the model's have been added to the verdict since.
        """
        reasons = tuple(reason for reason in self.reasons if reason.code in POLICY_CODES) if self.reasons else ()
        told = self._told(reasons, "pending" if self.is_flagged else "ready")
        event = _VerdictEvent(
            "1.0",
            VERDICT_TYPE,
            f"/fraudline/scorer/{self.partition}",
            f"verdict-{self.transaction_id}",
            told.scored_at,
            told,
        )
        return _ENCODE(event)

    def _told(self, reasons: tuple[Reason, ...], reasons_status: str) -> "_PublicVerdict":
        return _PublicVerdict(
            self.transaction_id,
            self.decision.value,
            self.score if math.isfinite(self.score) else None,
            [reason._asdict() for reason in reasons],
            reasons_status,
            self.model,
            self.policy,
            rfc3339(self.scored_at),
            self.latency_ms,
        )
