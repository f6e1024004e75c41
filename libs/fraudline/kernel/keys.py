"""Keys of entities: 64 bits that stand for a card, a merchant or another entity inside the kernel."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

NO_ENTITY: Final = 0
"""Stands where an event has no such entity: a payment without a device, say."""

_KEY_BYTES = 8
_KEY_DTYPE = np.dtype("<u8")


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
    return entity_keys(kind, [identifier]).item()


def entity_keys(kind: str, identifiers: Sequence[str | None]) -> NDArray[np.uint64]:
    """Return the keys of many entities of one kind, in their order: `NO_ENTITY` for None.

    Each identifier is hashed once, however often it stands there.
    """
    distinct = dict.fromkeys([identifier for identifier in identifiers if identifier is not None])
    prefix = f"{kind}\0"
    digests = b"".join(
        [blake2b((prefix + identifier).encode(), digest_size=_KEY_BYTES).digest() for identifier in distinct]
    )
    keys = np.maximum(np.frombuffer(digests, _KEY_DTYPE), NO_ENTITY + 1).tolist()
    key_of: dict[str | None, int] = {None: NO_ENTITY, **dict(zip(distinct, keys, strict=True))}
    return np.fromiter(map(key_of.__getitem__, identifiers), np.uint64, len(identifiers))
