"""Keys of entities: 64 bits that stand for a card, a merchant or another entity inside the kernel."""

from functools import lru_cache
from hashlib import blake2b
from typing import Final

NO_ENTITY: Final = 0
"""Stands where an event has no such entity: a payment without a device, say."""

_KEY_BYTES = 8
_REMEMBERED = 65_536


@lru_cache(maxsize=_REMEMBERED)
def entity_key(kind: str, identifier: str) -> int:
    """Return the key of an entity, an unsigned integer of 64 bits, never `NO_ENTITY`.

    The kind is part of what is hashed, so a card and a merchant with one identifier have different keys. Among ten
    million entities the odds that any two share a key are about 1 in 370,000; two that do would share counters.

    Args:
        kind: The kind of entity, one of `events.ENTITY_KINDS`.
        identifier: The client's own identifier, such as a `card_id`.

    Returns:
        The first 64 bits of BLAKE2b over the kind, a zero byte and the identifier, in little-endian order; 1 where
        that would be `NO_ENTITY`.
    """
    digest = blake2b(f"{kind}\0{identifier}".encode(), digest_size=_KEY_BYTES).digest()
    return int.from_bytes(digest, "little") or 1


def optional_key(kind: str, identifier: str | None) -> int:
    """Return the key of an entity that an event may be without: `NO_ENTITY` for None."""
    return NO_ENTITY if identifier is None else entity_key(kind, identifier)
