"""What people do to alerts: each deed one statement, with its event in the feed and what has to be published for it.

The moments of a disposition, and what a crash at each leaves behind:

| moment    | a crash right there leaves behind                                                            |
| --------- | -------------------------------------------------------------------------------------------- |
| asked     | nothing: the person is told nothing, and asks again                                          |
| disposed  | disposition, label in the outbox, event in the feed; asked again, the same person is told so |
| published | the label unmarked in the outbox: it is published again, and stored once                     |
| marked    | nothing                                                                                      |

`tests/end_to_end/test_dispositions.py` kills alerts at each of them.
"""

from typing import TYPE_CHECKING

from fraudline.domain.transaction import rfc3339
from fraudline.service.problem_kind import ProblemKind
from fraudline.web.problems import Problem

if TYPE_CHECKING:
    from fraudline.domain.alert import Assignment, Disposition
    from fraudline.postgres.database import Connection

_DISPOSE = "select * from fraudline.dispose_alert($1, $2, $3, $4)"
_ASSIGN = "select fraudline.assign_alert($1, $2, $3)"


def no_such_alert() -> Problem:
    """Return the problem of an id that no alert has."""
    return Problem(ProblemKind.NOT_FOUND, "There is no alert with this id.")


async def dispose(connection: "Connection", alert_id: int, said: "Disposition", *, person: str) -> bool:
    """Store what a person says of an alert; return whether it is new: the same said again is no fault.

    Raises:
        Problem: There is no such alert, or something else was said of it before.
    """
    row = await connection.fetchrow(_DISPOSE, alert_id, said.disposition.value, said.note, person)
    if row is None or row["outcome"] == "unknown":
        raise no_such_alert()
    if row["outcome"] == "disposed":
        return True
    first = (row["disposition"], row["note"], row["decided_by"])
    if first == (said.disposition.value, said.note, person):
        return False
    note = f", with the note “{row['note']}”" if row["note"] else ""
    raise Problem(
        ProblemKind.ALREADY_DECIDED,
        f"{row['decided_by']} said {row['disposition']} at {rfc3339(row['decided_at'])}{note}. The first word stays; "
        "what is known better can be reported as a label of a higher source.",
    )


async def assign(connection: "Connection", alert_id: int, assignment: "Assignment", *, person: str) -> None:
    """Give an alert to somebody or nobody.

    Raises:
        Problem: There is no such alert, or it is decided already.
    """
    outcome: str = await connection.fetchval(_ASSIGN, alert_id, assignment.assignee, person)
    if outcome == "unknown":
        raise no_such_alert()
    if outcome == "closed":
        raise Problem(ProblemKind.ALREADY_DECIDED, "This alert is decided; only open ones are anybody's to look at.")
