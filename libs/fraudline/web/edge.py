"""The outermost layer of an HTTP interface: what it counts, and what it answers when something broke."""

from time import perf_counter
from typing import TYPE_CHECKING

from fraudline.service.log import LogEvent, get_logger
from fraudline.web.problems import broken

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from fraudline.web.http_metrics import HttpMetrics

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Edge:
    """Counts and times every answer, and answers when something broke.

    The route is counted by its template and never by the address that was asked for.
    """

    def __init__(self, app: "ASGIApp", *, metrics: "HttpMetrics") -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Pass a request on, and note how it was answered."""
        began = perf_counter()
        status: int | None = None

        async def noting(message: "Message") -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception:
            # Whatever a handler died of, the client gets a problem document and we the traceback.
            get_logger().exception(LogEvent.REQUEST_FAILED, route=_route_of(scope))
            if status is not None:
                raise
            await broken().response()(scope, receive, noting)
        finally:
            route = _route_of(scope)
            method = scope["method"] if scope["method"] in _METHODS else "other"
            self._metrics.note(route=route, method=method, status=status or 500, seconds=perf_counter() - began)


def _route_of(scope: "Scope") -> str:
    route: str = getattr(scope.get("route"), "path_format", "none")
    return route
