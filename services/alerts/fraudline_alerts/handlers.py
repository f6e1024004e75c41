"""What alerts does with each call of its JSON interface."""

import json
from typing import TYPE_CHECKING, Any

from starlette.requests import Request  # noqa: TC002 - FastAPI looks it up when it describes the routes
from starlette.responses import Response

from fraudline.domain.alert import Assignment, Disposition
from fraudline.errors import DependencyAway
from fraudline.service.problem_kind import ProblemKind
from fraudline.web.body import declared_bytes, read_body
from fraudline.web.documents import read_document
from fraudline.web.problems import FieldFault, Problem, not_valid, shown_name
from fraudline_alerts.deeds import assign, dispose, no_such_alert
from fraudline_alerts.dossier import read_dossier
from fraudline_alerts.listing import list_alerts, read_question
from fraudline_alerts.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fraudline.domain.api_key import Client
    from fraudline.postgres.database import Connection, Database
    from fraudline.web.bound import Bound
    from fraudline_alerts.doorkeeper import Doorkeeper
    from fraudline_alerts.feed import Feed
    from fraudline_alerts.metrics import AlertsMetrics
    from fraudline_alerts.relay import Relay

# Everybody is answered within five seconds; the rest of them is for telling who asks, and for the way back.
ANSWER_SECONDS = 3.0
# A note is at most 2,000 characters, each of at most 12 bytes as an escape.
MAX_BODY_BYTES = 32 << 10
_LARGEST_NUMBER = 2**63 - 1


class Handlers:
    """The calls, over what the composition root gives them."""

    def __init__(
        self,
        *,
        doors: "Doorkeeper",
        database: "Database",
        feed: "Feed",
        relay: "Relay",
        readers: "Bound",
        metrics: "AlertsMetrics",
    ) -> None:
        self._doors = doors
        self._database = database
        self._feed = feed
        self._relay = relay
        self._readers = readers
        self._metrics = metrics

    async def list(self, request: "Request") -> Response:
        """List alerts."""
        await self._doors.admit(request)
        question = read_question(request.query_params)

        async def read(connection: "Connection") -> dict[str, Any]:
            # The feed's end comes first: what happens between the two readings is told again, and never left out.
            last = await self._feed.read_end(connection)
            alerts, next_cursor = await list_alerts(connection, question)
            return {"alerts": alerts, "next_cursor": next_cursor, "last_event_id": last}

        return _json(await self._database.ask(read, within_seconds=ANSWER_SECONDS))

    async def get(self, request: "Request") -> Response:
        """Tell all that is known of one alert."""
        await self._doors.admit(request)
        alert_id = alert_id_of(request)
        dossier = await self._database.ask(
            lambda connection: read_dossier(connection, alert_id), within_seconds=ANSWER_SECONDS
        )
        if dossier is None:
            raise no_such_alert()
        return _json(dossier)

    async def post_disposition(self, request: "Request") -> Response:
        """Take what a person says of an alert."""
        person = await self._doors.admit(request)
        alert_id = alert_id_of(request)
        said = read_document(Disposition, await _body(request))

        async def do(connection: "Connection") -> None:
            if await dispose(connection, alert_id, said, person=person.name):
                self._metrics.dispositions.labels(said.disposition.value).inc()

        return await self._done(alert_id, do)

    async def post_assignment(self, request: "Request") -> Response:
        """Give an alert to somebody, or to nobody."""
        person = await self._doors.admit(request)
        alert_id = alert_id_of(request)
        assignment = read_document(Assignment, await _body(request))
        return await self._done(
            alert_id, lambda connection: assign(connection, alert_id, assignment, person=person.name)
        )

    async def _done(self, alert_id: int, do: "Callable[[Connection], Awaitable[None]]") -> Response:
        """Do something to an alert, let everybody know, and answer with the alert as it is now."""

        async def do_and_read(connection: "Connection") -> "dict[str, Any] | None":
            await do(connection)
            self._feed.poke()
            self._relay.poke()
            return await read_dossier(connection, alert_id)

        return _json(await self._database.ask(do_and_read, within_seconds=ANSWER_SECONDS))

    async def stream(self, request: "Request") -> Response:
        """Open the live feed."""
        await self._doors.admit(request)
        after = await self._start_of(request)

        async def is_admitted() -> "Client":
            return await self._doors.admit(request, is_by_itself=True)

        return Stream(self._feed, after=after, is_admitted=is_admitted, readers=self._readers, metrics=self._metrics)

    async def _start_of(self, request: "Request") -> int:
        """Return the number of the event after which a reader wants to read on; without one it reads from now on."""
        unknown = [name for name in request.query_params if name != "after"]
        if unknown:
            raise not_valid([FieldFault(shown_name(name), "is not known here; after is") for name in unknown])
        name, text = "after", request.query_params.get("after")
        # A browser that comes back sends what it had last in the header, beside the address that it began with.
        if (again := request.headers.get("last-event-id")) is not None:
            name, text = "Last-Event-ID", again
        position = self._feed.position
        if position is None:
            raise DependencyAway("The feed of alerts", self._feed.unready_reason() or "it is not read yet")
        if text is None:
            return position
        after = _number(text)
        if after is None:
            raise not_valid([FieldFault(name, "is no number of an event; leave it out to read from now on")])
        if after > position and after > await self._database.ask(self._feed.read_end, within_seconds=ANSWER_SECONDS):
            raise Problem(
                ProblemKind.AHEAD_OF_FEED,
                f"{name} lies ahead of the feed: this database has not told so much. List the alerts anew and read on "
                "from the last_event_id that the list gives.",
            )
        return after


def alert_id_of(request: "Request") -> int:
    """Return the id in a request's path; one that cannot be an alert's is no such alert.

    Raises:
        Problem: It is no number that an alert could have.
    """
    found = _number(request.path_params["id"])
    if found is None:
        raise no_such_alert()
    return found


def _number(text: str) -> int | None:
    is_number = text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST_NUMBER))
    return int(text) if is_number and int(text) <= _LARGEST_NUMBER else None


async def _body(request: "Request") -> bytes:
    declared = declared_bytes(request.headers, max_bytes=MAX_BODY_BYTES)
    return await read_body(request.receive, declared=declared, max_bytes=MAX_BODY_BYTES)


def _json(document: "dict[str, Any] | None") -> Response:
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), media_type="application/json", headers={"Cache-Control": "no-store"})
