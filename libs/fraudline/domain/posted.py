"""What a client may tell of a payment: the model that judges it, names what is wrong by field, and describes itself."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

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
from fraudline.domain.money import MAX_DIGITS, decimals_of, has_too_many_decimals
from fraudline.domain.transaction import Channel, Transaction

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
MAX_ID_CHARACTERS = 64
MAX_METADATA_ENTRIES = 20
MAX_METADATA_KEY_CHARACTERS = 40
MAX_METADATA_CHARACTERS = 200

_LOCAL_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?", re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_DECIMAL_STRING = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)


def moment_of(text: str) -> datetime:
    """Return the time that RFC 3339 text tells, in UTC.

    Raises:
        PydanticCustomError: It tells none, or one before 1970 or beyond 9999.
    """
    if not _RFC3339.fullmatch(text):
        if _LOCAL_TIME.fullmatch(text):
            raise PydanticCustomError("moment_offset", "has no UTC offset; write it like 2026-11-23T18:00:00Z")
        raise PydanticCustomError("moment_format", "is no RFC 3339 time; write it like 2026-11-23T18:00:00Z")
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        raise PydanticCustomError("moment_range", "is a time that does not exist; check day, hour and offset") from None
    return _in_utc(moment)


def _from_rfc3339(moment: object) -> datetime:
    """Read a time as RFC 3339 writes it; the library alone would take numbers of seconds and other forms too."""
    if isinstance(moment, datetime):
        return _in_utc(moment)
    if not isinstance(moment, str):
        raise PydanticCustomError("moment_type", "is not a string; write a time like 2026-11-23T18:00:00Z")
    return moment_of(moment)


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

Identifier = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=_PRINTABLE)]
CardId = Annotated[Identifier, AfterValidator(no_card_number)]
Moment = Annotated[AwareDatetime, BeforeValidator(_from_rfc3339)]
IpAddress = Annotated[IPvAnyAddress, BeforeValidator(_plain_address)]
Amount = Annotated[
    Decimal,
    BeforeValidator(_plain_decimal),
    Field(ge=0, max_digits=MAX_DIGITS, allow_inf_nan=False, strict=False),
]
Currency = Annotated[str, AfterValidator(_known_currency)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
MetadataKey = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_METADATA_KEY_CHARACTERS, pattern=_PRINTABLE),
    AfterValidator(no_card_number),
]
MetadataValue = Annotated[
    str, StringConstraints(max_length=MAX_METADATA_CHARACTERS, pattern=r"^[^\x00]*$"), AfterValidator(no_card_number)
]


class PostedTransaction(BaseModel):
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

    def checked(self) -> Transaction:
        """Return the transaction that was told of."""
        return Transaction(**{**dict(self), "metadata": self.metadata or None})


_IDENTIFIER: TypeAdapter[str] = TypeAdapter(Identifier)


def is_identifier(text: str) -> bool:
    """Return whether `text` can be an id: 1 to 64 characters, none of them a control character or line break."""
    try:
        _IDENTIFIER.validate_python(text)
    except ValidationError:
        return False
    return True
