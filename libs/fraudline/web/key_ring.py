"""The live API keys in memory: an unknown key costs no query, a revoked one dies within five seconds.

All are read again every second. So a flood of wrong keys asks the database nothing, and a new key is refused for that
long at most: `fraudline keys create` ends when it no longer is.
"""

import asyncio
import time
from typing import TYPE_CHECKING

from fraudline.domain.api_key import Client, Role, hash_of, is_well_formed
from fraudline.errors import DependencyAway
from fraudline.service.log import LogEvent, describe, get_logger
from fraudline.service.problem_kind import ProblemKind
from fraudline.service.run import stopped_within
from fraudline.web.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping

EVERY_SECONDS = 1.0
READ_SECONDS = 2.5
KNOWN_AFTER_SECONDS = EVERY_SECONDS + 0.5
"""How long after it was made a key opens every service that reads its database at the usual pace."""
HOLD_SECONDS = 3600.0
# One live key can be sent in many spellings; headers past the bound are looked up each time.
MOST_REMEMBERED = 1_024

_TABLE = "The table of API keys"
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="fraudline"'}


class KeyRing:
    """All live keys as they were at the last reading.

    `read` fetches them. While it fails the last table holds for an hour; then, and before the first reading, nobody
    can be told from anybody, and everybody is asked to come back.
    """

    def __init__(
        self, read: "Callable[[], Awaitable[Mapping[bytes, Client]]]", *, clock: "Callable[[], float]" = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._clients: Mapping[bytes, Client] = {}
        # Whom the last table gave for which header, by a hash of the whole header: what a look-up compares is, as in
        # the table, nothing that a caller could steer or guess piece by piece.
        self._remembered: dict[bytes, Client] = {}
        self._read_at: float | None = None
        self._is_failing = False

    async def run(self, stop: asyncio.Event) -> None:
        """Read the keys every second until `stop` is set."""
        while not stop.is_set():
            await self.refresh()
            await stopped_within(stop, EVERY_SECONDS)

    async def refresh(self) -> None:
        """Read the keys once; on failure keep those of the last time."""
        began_at = self._clock()
        try:
            async with asyncio.timeout(READ_SECONDS):
                clients = await self._read()
        except Exception as error:  # noqa: BLE001 - whatever keeps us from reading, the last table must hold
            if not self._is_failing:
                get_logger().warning(LogEvent.KEYS_UNREADABLE, **describe(error))
            self._is_failing = True
            return
        # The age counts from before the reading: a key revoked during it may still be in the table.
        self._clients, self._read_at = clients, began_at
        self._remembered = {}
        if self._is_failing:
            self._is_failing = False
            get_logger().info(LogEvent.KEYS_READABLE)

    @property
    def age_seconds(self) -> float:
        """Seconds since the last reading; infinite before the first."""
        return float("inf") if self._read_at is None else self._clock() - self._read_at

    def unready_reason(self) -> str | None:
        """Return why no key can be told from another, None where they can."""
        if self._read_at is None:
            return "the API keys have not been read from the database yet"
        if self.age_seconds > HOLD_SECONDS:
            return "the API keys could not be read from the database for more than an hour"
        return None

    def identify(self, authorization: str | None) -> Client:
        """Return who sent this Authorization header.

        Raises:
            Problem: It holds no live key.
            DependencyAway: Nobody can tell now.
        """
        if authorization is None:
            return self._look_up("")
        digest = hash_of(authorization)
        client = self._remembered.get(digest)
        if client is None:
            client = self._look_up(authorization)
            if len(self._remembered) < MOST_REMEMBERED:
                self._remembered[digest] = client
        elif (reason := self.unready_reason()) is not None:
            raise DependencyAway(_TABLE, reason)
        return client

    def _look_up(self, authorization: str) -> Client:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Problem(
                ProblemKind.UNAUTHORIZED,
                "Send your key in the header Authorization: Bearer flk_….",
                headers=_CHALLENGE,
            )
        key = key.strip()
        if not is_well_formed(key):
            raise Problem(
                ProblemKind.UNAUTHORIZED, "This is no key of Fraudline; part of it may be missing.", headers=_CHALLENGE
            )
        if (reason := self.unready_reason()) is not None:
            raise DependencyAway(_TABLE, reason)
        client = self._clients.get(hash_of(key))
        if client is None:
            raise Problem(ProblemKind.UNAUTHORIZED, "This key is unknown or was revoked.", headers=_CHALLENGE)
        return client

    def admit(self, authorization: str | None, roles: "Collection[Role]") -> Client:
        """Return who sent this Authorization header, if its role is among `roles`.

        Raises:
            Problem: It holds no live key, or one of another role.
            DependencyAway: Nobody can tell now.
        """
        client = self.identify(authorization)
        if client.role not in roles:
            allowed = " or ".join(role.value for role in Role if role in roles)
            raise Problem(ProblemKind.FORBIDDEN, f"This needs a key with the role {allowed}.")
        return client
