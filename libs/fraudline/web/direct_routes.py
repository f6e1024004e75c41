"""Routes that are answered in front of the framework, by handlers that are given what the server gives.

All that a framework puts around a handler costs more than a posted event needs in all. The framework keeps every other
address, and describes these too.
"""

import json
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

from starlette.requests import Request  # noqa: TC002 - FastAPI looks it up when it describes the routes
from starlette.responses import Response  # noqa: TC002 - the same

from fraudline.errors import DependencyAway
from fraudline.service.log import LogEvent, get_logger
from fraudline.service.problem_kind import MEDIA_TYPE
from fraudline.web.problems import Problem, away, broken

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from fraudline.web.http_metrics import HttpMetrics

    Handler = Callable[[Scope, Receive], Awaitable["Answer"]]

_JSON = (b"content-type", b"application/json")
_PROBLEM = (b"content-type", MEDIA_TYPE.encode())


class Answer(NamedTuple):
    """A whole answer: its body is JSON unless its headers say otherwise."""

    status: int
    body: bytes
    headers: "tuple[tuple[bytes, bytes], ...]" = (_JSON,)


def json_answer(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> Answer:
    """Return an answer whose body is JSON, with more headers."""
    return Answer(status, body, (_JSON, *headers))


def problem_answer(problem: Problem) -> Answer:
    """Return the answer that tells of a problem."""
    more = ((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in problem.headers.items())
    return Answer(problem.kind.status, json.dumps(problem.document()).encode(), (_PROBLEM, *more))


def first_values(headers: "Iterable[tuple[bytes, bytes]]") -> dict[bytes, bytes]:
    """Return a request's headers by their names in small letters; of those given more than once the first counts."""
    return dict(reversed(list(headers)))


async def answered_in_front(_request: "Request") -> "Response":
    """Stand for a direct route among those that the framework describes; it is never called.

    Raises:
        NotImplementedError: It was: the route is missing among the direct ones.
    """
    raise NotImplementedError


class DirectRoutes:
    """Answers posts to a few addresses itself, counted, timed and with problems as everywhere; passes on all others.

    Args:
        posts: The handlers of POST, by the whole path.
        rest: Who answers everything else.
        metrics: Counts and times the answers.
        note_refused: Is told of every problem that is answered here.
    """

    def __init__(
        self,
        posts: "Mapping[str, Handler]",
        *,
        rest: "ASGIApp",
        metrics: "HttpMetrics",
        note_refused: "Callable[[Problem], None]",
    ) -> None:
        self._posts = posts
        self._rest = rest
        self._metrics = metrics
        self._note_refused = note_refused

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer a request, or pass it on."""
        is_post = scope["type"] == "http" and scope["method"] == "POST"
        handler = self._posts.get(scope["path"]) if is_post else None
        if handler is None:
            await self._rest(scope, receive, send)
            return
        began = perf_counter()
        status = 500
        try:
            status, body, headers = await self._answer(handler, scope, receive)
            length = (b"content-length", b"%d" % len(body))
            await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
            await send({"type": "http.response.body", "body": body})
        finally:
            self._metrics.note(route=scope["path"], method="POST", status=status, seconds=perf_counter() - began)

    async def _answer(self, handler: "Handler", scope: "Scope", receive: "Receive") -> Answer:
        try:
            return await handler(scope, receive)
        except Problem as problem:
            return self._refuse(problem)
        except DependencyAway as error:
            return self._refuse(away(error))
        except Exception:  # noqa: BLE001 - it is answered and logged here, where nobody else could
            # Whatever a handler died of, the client gets a problem document and we the traceback.
            get_logger().exception(LogEvent.REQUEST_FAILED, route=scope["path"])
            return problem_answer(broken())

    def _refuse(self, problem: Problem) -> Answer:
        self._note_refused(problem)
        return problem_answer(problem)
