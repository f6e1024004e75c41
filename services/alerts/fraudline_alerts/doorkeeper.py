"""Who asks: a program by its key, a person by the cookie of a session."""

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from fraudline.domain.sign_in import SESSION_HOURS, SIGN_IN_ROLES
from fraudline.postgres.sign_in import end_session, person_of
from fraudline.service.problem_kind import ProblemKind
from fraudline.web.problems import Problem

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from fraudline.domain.api_key import Client
    from fraudline.postgres.database import Database
    from fraudline.web.key_ring import KeyRing

# The prefix has browsers refuse the cookie from anywhere but this very host, over a connection that they trust.
COOKIE = "__Host-fraudline-session"
# Of the five seconds within which everybody is answered.
PERSON_SECONDS = 1.5
_ROLES = frozenset(SIGN_IN_ROLES)


class Doorkeeper:
    """Tells who asks, and whether a request that changes something came from our own page."""

    def __init__(self, keys: "KeyRing", database: "Database") -> None:
        self._keys = keys
        self._database = database

    async def admit(self, request: "Request", *, is_by_itself: bool = False) -> "Client":
        """Return who asks, by key or by session; `is_by_itself` says that no person did it: the session stays idle.

        Raises:
            Problem: Nobody who may: no valid key or session, a key without the right, or a deed from another site.
            DependencyAway: Nobody can tell now.
        """
        authorization = request.headers.get("authorization")
        if authorization is not None:
            return self._keys.admit(authorization, _ROLES)
        is_deed = request.method not in {"GET", "HEAD"}
        if is_deed and COOKIE in request.cookies and not came_from_our_page(request):
            raise Problem(
                ProblemKind.CROSS_SITE,
                "With the cookie of a session, deeds are taken from our own page alone; programs send a key.",
            )
        person = await self.person(request, is_by_itself=is_by_itself)
        if person is None:
            raise Problem(
                ProblemKind.UNAUTHORIZED,
                "Sign in by a new link (fraudline sign-in makes one), or send a key in the header Authorization: "
                "Bearer flk_…. Sessions end by themselves.",
            )
        return person

    async def person(self, request: "Request", *, is_by_itself: bool = False) -> "Client | None":
        """Return whose session's cookie the request has; None for a stranger.

        Raises:
            DependencyAway: Nobody can tell now.
        """
        token = request.cookies.get(COOKIE)
        if token is None:
            return None
        return await self._database.ask(
            lambda connection: person_of(connection, token, keeps_alive=not is_by_itself),
            within_seconds=PERSON_SECONDS,
        )

    async def sign_out(self, request: "Request", response: "Response") -> None:
        """End the session of a request, and have the browser forget its cookie."""
        await self.end_session(request)
        response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax")

    async def end_session(self, request: "Request") -> None:
        """End the session of a request, if it has one."""
        if (token := request.cookies.get(COOKIE)) is not None:
            await self._database.ask(lambda connection: end_session(connection, token), within_seconds=PERSON_SECONDS)

    @staticmethod
    def give_cookie(response: "Response", session_token: str) -> None:
        """Let the browser hold a session; no script can read it, and no other site's request is sent with it."""
        response.set_cookie(
            COOKIE, session_token, max_age=SESSION_HOURS * 3600, secure=True, httponly=True, samesite="lax"
        )


def came_from_our_page(request: "Request") -> bool:
    """Return whether a browser says that our own page made the request; one that says nothing does not count."""
    if (site := request.headers.get("sec-fetch-site")) is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == request.headers.get("host")
