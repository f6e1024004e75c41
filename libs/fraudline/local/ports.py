"""Free ports on the loopback interface."""

import secrets
import socket
from collections.abc import Container

LOOPBACK = "127.0.0.1"

# Below the range that Linux (32768 up) and macOS (49152 up) give to outgoing connections. In that range a client that
# retries while its server is down may connect to itself by chance, and then hold the port against the server.
FIRST_PORT, LAST_PORT = 20_000, 32_700
MAX_TRIES = 200


def free_port(preferred: int | None = None, *, taken: Container[int] = ()) -> int:
    """A port that nothing listens on: the preferred one where possible, so that a restart keeps its address."""
    if preferred is not None and preferred not in taken and is_free(preferred):
        return preferred
    for _ in range(MAX_TRIES):
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)
        if port not in taken and is_free(port):
            return port
    message = f"no free port between {FIRST_PORT} and {LAST_PORT} on {LOOPBACK} in {MAX_TRIES} tries"
    raise OSError(message)


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on the port of the interface now."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            # Servers set this too: a connection of the last one that is still winding down is no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError:
        return False
    return True
