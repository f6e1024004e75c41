"""The forms that the interface's description names: of what is posted, and of answers, which are built as bytes."""

from typing import Literal

from pydantic import BaseModel, Field

from fraudline.domain.label import LabelSource, LabelValue
from fraudline.domain.policy import Decision
from fraudline.domain.posted import PostedTransaction
from fraudline.web.answers import FaultAnswer, VerdictAnswer


class Transaction(PostedTransaction):
    """One payment, as it is posted; unknown fields are refused.

    Times are RFC 3339; `amount` is exact, in units of `currency`; `latitude` and `longitude` are degrees (WGS 84).
    """


class AcceptedAnswer(BaseModel):
    """The event is stored by the broker and will be worked on."""

    transaction_id: str
    status: Literal["accepted"]


class FallbackAnswer(BaseModel):
    """What to do with a payment whose verdict is late."""

    decision: Decision
    reason: Literal["deadline"]


class PendingAnswer(BaseModel):
    """The transaction is stored and its verdict was not there in the time that the client would wait."""

    transaction_id: str
    status: Literal["pending"]
    fallback: FallbackAnswer


class ScoredAnswer(VerdictAnswer):
    """The committed verdict."""

    status: Literal["scored"]


class RejectedAnswer(BaseModel):
    """A line of a batch that was not taken."""

    index: int = Field(description="Which of the batch's transactions, from 0; blank lines do not count.")
    transaction_id: str | None
    errors: list[FaultAnswer]


class BatchAnswer(BaseModel):
    """How many were taken, and which were not."""

    accepted: int
    rejected: list[RejectedAnswer]


class LabelAnswer(BaseModel):
    """What became known afterwards."""

    label: LabelValue
    source: LabelSource
    reported_at: str


class StoredAnswer(PostedTransaction):
    """A transaction with its verdict; optional fields that were not sent are left out."""

    accepted_at: str
    verdict: VerdictAnswer
    answered_decision: Decision | None = Field(
        description="What was answered in place of the verdict, where that was late for a client that waited."
    )
    conflicts: int = Field(description="How often the same transaction_id came with other content.")
    labels: list[LabelAnswer]
