"""An answer that comes whole leaves in one write, and every answer is byte for byte what uvicorn alone would send."""

import asyncio
from typing import Any
from unittest.mock import MagicMock

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from fraudline.service.http_server import BoundedProtocol

LENGTH = (b"content-length", b"2")


class App:
    """Answers with the pieces it was given."""

    def __init__(self, headers: list[tuple[bytes, bytes]], *pieces: bytes, status: int = 200) -> None:
        self.headers = headers
        self.pieces = pieces
        self.status = status

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        for piece in self.pieces[:-1]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": self.pieces[-1]})


class BreakingApp(App):
    """Breaks between the head and the body."""

    def __init__(self) -> None:
        super().__init__([LENGTH], b"{}")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                raise RuntimeError
            await send(message)

        await super().__call__(scope, receive, send_head)


async def written(protocol: type[HttpToolsProtocol], app: App, request: bytes) -> tuple[list[bytes], bool]:
    """Return what is written to a client that sends `request`, and whether its connection is closed then."""
    config = uvicorn.Config(app, http=protocol, ws="none", lifespan="off", log_config=None, access_log=False)
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"today")]
    transport: Any = MagicMock(spec=asyncio.Transport)
    transport.is_closing.return_value = False
    transport.close.side_effect = lambda: transport.is_closing.configure_mock(return_value=True)
    connection = protocol(config, state, {}, asyncio.get_running_loop())
    connection.connection_made(transport)
    connection.data_received(request)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not state.tasks
    was_closed = transport.is_closing()
    connection.connection_lost(None)
    return [call.args[0] for call in transport.write.call_args_list], was_closed


def a_request(method: str = "POST", *headers: str, version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} / HTTP/{version}", "Host: x", *headers, "", ""]).encode()


@pytest.mark.parametrize(
    ("app", "request_", "writes"),
    [
        (App([LENGTH], b"{}"), a_request(), 1),
        (App([LENGTH], b"{}"), a_request("POST", "Expect: 100-continue"), 2),
        (App([LENGTH, (b"x", b"\t\xff y")], b"{}"), a_request() * 2, 2),
        (App([LENGTH], b"{}"), a_request("HEAD"), 1),
        (App([LENGTH], b"{}"), a_request(version="1.0"), 2),
        (App([LENGTH, (b"connection", b"close")], b"{}"), a_request(), 2),
        (App([LENGTH], b"{", b"}"), a_request(), 3),
        (App([(b"content-type", b"text/event-stream")], b"a", b"b", b""), a_request(), 4),
        (App([], b"", status=204), a_request(), 2),
    ],
)
async def test_an_answer_is_what_uvicorn_would_send(app: App, request_: bytes, writes: int) -> None:
    ours, ours_closed = await written(BoundedProtocol, app, request_)
    theirs, theirs_closed = await written(HttpToolsProtocol, app, request_)

    assert b"".join(ours) == b"".join(theirs)
    assert len(ours) == writes
    assert ours_closed is theirs_closed


@pytest.mark.parametrize(
    "app",
    [
        App([LENGTH, (b"x", b"a\r\nset-cookie: b")], b"{}"),
        App([LENGTH, (b"x", b"a\nb")], b"{}"),
        App([LENGTH], b"{"),
        App([LENGTH], b"{}}"),
        BreakingApp(),
    ],
)
async def test_a_broken_answer_never_begins_as_a_good_one_ends(app: App, caplog: pytest.LogCaptureFixture) -> None:
    ours, _ = await written(BoundedProtocol, app, a_request())

    assert b"set-cookie" not in b"".join(ours)
    assert not b"".join(ours).endswith((b"{}", b"{}}"))
    assert "Exception in ASGI application" in caplog.text
