"""A request under uvicorn whose answer, where it comes whole, leaves in one write.

uvicorn writes head and body by themselves. With uvloop each write is a system call, and each wakes the client. The head
waits for the first piece of the body, as ASGI has it anyway; what then is a whole answer of known length is written at
once, and everything else is left to uvicorn.
"""

from itertools import chain
from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent, HTTPResponseBodyEvent, HTTPResponseStartEvent

# What may stand in a line of a head; what is left of a head without it has to be the ends of its lines.
_PLAIN = bytes(code for code in range(256) if (code >= ord(" ") and code != 0x7F) or code == ord("\t"))  # noqa: PLR2004 - DEL
_OTHERWISE = frozenset({b"connection", b"transfer-encoding"})


class WholeAnswerCycle(RequestResponseCycle):
    """One request and its answer."""

    _start: "HTTPResponseStartEvent | None" = None

    async def send(self, message: "ASGISendEvent") -> None:
        """Take a piece of the answer."""
        if message["type"] == "http.response.start" and self._start is None and not self.response_started:
            self._start = message
            return
        start, self._start = self._start, None
        if start is not None:
            if message["type"] == "http.response.body" and self._is_written_whole(start, message):
                return
            await super().send(start)
        await super().send(message)

    def _is_written_whole(self, start: "HTTPResponseStartEvent", end: "HTTPResponseBodyEvent") -> bool:
        """Write a whole answer, if it is one and nothing stands in its way."""
        is_hindered = self.flow.write_paused or self.disconnected or not self.keep_alive
        if is_hindered or end.get("more_body", False) or self.scope["method"] == "HEAD":
            return False
        body = end.get("body", b"")
        lines = [STATUS_LINE[start["status"]]]
        length = None
        for name, value in chain(self.default_headers, start.get("headers", ())):
            if name in _OTHERWISE:
                return False
            if name == b"content-length":
                length = value
            lines.append(b"%b: %b\r\n" % (name, value))
        head = b"".join(lines)
        if length != b"%d" % len(body) or head.translate(None, _PLAIN) != b"\r\n" * len(lines):
            return False
        self.waiting_for_100_continue = False
        self.response_started = self.response_complete = True
        self.chunked_encoding = False
        self.transport.write(b"%b\r\n%b" % (head, body))
        self.message_event.set()
        self.on_response()
        return True
