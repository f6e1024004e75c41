"""An API key: random, checksummed, known to us by its hash alone.

`flk_` + 34 random characters of base 62 (202 bits) + 6 characters of CRC-32 over what stands before. The prefix lets
secret scanners find a key that leaked; the checksum throws out fakes without a look-up; a fast hash is enough, since
nobody can guess what has 150 unknown bits, and a slow one on every request would be an attack on ourselves.
"""

import secrets
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple
from zlib import crc32

PREFIX = "flk_"
SHOWN_LENGTH = len(PREFIX) + 8

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM_LENGTH = 34
_CHECKSUM_LENGTH = 6
_LENGTH = len(PREFIX) + _RANDOM_LENGTH + _CHECKSUM_LENGTH


class Role(StrEnum):
    """What a key may do. The order of the members is their rank."""

    INGEST = "ingest"
    ANALYST = "analyst"
    LEAD = "lead"
    ADMIN = "admin"

    def is_at_least(self, other: "Role") -> bool:
        """Return whether this role ranks as high as `other` or higher."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Client(NamedTuple):
    """Who a live key belongs to."""

    name: str
    role: Role


def _checksum(text: str) -> str:
    rest = crc32(text.encode())
    characters = []
    for _ in range(_CHECKSUM_LENGTH):
        rest, place = divmod(rest, len(_ALPHABET))
        characters.append(_ALPHABET[place])
    return "".join(reversed(characters))


def new_key() -> str:
    """Return a new key."""
    text = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))
    return text + _checksum(text)


def is_well_formed(key: str) -> bool:
    """Return whether `key` could have been made here: its form and checksum fit."""
    return (
        len(key) == _LENGTH
        and key.isascii()
        and key.startswith(PREFIX)
        and _checksum(key[:-_CHECKSUM_LENGTH]) == key[-_CHECKSUM_LENGTH:]
    )


def shown_prefix(key: str) -> str:
    """Return the beginning by which people tell a key from others; what is left unknown is still 150 bits."""
    return key[:SHOWN_LENGTH]


def hash_of(key: str) -> bytes:
    """Return what is kept of a key."""
    return sha256(key.encode()).digest()
