"""One HTTP/1.1 connection that stays open, cheap enough to measure with: whole requests out, status and body back."""

import asyncio
import re
from collections.abc import Callable
from typing import Final, cast

LOST: Final = 0
"""Stands for a status where the connection was lost before the answer: nobody knows what became of the request."""

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_STATUS: Final = slice(9, 12)

Answered = Callable[["Connection", int, int, bytes], None]
"""Is told the connection, the number of the request, the status and the body."""


class Connection(asyncio.Protocol):
    """Sends one request at a time.

    Only what the services here send is understood: every answer says how long it is. Anything else ends the
    connection, and its request counts as lost.
    """

    def __init__(self, answered: Answered, closed: Callable[["Connection"], None]) -> None:
        self._answered = answered
        self._closed = closed
        self._transport: asyncio.Transport | None = None
        self._number: int | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        # The event loop's own class is no asyncio.Transport by name.
        self._transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes, number: int) -> None:
        """Send a whole request; `number` comes back with its answer."""
        if self._transport is None:
            raise RuntimeError("a connection sends once it is made")
        self._number = number
        self._transport.write(request)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Take in a part of an answer, usually all of it."""
        if self._received:
            data = self._received + data
        end = data.find(_HEAD_END)
        if end < 0:
            self._received = data
            return
        length = _LENGTH.search(data, 0, end + 2)
        if length is None or self._number is None:
            self.close()
            return
        start = end + len(_HEAD_END)
        if len(data) < start + int(length[1]):
            self._received = data
            return
        self._received = b""
        number, self._number = self._number, None
        self._answered(self, number, int(data[_STATUS]), data[start:])

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the request that had no answer yet, and the end."""
        del exc
        number, self._number = self._number, None
        if number is not None:
            self._answered(self, number, LOST, b"")
        self._closed(self)
