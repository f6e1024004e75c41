"""What the log never saw is a hole that can be seen: numbers that a producer gave and no message carried."""

from collections import OrderedDict

MAX_STREAMS = 1_000
MAX_MISSING = 10_000


class Holes:
    """Follows the numbers of each producer's streams, each from 1 without gaps.

    A stream that this process meets in the middle counts from where it was met: the messages before went to an
    earlier owner. Memory is bounded: the stream that was silent longest is forgotten first.
    """

    def __init__(self) -> None:
        self._next: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._missing: dict[tuple[str, str], set[int]] = {}

    def take(self, producer: str, stream: str, number: int) -> None:
        """Note that a message came; redelivered ones fill what they left open or change nothing."""
        key = (producer, stream)
        expected = self._next.pop(key, number)
        missing = self._missing.setdefault(key, set())
        if number >= expected:
            missing.update(range(expected, min(number, expected + MAX_MISSING - len(missing))))
            self._next[key] = number + 1
        else:
            missing.discard(number)
            self._next[key] = expected
        if not missing:
            del self._missing[key]
        if len(self._next) > MAX_STREAMS:
            forgotten, _ = self._next.popitem(last=False)
            self._missing.pop(forgotten, None)

    @property
    def open(self) -> int:
        """How many numbers are missing now."""
        return sum(map(len, self._missing.values()))
