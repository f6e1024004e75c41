"""A snapshot's file: a page that says what it is, then the rows of all entities.

| bytes | hold |
| --- | --- |
| 0 to 4,063 | `fraudline-snapshot`, a blank, a JSON object (`SnapshotHeader`), a line feed, then zeros |
| 4,064 to 4,095 | the SHA-256 over these |
| from 4,096 on | the packed rows (`kernel.row_copy`), words of 8 bytes in the machine's order |

The page is written last, with the SHA-256 over the rows. Whatever byte of the file changes or is missing is noticed.
"""

import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Self

from fraudline.errors import FraudlineError
from fraudline.kernel.identity import kernel_identity

PAGE_BYTES: Final = 4_096
WORD_BYTES: Final = 8

_MAGIC: Final = b"fraudline-snapshot "
_DIGEST_BYTES: Final = 32
_FORMAT: Final = 1


class DamagedSnapshot(FraudlineError):  # noqa: N818 - a state of the world, told as one
    """A snapshot cannot be read, or does not hold what was written."""


class ForeignSnapshot(FraudlineError):  # noqa: N818 - the same
    """A snapshot is whole, and of a format that this release does not read."""


@dataclass(frozen=True, slots=True)
class Kin:
    """Whose snapshots a process can go on from: those of its own partition, memory and kernel."""

    partition: int
    max_entities: int
    kernel_version: str
    words: str
    target: str
    byte_order: str = sys.byteorder
    format: int = _FORMAT

    @classmethod
    def of(cls, *, partition: int, max_entities: int) -> Self:
        """Return that of this process."""
        kernel = kernel_identity()
        return cls(partition, max_entities, kernel.version, kernel.words, kernel.target)


@dataclass(frozen=True, slots=True)
class SnapshotHeader:
    """What a snapshot is.

    Attributes:
        kin: Who can go on from it.
        position: Up to which position of the log its state was fed.
        log_mark: What tells that log from another one (`postgres.log_mark`).
        entities: How many entities it holds.
        evicted: How many had given way by then.
        rows_bytes: How long its rows are.
        rows_digest: The SHA-256 over them, in hexadecimal.
        written_at: When it was complete, in ISO 8601.
    """

    kin: Kin
    position: int
    log_mark: str
    entities: int
    evicted: int
    rows_bytes: int
    rows_digest: str
    written_at: str

    @property
    def completed_at(self) -> datetime:
        """When it was complete."""
        return datetime.fromisoformat(self.written_at)

    def page(self) -> bytes:
        """Return the first page of the file."""
        text = _MAGIC + json.dumps(asdict(self)).encode() + b"\n"
        body = text.ljust(PAGE_BYTES - _DIGEST_BYTES, b"\0")
        return body + sha256(body).digest()

    @classmethod
    def of_page(cls, page: bytes) -> Self:
        """Read the first page of a file.

        Raises:
            DamagedSnapshot: It is none, or was changed.
            ForeignSnapshot: It is that of another release's format.
        """
        body, digest = page[:-_DIGEST_BYTES], page[-_DIGEST_BYTES:]
        if len(page) != PAGE_BYTES or sha256(body).digest() != digest or not body.startswith(_MAGIC):
            raise DamagedSnapshot("its first page is not what was written")
        fields: dict[str, Any] = json.loads(body[len(_MAGIC) :].rstrip(b"\0"))
        if fields["kin"]["format"] != _FORMAT:
            raise ForeignSnapshot(f"its format is {fields['kin']['format']}")
        return cls(kin=Kin(**fields.pop("kin")), **fields)
