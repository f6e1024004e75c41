"""The HTTP server under every port: uvicorn, with the bounds that it lacks.

uvicorn has no deadline for receiving a request, no limit for headers and none for connections that a client opens
and leaves silent. Here each has one, and what breaks a bound is answered in the form of all our errors.
"""

import asyncio
import contextlib
import json
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from fraudline.errors import ConfigurationError
from fraudline.service.problem_kind import MEDIA_TYPE, ProblemKind
from fraudline.service.whole_answer import WholeAnswerCycle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

MAX_CONNECTIONS = 900
MAX_HEADER_BYTES = 32 << 10
MAX_TARGET_BYTES = 4 << 10
RECEIVE_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 75
# How long the other side may take in nothing of what is sent before the connection is given up, closed or not.
UNREAD_MILLISECONDS = 30_000
GRACEFUL_SECONDS = 6
BACKLOG = 1024


class _OverBound(Exception):  # noqa: N818 - thrown through the parser, never seen outside
    """A request has outgrown a bound while it was read."""


# What each bound says when it is broken.
REFUSALS = {
    ProblemKind.MALFORMED: "This is no HTTP request that can be understood.",
    ProblemKind.TOO_SLOW: f"The request was not whole after {RECEIVE_SECONDS:g} seconds.",
    ProblemKind.TARGET_TOO_LONG: f"The address is longer than {MAX_TARGET_BYTES >> 10} KiB.",
    ProblemKind.HEADERS_TOO_LARGE: f"The headers are larger than {MAX_HEADER_BYTES >> 10} KiB in all.",
    ProblemKind.FULL: "Too many connections are open; try again in a second.",
}


def refusal(kind: ProblemKind) -> bytes:
    """Return the whole answer that tells of a bound that was broken; the connection ends with it."""
    body = json.dumps(kind.document(REFUSALS[kind], []))
    retry = "retry-after: 1\r\n" if kind is ProblemKind.FULL else ""
    return (
        f"HTTP/1.1 {kind.status} {HTTPStatus(kind.status).phrase}\r\ncontent-type: {MEDIA_TYPE}\r\n"
        f"content-length: {len(body)}\r\n{retry}connection: close\r\n\r\n{body}"
    ).encode()


class BoundedProtocol(HttpToolsProtocol):
    """One connection, whose requests must arrive in time and within size."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Take a connection in, or say that there are too many."""
        super().connection_made(transport)
        if (timeout := getattr(socket, "TCP_USER_TIMEOUT", None)) is not None:  # Linux alone has it
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, timeout, UNREAD_MILLISECONDS)
        self._is_receiving = False
        self._read_bytes = 0
        self._refusal = ProblemKind.MALFORMED
        self._deadline: asyncio.TimerHandle | None = None
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(ProblemKind.FULL)
        else:
            self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection and its deadline."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; a request that is not whole afterwards has to be before its deadline."""
        was_receiving = self._is_receiving
        super().data_received(data)
        if not self._is_receiving:
            self._disarm()
        elif not was_receiving and not self.transport.is_closing():
            self._disarm()
            self._arm()

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        super().on_message_begin()
        self._is_receiving = True
        self._read_bytes = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request's target."""
        super().on_url(url)
        if len(self.url) > MAX_TARGET_BYTES:
            self._refusal = ProblemKind.TARGET_TOO_LONG
            raise _OverBound

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header."""
        super().on_header(name, value)
        self._read_bytes += len(name) + len(value)
        if self._read_bytes > MAX_HEADER_BYTES:
            self._refusal = ProblemKind.HEADERS_TOO_LARGE
            raise _OverBound

    def on_headers_complete(self) -> None:
        """Begin to answer, at the loop's next turn."""
        super().on_headers_complete()
        # uvicorn has no place to name another class; nothing has run on the new object yet.
        self.cycle.__class__ = WholeAnswerCycle

    def on_message_complete(self) -> None:
        """Note that the request is whole."""
        super().on_message_complete()
        self._is_receiving = False

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the library's sentence is not ours
        """Answer what could not be parsed."""
        self._refuse(self._refusal)

    def _refuse(self, kind: ProblemKind) -> None:
        # An answer that is already under way must not be mixed with another.
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(refusal(kind))
        self.transport.close()

    def _arm(self) -> None:
        self._deadline = self.loop.call_later(RECEIVE_SECONDS, self._give_up)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            # Either nothing was asked, or it was answered before the body had come: no further word is due.
            self.transport.close()
        else:
            self._refuse(ProblemKind.TOO_SLOW)


class _Uvicorn(uvicorn.Server):
    """uvicorn without its own handling of signals: the service stops in its own order."""

    @contextlib.contextmanager
    def capture_signals(self) -> "Iterator[None]":
        """Leave signals to the service."""
        yield


def bind(host: str, port: int, *, variable: str) -> socket.socket:
    """Take an address; `variable` is the setting that named it.

    Raises:
        ConfigurationError: The address is taken, or not of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        taken = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigurationError(variable, f"cannot listen on {host}: {error.strerror}") from error
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(address)
    except OSError as error:
        taken.close()
        raise ConfigurationError(variable, f"cannot listen on {host}, port {port}: {error.strerror}") from error
    taken.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return taken


class HttpServer:
    """One port with one application behind it."""

    def __init__(self, app: "ASGIApp", listener: socket.socket) -> None:
        self._listener = listener
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                http=BoundedProtocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=GRACEFUL_SECONDS,
            )
        )

    @property
    def port(self) -> int:
        """The port that was taken."""
        port: int = self._listener.getsockname()[1]
        return port

    def unready_reason(self) -> str | None:
        """Return what keeps the port from answering."""
        return None if self._server.started else "the port is not open yet"

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then finish the requests in hand, within six seconds."""
        serving = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="uvicorn")
        stopping = asyncio.create_task(stop.wait(), name="stop of uvicorn")
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
            self._server.should_exit = True
            await serving
        finally:
            stopping.cancel()
            serving.cancel()
