"""The forms of alerts' answers, for the interface's description; the answers themselves are built as plain data."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from fraudline.domain.alert import AlertEventKind, AlertStatus
from fraudline.domain.label import LabelValue
from fraudline.web.answers import ReasonAnswer, VerdictAnswer


class DispositionAnswer(BaseModel):
    """What a person said that the payment was."""

    disposition: LabelValue
    note: str | None
    decided_by: str
    decided_at: str


class AlertAnswer(BaseModel):
    """A flagged payment, as it stands in a list."""

    id: int
    transaction_id: str
    status: AlertStatus
    decision: Literal["review", "decline"]
    score: float | None = Field(description="Calibrated probability of fraud; null where the model gave none.")
    amount: str
    currency: str
    card_id: str
    merchant_id: str
    accepted_at: str
    opened_at: str
    assignee: str | None
    reasons: list[ReasonAnswer]
    reasons_status: Literal["pending", "ready"]
    disposition: DispositionAnswer | None


class AlertListAnswer(BaseModel):
    """A page of alerts, the highest score first and the newest among equals."""

    alerts: list[AlertAnswer]
    next_cursor: str | None = Field(description="Send it as cursor for the next page; null where this was the last.")
    last_event_id: int = Field(description="Where the live feed goes on from this list, without gap.")


class AlertEventAnswer(BaseModel):
    """Something that happened to an alert: what the live feed tells, and a history holds."""

    number: int = Field(description="Its place in the feed, counted without gaps.")
    alert_id: int
    kind: AlertEventKind
    happened_at: str
    actor: str | None = Field(description="Who did it; null where nobody had to.")
    detail: dict[str, Any]


class CardPaymentAnswer(BaseModel):
    """One of the card's last payments."""

    transaction_id: str
    occurred_at: str
    amount: str
    currency: str
    merchant_id: str
    decision: Literal["approve", "review", "decline"]
    score: float | None
    label: LabelValue | None
    is_this: bool = Field(description="Whether it is the payment of this alert.")


class AlertDetailAnswer(AlertAnswer):
    """All that is known of an alert."""

    verdict: VerdictAnswer | None
    transaction: dict[str, Any] | None = Field(description="The payment as it was posted, its labels among the rest.")
    history: list[AlertEventAnswer]
    card_payments: list[CardPaymentAnswer]
