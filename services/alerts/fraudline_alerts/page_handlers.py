"""What alerts does with each call of a person's browser."""

from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from starlette.requests import Request  # noqa: TC002 - FastAPI looks it up when it describes the routes
from starlette.responses import HTMLResponse, RedirectResponse, Response

from fraudline.domain.alert import AlertStatus
from fraudline.errors import DependencyAway
from fraudline.postgres.sign_in import LinkRefusal, SignedIn, take_link
from fraudline.service.problem_kind import ProblemKind
from fraudline.web.problems import Problem
from fraudline_alerts.deeds import no_such_alert
from fraudline_alerts.doorkeeper import came_from_our_page
from fraudline_alerts.dossier import read_dossier
from fraudline_alerts.handlers import ANSWER_SECONDS, alert_id_of
from fraudline_alerts.listing import Question, list_alerts, read_question
from fraudline_alerts.page.pages import MAX_ROWS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fraudline.domain.api_key import Client
    from fraudline.postgres.database import Connection, Database
    from fraudline_alerts.doorkeeper import Doorkeeper
    from fraudline_alerts.feed import Feed
    from fraudline_alerts.listing import Cursor
    from fraudline_alerts.metrics import AlertsMetrics
    from fraudline_alerts.page.pages import Pages
    from fraudline_alerts.page.static_files import StaticFiles
    from fraudline_alerts.status.board import StatusBoard

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_REFUSALS = {
    LinkRefusal.UNKNOWN: "This link is not known here; part of it may be missing.",
    LinkRefusal.USED: "This link was used already: each signs in once.",
    LinkRefusal.EXPIRED: "This link is too old: each can be opened for ten minutes.",
}
_OPEN_COUNT = "select count(*) from fraudline.alerts where status = 'open'"


class PageHandlers:
    """The pages, over what the composition root gives them."""

    def __init__(
        self,
        *,
        doors: "Doorkeeper",
        database: "Database",
        feed: "Feed",
        board: "StatusBoard",
        pages: "Pages",
        static: "StaticFiles",
        metrics: "AlertsMetrics",
    ) -> None:
        self._doors = doors
        self._database = database
        self._feed = feed
        self._board = board
        self._pages = pages
        self._static = static
        self._sign_ins = metrics.sign_ins

    async def queue(self, request: "Request") -> Response:
        """Show the open alerts; to a stranger, how to sign in."""
        person = await self._doors.person(request)
        if person is None:
            return _page(self._pages.sign_in(problem=None))
        cursor = read_question(request.query_params, known=("cursor",)).cursor
        return _page(await self._database.ask(self._queue_page(person, cursor), within_seconds=ANSWER_SECONDS))

    def _queue_page(self, person: "Client", cursor: "Cursor | None") -> "Callable[[Connection], Awaitable[str]]":
        async def read(connection: "Connection") -> str:
            # Of one moment: the page counts on from there by what the feed tells.
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                last = await self._feed.read_end(connection)
                question = Question(status=AlertStatus.OPEN, cursor=cursor, limit=MAX_ROWS)
                alerts, next_cursor = await list_alerts(connection, question)
                open_count = await connection.fetchval(_OPEN_COUNT)
            return self._pages.queue(
                alerts,
                open_count=open_count,
                last_event_id=last,
                person=person,
                next_cursor=next_cursor,
                is_first=cursor is None,
            )

        return read

    async def alert(self, request: "Request") -> Response:
        """Show one alert."""
        person = await self._doors.admit(request)
        alert_id = alert_id_of(request)

        async def read(connection: "Connection") -> "tuple[dict[str, Any] | None, int]":
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                return await read_dossier(connection, alert_id), await self._feed.read_end(connection)

        dossier, last = await self._database.ask(read, within_seconds=ANSWER_SECONDS)
        if dossier is None:
            raise no_such_alert()
        return _page(self._pages.alert(dossier, person=person, last_event_id=last))

    async def sign_in(self, request: "Request") -> Response:
        """Take a one-time link: a session begins, or the page says why not."""
        token = request.query_params.get("token", "")
        came = await self._database.ask(lambda connection: take_link(connection, token), within_seconds=ANSWER_SECONDS)
        if not isinstance(came, SignedIn):
            self._sign_ins.labels(came.value).inc()
            return _page(self._pages.sign_in(problem=_REFUSALS[came]), status=HTTPStatus.GONE)
        self._sign_ins.labels("signed_in").inc()
        # Whoever was signed in here before is so no longer; the link is used up, so that nothing may fail by this.
        with suppress(DependencyAway):
            await self._doors.end_session(request)
        response = RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER, headers=_HEADERS)
        self._doors.give_cookie(response, came.session_token)
        return response

    async def sign_out(self, request: "Request") -> Response:
        """End the session."""
        if not came_from_our_page(request):
            raise Problem(ProblemKind.CROSS_SITE, "Sign out by the button on the page.")
        response = RedirectResponse("/", status_code=HTTPStatus.SEE_OTHER, headers=_HEADERS)
        await self._doors.sign_out(request, response)
        return response

    async def status(self, request: "Request") -> Response:
        """Show how everything does."""
        person = await self._doors.admit(request)
        return _page(self._pages.status(self._board.snapshot(), person=person))

    async def status_board(self, request: "Request") -> Response:
        """Give the status page its latest figures."""
        await self._doors.admit(request, is_by_itself=True)
        return _page(self._pages.status_fragment(self._board.snapshot()))

    async def static_file(self, request: "Request") -> Response:
        """Give a style sheet or a module; these are the same for everybody."""
        version, name = request.path_params["version"], request.path_params["name"]
        response = self._static.response(request, version, name)
        if response is None:
            raise Problem(ProblemKind.NOT_FOUND, "There is no such file.")
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def problem(self, problem: Problem) -> Response:
        """Return the page that tells of a problem; where nobody has signed in, the one that says how to."""
        if problem.kind is ProblemKind.UNAUTHORIZED:
            page = self._pages.sign_in(problem=None)
        else:
            page = self._pages.problem(
                problem.kind.title, problem.detail, status=problem.kind.status, faults=problem.faults
            )
        return _page(page, status=problem.kind.status, headers=problem.headers)


def _page(html: str, *, status: int = 200, headers: "Mapping[str, str] | None" = None) -> Response:
    return HTMLResponse(html, status_code=status, headers=_HEADERS | dict(headers or {}))
