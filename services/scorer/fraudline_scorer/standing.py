"""What keeps the scorer from its work, as the parts report it and /readyz tells it."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fraudline.service.log import LogEvent, get_logger

if TYPE_CHECKING:
    from fraudline.service.readiness import Readiness

MAX_LAG_SECONDS = 2.0


@dataclass(slots=True)
class Standing:
    """One reason a part, None where the part is well."""

    broker: str | None = "not connected yet"
    database: str | None = "not asked yet"
    at_end_of_log_at: float | None = None
    is_owner: bool = False
    is_database_there: bool = False

    def begin_tenure(self) -> None:
        """Note that this process owns the partition."""
        self.is_owner = True

    def end_tenure(self) -> None:
        """Note that it does no longer; until now its state was the end of the log."""
        if self.is_owner:
            self.note_end_of_log()
        self.is_owner = False

    def note_database(self, reason: str | None) -> None:
        """Note that the database is away, or (None) there; what changes is logged."""
        if reason is not None and self.is_database_there:
            get_logger().warning(LogEvent.DATABASE_AWAY, reason=reason)
        elif reason is None and not self.is_database_there:
            get_logger().info(LogEvent.DATABASE_THERE)
        self.is_database_there = reason is None
        self.database = reason

    def note_end_of_log(self) -> None:
        """Note that the state stands where the log ended a moment ago."""
        self.at_end_of_log_at = time.monotonic()

    @property
    def lag_seconds(self) -> float | None:
        """How long ago the state was at the end of the log; 0 for the owner, None where it never was."""
        if self.is_owner:
            return 0.0
        return None if self.at_end_of_log_at is None else time.monotonic() - self.at_end_of_log_at

    def report_to(self, readiness: "Readiness") -> None:
        """Let /readyz ask."""
        readiness.add("broker", lambda: self.broker)
        readiness.add("database", lambda: self.database)
        readiness.add("log", self._log)

    def _log(self) -> str | None:
        lag = self.lag_seconds
        if lag is None:
            return "the log has not been read to its end yet"
        return None if lag < MAX_LAG_SECONDS else f"the log was last read to its end {lag:.1f} s ago"
