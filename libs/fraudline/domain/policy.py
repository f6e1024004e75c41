"""From a score to a decision. What cannot be judged is looked at by a person: it never passes unseen."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple


class Decision(StrEnum):
    """What the payment system is told to do."""

    APPROVE = "approve"
    REVIEW = "review"
    DECLINE = "decline"


class Reason(NamedTuple):
    """Why: a code from the registry, a sentence, and the share in the score (None where the policy itself says so)."""

    code: str
    text: str
    contribution: float | None = None


UNKNOWN_RATE = Reason("unknown_rate", "The amount could not be compared: no exchange rate is known for its currency.")
MODEL_UNAVAILABLE = Reason("model_unavailable", "The model gave no usable score.")
POLICY_CODES = frozenset({UNKNOWN_RATE.code, MODEL_UNAVAILABLE.code})
"""The codes of all reasons that are known at scoring; the model's are added to a flagged verdict afterwards."""

NEVER: Final = math.nextafter(1.0, 2.0)
"""The threshold that no probability reaches, not even 1."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Probabilities from which a transaction is reviewed or declined; 0 < `review` <= `decline` <= `NEVER`."""

    review: float
    decline: float


def decide(score: float, *, has_rate: bool, thresholds: Thresholds) -> tuple[Decision, tuple[Reason, ...]]:
    """Return the decision for a calibrated probability, and the reasons that the policy itself gives."""
    if not math.isfinite(score):
        return Decision.REVIEW, (MODEL_UNAVAILABLE,)
    if not has_rate:
        return Decision.REVIEW, (UNKNOWN_RATE,)
    if score >= thresholds.decline:
        return Decision.DECLINE, ()
    if score >= thresholds.review:
        return Decision.REVIEW, ()
    return Decision.APPROVE, ()
