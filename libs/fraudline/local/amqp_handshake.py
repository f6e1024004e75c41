"""One AMQP 0-9-1 login by hand: the broker is there when it lets us in, which an open port alone does not prove.

Written on the wire's own terms, since this folder starts servers and knows no client library of them.
"""

import socket
import struct

from fraudline.local.ports import LOOPBACK

FRAME_METHOD = 1
FRAME_END = b"\xce"
CONNECTION = 10
START_OK, TUNE_OK, OPEN, CLOSE = 11, 31, 40, 50
START, TUNE, OPEN_OK, CLOSE_OK = 10, 30, 41, 51
MAX_FRAME_BYTES = 1024 * 1024
TUNING = struct.Struct(">HIH")


class HandshakeError(Exception):
    """The broker did not let us in; the message says at which step."""


def log_in(port: int, user: str, password: str, virtual_host: str, timeout_seconds: float) -> None:
    """Open a connection to the virtual host and close it again; HandshakeError or OSError when that fails."""
    with socket.create_connection((LOOPBACK, port), timeout_seconds) as wire:
        wire.settimeout(timeout_seconds)
        wire.sendall(b"AMQP\x00\x00\x09\x01")
        _expect(wire, START)
        no_properties = struct.pack(">I", 0)
        plain = f"\0{user}\0{password}".encode()
        answer = struct.pack(">I", len(plain)) + plain
        _send(wire, START_OK, no_properties + _short("PLAIN") + answer + _short("en_US"))
        channels, frame_bytes, _ = TUNING.unpack(_expect(wire, TUNE)[: TUNING.size])
        _send(wire, TUNE_OK, TUNING.pack(channels, frame_bytes, 0))
        _send(wire, OPEN, _short(virtual_host) + _short("") + b"\0")
        _expect(wire, OPEN_OK)
        _send(wire, CLOSE, struct.pack(">H", 200) + _short("") + struct.pack(">HH", 0, 0))
        _expect(wire, CLOSE_OK)


def _short(text: str) -> bytes:
    encoded = text.encode()
    return bytes([len(encoded)]) + encoded


def _send(wire: socket.socket, method: int, arguments: bytes) -> None:
    payload = struct.pack(">HH", CONNECTION, method) + arguments
    wire.sendall(struct.pack(">BHI", FRAME_METHOD, 0, len(payload)) + payload + FRAME_END)


def _expect(wire: socket.socket, method: int) -> bytes:
    while True:
        kind, _, size = struct.unpack(">BHI", _read(wire, 7))
        if size > MAX_FRAME_BYTES:
            raise HandshakeError("what answers does not speak AMQP 0-9-1")
        payload = _read(wire, size)
        if _read(wire, 1) != FRAME_END:
            raise HandshakeError("what answers does not speak AMQP 0-9-1")
        if kind != FRAME_METHOD:
            continue
        found = struct.unpack(">HH", payload[:4])
        if found != (CONNECTION, method):
            message = f"expected method {CONNECTION}.{method}, the broker sent {found[0]}.{found[1]}"
            raise HandshakeError(message)
        return payload[4:]


def _read(wire: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = wire.recv(size - len(data))
        if not piece:
            raise HandshakeError("the broker closed the connection: it refused user, password or virtual host")
        data += piece
    return data
