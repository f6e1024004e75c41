"""The forms of answers that several interfaces give, for their descriptions."""

from typing import Literal

from pydantic import BaseModel, Field

from fraudline.domain.policy import Decision


class FaultAnswer(BaseModel):
    """What is wrong with one field; empty where the whole document is meant."""

    field: str
    message: str


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
    contribution: float | None = Field(description="Share in the score, in log-odds; null where it is not the model's.")


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
