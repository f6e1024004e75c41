"""Why a score is high: codes that gather features, and the sentence that tells an analyst what the model saw.

A feature is told by its statistic (`registry.py` lists the sentences) and belongs to the code that gathers its stem,
its name without the half-life. A code's contribution is the sum of its features' contributions, in log-odds of the
model's raw score. The sentence is that of the feature which contributed the most; it tells of values, and of nothing
that identifies a card or a merchant. It is frozen with the verdict, so times are told from the payment's point of view.
"""

from fraudline.domain.reasons.code import ReasonCode
from fraudline.domain.reasons.facts import Facts
from fraudline.domain.reasons.registry import CODES, REGISTRY, code_of
from fraudline.domain.reasons.unexplained import (
    EXPLAINING_FAILED,
    NO_SCORE,
    NOT_EXPLAINED,
    NOTHING_STANDS_OUT,
    OTHER_FEATURES,
    OTHER_MODEL,
)

__all__ = [
    "CODES",
    "EXPLAINING_FAILED",
    "NOTHING_STANDS_OUT",
    "NOT_EXPLAINED",
    "NO_SCORE",
    "OTHER_FEATURES",
    "OTHER_MODEL",
    "REGISTRY",
    "Facts",
    "ReasonCode",
    "code_of",
]
