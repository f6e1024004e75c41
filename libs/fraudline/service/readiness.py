"""Whether a service can do its work now, and if not, what keeps it."""

from collections.abc import Callable

Check = Callable[[], str | None]


class Readiness:
    """Named checks, each a function that says why its part is not ready, or None where it is.

    Once a stop has begun the service stays unready, whatever the checks say.
    """

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._is_stopping = False

    def add(self, name: str, check: Check) -> None:
        """Ask `check` from now on, under a name that operators will read."""
        self._checks[name] = check

    def begin_stop(self) -> None:
        """Be unready for good, so that nothing new is sent here."""
        self._is_stopping = True

    def state(self) -> dict[str, str | None]:
        """Return every check's name with what keeps it from being ready, or None."""
        stop = {"stop": "the service is stopping"} if self._is_stopping else {}
        return stop | {name: check() for name, check in self._checks.items()}

    def is_ready(self) -> bool:
        """Return whether nothing keeps the service from its work."""
        return all(reason is None for reason in self.state().values())
