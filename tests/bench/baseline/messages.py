"""What travels: the transaction as it is posted, with the moment at which it was taken in."""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, Field


class Transaction(BaseModel):
    """What a client posts."""

    transaction_id: str = Field(min_length=1, max_length=64)
    occurred_at: datetime
    amount: Decimal = Field(ge=0)
    currency: str = Field(pattern="^[A-Z]{3}$")
    card_id: str = Field(min_length=1, max_length=64)
    merchant_id: str = Field(min_length=1, max_length=64)
    merchant_category: str | None = None
    merchant_country: str | None = None
    billing_country: str | None = None
    channel: str | None = None
    device_id: str | None = None
    ip: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    customer_id: str | None = None


class Accepted(Transaction):
    """The same, taken in."""

    accepted_at: datetime
