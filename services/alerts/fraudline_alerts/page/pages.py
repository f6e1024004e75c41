"""The pages: pure functions from plain data to HTML. Every value is hostile text until the template has escaped it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from fraudline.domain.alert import MAX_NOTE_CHARACTERS
from fraudline.domain.transaction import rfc3339
from fraudline_alerts import readable
from fraudline_alerts.page import card_chart
from fraudline_alerts.status import charts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fraudline.domain.api_key import Client
    from fraudline.web.problems import FieldFault
    from fraudline_alerts.page.static_files import StaticFiles
    from fraudline_alerts.status.figures import Board

TEMPLATES = Path(__file__).parents[1] / "templates"
MAX_ROWS = 100

# The row that the module fills in for an alert that arrives while the page is open.
_BLANK: dict[str, Any] = {
    "id": "",
    "transaction_id": "",
    "status": "open",
    "decision": "review",
    "score": None,
    "amount": "0",
    "currency": "",
    "card_id": "",
    "merchant_id": "",
    "accepted_at": "1970-01-01T00:00:00Z",
    "opened_at": "1970-01-01T00:00:00Z",
    "assignee": None,
    "reasons": [],
    "reasons_status": "pending",
    "disposition": None,
}


class Pages:
    """All pages, their templates compiled once."""

    def __init__(self, static: "StaticFiles") -> None:
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {
            "percent": readable.percent,
            "money": readable.money,
            "number": readable.number,
            "duration": readable.duration,
            "size": readable.size,
            "moment": readable.moment,
            "rfc3339": rfc3339,
        }
        self._environment.globals |= {"static": static.url, "paper": charts, "card_paper": card_chart}
        self._templates = {name: self._environment.get_template(name) for name in self._environment.list_templates()}
        self._fragment: tuple[Board, str] | None = None

    def queue(
        self,
        alerts: "Sequence[dict[str, Any]]",
        *,
        open_count: int,
        last_event_id: int,
        person: "Client",
        next_cursor: str | None,
        is_first: bool = True,
    ) -> str:
        """Return the open alerts; `alerts`, `open_count` and `last_event_id` are of one moment.

        The page counts on from there by itself, so what was read at different moments would be told twice or never.
        `is_first` is False for what a cursor leads to: new alerts that rank above it are counted there, not shown.
        """
        return self._render(
            "queue.html",
            alerts=alerts,
            blank=_BLANK,
            open_count=open_count,
            last_event_id=last_event_id,
            person=person,
            next_cursor=next_cursor,
            is_first=is_first,
            max_rows=MAX_ROWS,
        )

    def alert(self, alert: dict[str, Any], *, person: "Client", last_event_id: int) -> str:
        """Return one alert with all that is known of it; it and `last_event_id` are of one moment."""
        contributions = [abs(reason["contribution"] or 0.0) for reason in alert["reasons"]]
        return self._render(
            "alert.html",
            alert=alert,
            strongest=max(contributions, default=0.0) or 1.0,
            chart=card_chart.card_chart(alert["card_payments"], alert["currency"]),
            person=person,
            last_event_id=last_event_id,
            max_note=MAX_NOTE_CHARACTERS,
        )

    def sign_in(self, *, problem: str | None) -> str:
        """Return what a stranger sees; `problem` is the sentence about a link that does not work (any more)."""
        return self._render("sign_in.html", person=None, problem=problem)

    def status(self, board: "Board", *, person: "Client") -> str:
        """Return the page with the status board."""
        return self._render("status.html", person=person, board=board)

    def status_fragment(self, board: "Board") -> str:
        """Return the board alone, as the page's module fetches it; drawn once however many look at the same board."""
        if self._fragment is None or self._fragment[0] is not board:
            self._fragment = (board, self._render("board.html", board=board))
        return self._fragment[1]

    def problem(self, title: str, detail: str, *, status: int, faults: "Sequence[FieldFault]" = ()) -> str:
        """Return the page that says why there is none."""
        return self._render("problem.html", person=None, title=title, detail=detail, status=status, faults=faults)

    def _render(self, name: str, **data: Any) -> str:
        return self._templates[name].render(**data)
