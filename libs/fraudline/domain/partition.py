"""Which log an event belongs to."""

from zlib import crc32

PARTITIONS = 1


def partition_of(card_id: str) -> int:
    """Return the partition (0 to `PARTITIONS` − 1) that holds everything of one card, in order."""
    return crc32(card_id.encode()) % PARTITIONS
