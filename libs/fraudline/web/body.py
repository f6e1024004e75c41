"""Reading a request's body: never more than the bound, never longer than the deadline."""

import asyncio
from typing import TYPE_CHECKING

from fraudline.service.problem_kind import ProblemKind
from fraudline.web.begun import Begun
from fraudline.web.problems import Problem

if TYPE_CHECKING:
    from starlette.datastructures import Headers
    from starlette.types import Message, Receive

MAX_BYTES = 1 << 20
SECONDS = 3.0


def declared_bytes(headers: "Headers", *, max_bytes: int = MAX_BYTES) -> int | None:
    """Return how large the body says that it is, None where it does not, before anything is read.

    Raises:
        Problem: It is larger than allowed, encoded, or the header is no number.
    """
    return declared_size(headers.get("content-length"), headers.get("content-encoding"), max_bytes=max_bytes)


def declared_size(declared: str | None, encoding: str | None, *, max_bytes: int = MAX_BYTES) -> int | None:
    """Return the same by the two headers that tell of it, Content-Length and Content-Encoding.

    Raises:
        Problem: The body is larger than allowed, encoded, or its length is no number.
    """
    if encoding is not None and encoding.strip().lower() not in {"", "identity"}:
        raise Problem(ProblemKind.ENCODING, "Send the body as it is, without Content-Encoding.")
    if declared is None:
        return None
    if not (declared.isascii() and declared.isdigit()):
        raise Problem(ProblemKind.MALFORMED, "Content-Length is no number.")
    # Compared by length first: a number with a million digits is not worth converting.
    if len(declared) > len(str(max_bytes)) + 8 or int(declared) > max_bytes:
        raise _too_large(max_bytes)
    return int(declared)


async def read_body(
    receive: "Receive", *, declared: int | None, max_bytes: int = MAX_BYTES, seconds: float = SECONDS
) -> bytes:
    """Return the body; `declared` is what `declared_bytes` said.

    Raises:
        Problem: It is too large, too slow, or of another size than declared.
    """
    begun = Begun(receive())
    if begun.done and _is_whole(begun.result):
        return _checked(begun.result.get("body", b""), declared, max_bytes)
    try:
        async with asyncio.timeout(seconds):
            message = await begun
            pieces = [message.get("body", b"")]
            size = len(pieces[0])
            while message["type"] == "http.request" and message.get("more_body", False):
                if size > max_bytes:
                    raise _too_large(max_bytes)
                message = await receive()
                pieces.append(message.get("body", b""))
                size += len(pieces[-1])
    except TimeoutError:
        raise Problem(
            ProblemKind.TOO_SLOW,
            f"The body was not complete after {seconds:g} seconds.",
            headers={"Connection": "close"},
        ) from None
    if message["type"] == "http.disconnect":
        raise Problem(ProblemKind.MALFORMED, "The body ended before it was complete.")
    return _checked(b"".join(pieces), declared, max_bytes)


def _is_whole(message: "Message") -> bool:
    return message["type"] == "http.request" and not message.get("more_body", False)


def _checked(body: bytes, declared: int | None, max_bytes: int) -> bytes:
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    if declared is not None and len(body) != declared:
        raise Problem(ProblemKind.MALFORMED, "The body is not as long as Content-Length says.")
    return body


def _too_large(max_bytes: int) -> Problem:
    return Problem(ProblemKind.TOO_LARGE, f"The body is larger than {max_bytes:,} bytes.")
