"""The short way from JSON to a transaction, for texts that leave no question.

What is taken here `PostedTransaction` takes too, with the same values; a property test holds that. Whatever is in the
least unusual (an escape, a letter beyond ASCII, an amount that is no string, a null, a name given twice) is left to
that model and to `web.strict_json`, which say what is wrong, if anything is.
"""

import re
from decimal import Decimal
from ipaddress import ip_address
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from pydantic_core import PydanticCustomError

from fraudline.domain.card_number import SHORTEST, contains_card_number
from fraudline.domain.money import MAX_DIGITS, decimals_of
from fraudline.domain.posted import (
    MAX_ID_CHARACTERS,
    MAX_METADATA_CHARACTERS,
    MAX_METADATA_ENTRIES,
    MAX_METADATA_KEY_CHARACTERS,
    moment_of,
)
from fraudline.domain.transaction import Channel, Transaction

PlainIdentifier = Annotated[str, Meta(min_length=1, max_length=MAX_ID_CHARACTERS)]
_Country = Annotated[str, Meta(min_length=2, max_length=2, pattern="[A-Z]{2}")]
_Metadata = Annotated[
    dict[
        Annotated[str, Meta(min_length=1, max_length=MAX_METADATA_KEY_CHARACTERS)],
        Annotated[str, Meta(max_length=MAX_METADATA_CHARACTERS)],
    ],
    Meta(max_length=MAX_METADATA_ENTRIES),
]

_AMOUNT = re.compile(r"[0-9]+(?:\.([0-9]+))?", re.ASCII)
_REQUIRED_TEXTS: Final = 6
_QUOTES_OF_NAME: Final = 2
_QUOTES_OF_TEXT: Final = 4
"""Of a field whose value is text: those of its name, too."""


class PlainTransaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The fields of a transaction with the types that JSON has."""

    transaction_id: PlainIdentifier
    occurred_at: str
    currency: str
    amount: Annotated[str, Meta(max_length=MAX_DIGITS)]
    card_id: PlainIdentifier
    merchant_id: PlainIdentifier
    merchant_category: Annotated[str, Meta(min_length=4, max_length=4, pattern="[0-9]{4}")] | None = None
    merchant_country: _Country | None = None
    billing_country: _Country | None = None
    channel: Channel | None = None
    device_id: PlainIdentifier | None = None
    ip: str | None = None
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    customer_id: PlainIdentifier | None = None
    metadata: _Metadata | None = None

    @property
    def quotes(self) -> int:
        """How many quotation marks its text holds if it names each field once, and none that is null."""
        texts = (
            self.merchant_category,
            self.merchant_country,
            self.billing_country,
            self.channel,
            self.device_id,
            self.ip,
            self.customer_id,
        )
        numbers = (self.latitude, self.longitude)
        quotes = _QUOTES_OF_TEXT * (_REQUIRED_TEXTS + len(texts) - texts.count(None))
        quotes += _QUOTES_OF_NAME * (len(numbers) - numbers.count(None))
        if self.metadata is not None:
            quotes += _QUOTES_OF_NAME + _QUOTES_OF_TEXT * len(self.metadata)
        return quotes

    def checked(self) -> Transaction | None:
        """Return the transaction; None where a value needs a closer look."""
        amount = _AMOUNT.fullmatch(self.amount)
        decimals = decimals_of(self.currency)
        if amount is None or decimals is None or len(amount[1] or "") > decimals:
            return None
        if len(self.card_id) >= SHORTEST and contains_card_number(self.card_id):
            return None
        if self.metadata and any(map(contains_card_number, (*self.metadata, *self.metadata.values()))):
            return None
        if self.ip is not None and "%" in self.ip:
            return None
        try:
            return Transaction(
                transaction_id=self.transaction_id,
                occurred_at=moment_of(self.occurred_at),
                currency=self.currency,
                amount=Decimal(self.amount),
                card_id=self.card_id,
                merchant_id=self.merchant_id,
                merchant_category=self.merchant_category,
                merchant_country=self.merchant_country,
                billing_country=self.billing_country,
                channel=self.channel,
                device_id=self.device_id,
                ip=None if self.ip is None else ip_address(self.ip),
                latitude=self.latitude,
                longitude=self.longitude,
                customer_id=self.customer_id,
                metadata=self.metadata or None,
            )
        except (PydanticCustomError, ValueError):
            return None


_DECODER = msgspec.json.Decoder(PlainTransaction)


def plain_transaction(document: bytes) -> Transaction | None:
    """Return the transaction that a JSON text tells of; None where the text or a value needs a closer look."""
    if not is_plain(document):
        return None
    try:
        told = _DECODER.decode(document)
    except msgspec.DecodeError:
        return None
    return told.checked() if document.count(b'"') == told.quotes else None


def is_plain(document: bytes) -> bool:
    """Return whether a text, if it is JSON, has nothing but printable ASCII in its strings, written as it is read."""
    return document.isascii() and b"\\" not in document and b"\x7f" not in document
