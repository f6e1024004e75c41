"""The forms of ingest's answers, for the interface's description; the answers themselves are built as bytes."""

from typing import Literal

from pydantic import BaseModel, Field

from fraudline.domain.label import LabelSource, LabelValue
from fraudline.domain.policy import Decision
from fraudline.domain.transaction import Transaction


class AcceptedAnswer(BaseModel):
    """The event is stored by the broker and will be worked on."""

    transaction_id: str
    status: Literal["accepted"]


class FaultAnswer(BaseModel):
    """What is wrong with one field; empty where the whole document is meant."""

    field: str
    message: str


class RejectedAnswer(BaseModel):
    """A line of a batch that was not taken."""

    index: int = Field(description="Which of the batch's transactions, from 0; blank lines do not count.")
    transaction_id: str | None
    errors: list[FaultAnswer]


class BatchAnswer(BaseModel):
    """How many were taken, and which were not."""

    accepted: int
    rejected: list[RejectedAnswer]


class ProblemAnswer(BaseModel):
    """RFC 9457: what went wrong, in plain words."""

    type: str = Field(description="Where the problem is explained.")
    title: str
    status: int
    detail: str
    code: str = Field(description="The problem's name, for programs.")
    errors: list[FaultAnswer]


class ReasonAnswer(BaseModel):
    """One reason of a verdict."""

    code: str
    text: str
    contribution: float | None


class VerdictAnswer(BaseModel):
    """What was decided."""

    transaction_id: str
    decision: Decision
    score: float | None = Field(description="Calibrated probability of fraud; null where the model gave none.")
    reasons: list[ReasonAnswer]
    reasons_status: Literal["pending", "ready"]
    model: str
    policy: str
    scored_at: str
    latency_ms: float = Field(description="From acceptance to scoring.")


class LabelAnswer(BaseModel):
    """What became known afterwards."""

    label: LabelValue
    source: LabelSource
    reported_at: str


class StoredAnswer(Transaction):
    """A transaction with its verdict; optional fields that were not sent are left out."""

    accepted_at: str
    verdict: VerdictAnswer
    conflicts: int = Field(description="How often the same transaction_id came with other content.")
    labels: list[LabelAnswer]
