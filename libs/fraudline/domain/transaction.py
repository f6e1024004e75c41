"""A payment transaction as a client posts it."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    IPvAnyAddress,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from fraudline.domain.card_number import no_card_number
from fraudline.domain.money import MAX_DIGITS, canonical_amount, decimals_of, has_too_many_decimals

MAX_AHEAD = timedelta(minutes=5)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
MAX_METADATA_ENTRIES = 20

_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DECIMAL_STRING = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


class Channel(StrEnum):
    """How the payment was made."""

    POS = "pos"
    ECOMMERCE = "ecommerce"
    ATM = "atm"
    MOTO = "moto"
    TRANSFER = "transfer"


def _from_rfc3339(moment: object) -> object:
    """Read a time as RFC 3339 writes it; the library alone would take numbers of seconds and other forms too."""
    if isinstance(moment, datetime):
        return moment
    if not isinstance(moment, str):
        raise PydanticCustomError("moment_type", "is not a string; write a time like 2026-11-23T18:00:00Z")
    if _LOCAL_TIME.fullmatch(moment):
        raise PydanticCustomError("moment_offset", "has no UTC offset; write it like 2026-11-23T18:00:00Z")
    if not _RFC3339.fullmatch(moment):
        raise PydanticCustomError("moment_format", "is no RFC 3339 time; write it like 2026-11-23T18:00:00Z")
    try:
        return datetime.fromisoformat(moment.upper())
    except ValueError:
        raise PydanticCustomError("moment_range", "is a time that does not exist; check day, hour and offset") from None


def _in_utc(moment: datetime) -> datetime:
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise PydanticCustomError("moment_range", "lies beyond what can be stored (years 1970 to 9999)") from None
    if moment < EARLIEST:
        raise PydanticCustomError("too_early", "lies before 1970; write the time at which the payment took place")
    return moment


def _plain_decimal(amount: object) -> object:
    if isinstance(amount, bool) or (isinstance(amount, str) and not _DECIMAL_STRING.fullmatch(amount)):
        raise PydanticCustomError("amount_format", 'is not a plain decimal number; write it like "912.40"')
    return amount


def _plain_address(ip: object) -> object:
    """Refuse numbers, which the library reads as addresses, and zones, which `inet` columns do not hold."""
    if isinstance(ip, int) or "%" in str(ip):
        raise PydanticCustomError("ip_format", "is no plain IPv4 or IPv6 address; write it like 203.0.113.7")
    return ip


def _known_currency(code: str) -> str:
    if decimals_of(code) is None:
        raise PydanticCustomError("unknown_currency", "is no ISO 4217 code of a currency; write one like EUR")
    return code


# Control characters, U+0000 among them, characters that nobody sees (direction marks, zero width) and
# Unicode's line and paragraph separators stay out of ids, logs and tables.
_PRINTABLE = r"^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+$"

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=_PRINTABLE)]
CardId = Annotated[Identifier, AfterValidator(no_card_number)]
Moment = Annotated[AwareDatetime, BeforeValidator(_from_rfc3339), AfterValidator(_in_utc)]
IpAddress = Annotated[IPvAnyAddress, BeforeValidator(_plain_address)]
Amount = Annotated[
    Decimal,
    BeforeValidator(_plain_decimal),
    Field(ge=0, max_digits=MAX_DIGITS, allow_inf_nan=False, strict=False),
]
Currency = Annotated[str, AfterValidator(_known_currency)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
MetadataKey = Annotated[
    str, StringConstraints(min_length=1, max_length=40, pattern=_PRINTABLE), AfterValidator(no_card_number)
]
MetadataValue = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$"), AfterValidator(no_card_number)]


class Transaction(BaseModel):
    """What a client tells of one payment; frozen, validated strictly, unknown fields refused.

    Times are in UTC with microseconds; `amount` is exact, in units of `currency`; `latitude` and `longitude` are
    degrees (WGS 84).
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    transaction_id: Identifier = Field(description="The client's own id, the idempotency key.")
    occurred_at: Moment = Field(description="When the payment took place, RFC 3339 with an offset.")
    currency: Currency = Field(description="ISO 4217.")
    amount: Amount = Field(description="At most the currency's decimals; zero is an account verification.")
    card_id: CardId = Field(description="A token that stands for the card, never its number.")
    merchant_id: Identifier
    merchant_category: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}$")] | None = Field(
        default=None, description="Merchant category code (ISO 18245)."
    )
    merchant_country: Country | None = Field(default=None, description="ISO 3166-1 alpha-2.")
    billing_country: Country | None = Field(default=None, description="ISO 3166-1 alpha-2.")
    channel: Channel | None = None
    device_id: Identifier | None = None
    ip: IpAddress | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    customer_id: Identifier | None = None
    metadata: Annotated[dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA_ENTRIES)] | None = Field(
        default=None, description="At most 20 flat strings; keys up to 40, values up to 200 characters."
    )

    @field_validator("amount")
    @classmethod
    def _fits_currency(cls, amount: Decimal, info: ValidationInfo) -> Decimal:
        decimals = decimals_of(info.data.get("currency", ""))
        if decimals is not None and has_too_many_decimals(amount, decimals):
            raise PydanticCustomError(
                "too_many_decimals", "has more decimals than its currency allows ({decimals})", {"decimals": decimals}
            )
        return amount

    def is_ahead_of(self, now: datetime) -> bool:
        """Return whether the payment claims to lie more than five minutes after `now`."""
        return self.occurred_at > now + MAX_AHEAD

    def content(self) -> dict[str, Any]:
        """Return the fields that were sent, as JSON values, sorted by name; the amount as it was sent."""
        fields: dict[str, Any] = {
            name: value for name in _SORTED_FIELDS if (value := getattr(self, name)) is not None and value != {}
        }
        fields["amount"] = format(self.amount, "f")
        fields["occurred_at"] = rfc3339(self.occurred_at)
        if self.ip is not None:
            fields["ip"] = str(self.ip)
        return fields

    def fingerprint(self, posted_by: str) -> bytes:
        """Return SHA-256 over the canonical event: amount normalised, time in UTC, keys sorted, with who posted it.

        Two posts with the same fingerprint are the same transaction told twice. The client is part of it, so that an
        id that another client used is a conflict even with the same content.
        """
        canonical = self.content() | {"amount": canonical_amount(self.amount), "posted_by": posted_by}
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return sha256(text.encode()).digest()


_SORTED_FIELDS = tuple(sorted(Transaction.model_fields))


_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


def is_identifier(text: str) -> bool:
    """Return whether `text` can be an id: 1 to 64 characters, none of them a control character or line break."""
    try:
        _IDENTIFIER.validate_python(text)
    except ValidationError:
        return False
    return True


def rfc3339(moment: datetime) -> str:
    """Return an aware UTC time as RFC 3339 with microseconds and `Z`."""
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"
