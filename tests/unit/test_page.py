"""What people see: complete, in its place, and never anybody else's markup."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from jinja2 import UndefinedError

from fraudline.domain.api_key import Client, Role
from fraudline_alerts.page.card_chart import RIGHT, card_chart
from fraudline_alerts.page.pages import Pages
from fraudline_alerts.page.static_files import StaticFiles
from fraudline_alerts.status.figures import board_of
from fraudline_alerts.status.process import Check, Health
from page_builders import a_detail, a_disposition, a_payment, an_alert, every_history

ANA = Client("ana", Role.ANALYST)
HOSTILE = "\u202e</bdi></template><script>alert(1)</script><img src=x onerror=\"alert('2')\"> \" onload='x' {{ 7 * 7 }}"


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages(StaticFiles())


class Structure(HTMLParser):
    """The tags of a page with their attributes' names, and the text between and within them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.values += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def attributes(self, name: str) -> list[str]:
        return [value for _, own, value in self.values if own == name]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def the_queue(pages: Pages, alerts: list[dict[str, Any]], **changes: Any) -> str:
    given: dict[str, Any] = {"open_count": len(alerts), "last_event_id": 40, "person": ANA, "next_cursor": None}
    return pages.queue(alerts, **given | changes)


def with_text(value: Any, text: str, *, but: frozenset[str] = frozenset()) -> Any:
    """Return the same with every text in it replaced, but under the keys whose values we make ourselves."""
    if isinstance(value, dict):
        return {key: inner if key in but else with_text(inner, text, but=but) for key, inner in value.items()}
    if isinstance(value, list):
        return [with_text(inner, text, but=but) for inner in value]
    return text if isinstance(value, str) else value


# What a closed list or a parser of ours stands behind, never a client's own text.
OURS = frozenset(
    {"status", "decision", "amount", "accepted_at", "opened_at", "occurred_at", "scored_at", "happened_at",
     "decided_at", "reasons_status", "kind", "disposition", "label", "currency"}
)  # fmt: skip


def detail_with(text: str) -> dict[str, Any]:
    detail: dict[str, Any] = with_text(
        a_detail(assignee="cleo", status="closed", history=every_history()), text, but=OURS
    )
    detail["disposition"] = a_disposition(note=text, decided_by=text)
    return detail


def a_board(text: str) -> Any:
    away = Health(address=text, state="away", away_reason=text, service=text, version=text)
    unready = Health(address=text, state="unready", checks=(Check(text, text), Check(text, None)), service=text)
    return board_of([], [away, unready])


def every_page(pages: Pages, text: str) -> dict[str, str]:
    person = Client(text, Role.ANALYST)
    alert = with_text(an_alert(assignee="cleo"), text, but=OURS)
    return {
        "queue": the_queue(pages, [alert], person=person, next_cursor=text),
        "alert": pages.alert(detail_with(text), person=person, last_event_id=40),
        "open alert": pages.alert(a_detail(assignee=text), person=person, last_event_id=40),
        "sign-in": pages.sign_in(problem=text),
        "status": pages.status(a_board(text), person=person),
        "problem": pages.problem(text, text, status=404),
    }


@pytest.mark.parametrize("name", ["queue", "alert", "open alert", "sign-in", "status", "problem"])
def test_a_script_in_any_field_stays_text(pages: Pages, name: str) -> None:
    tame = Structure(every_page(pages, "tame")[name])
    hostile = Structure(every_page(pages, HOSTILE)[name])

    assert hostile.tags == tame.tags
    assert hostile.text.count("<script>alert(1)</script>") == tame.text.count("tame")
    assert "49" not in hostile.text


@pytest.mark.parametrize("name", ["queue", "alert", "open alert", "sign-in", "status", "problem"])
def test_no_page_holds_a_style_or_a_script_of_its_own(pages: Pages, name: str) -> None:
    page = Structure(every_page(pages, "tame")[name])

    assert "style" not in [tag for tag, _ in page.tags]
    assert all(names == ("type", "src") for tag, names in page.tags if tag == "script")
    assert not [own for _, own, _ in page.values if own == "style" or own.startswith("on")]
    fetched = [value for tag, own, value in page.values if own in {"src", "href"} and tag in {"script", "link"}]
    assert fetched
    assert all(address.startswith("/static/") for address in fetched)


def test_a_row_says_what_an_analyst_needs_to_choose(pages: Pages) -> None:
    page = Structure(the_queue(pages, [an_alert(assignee="ben")], open_count=1_234))

    assert "1,234 open alerts" in page.text
    row = page.text.split("What was it?", 1)[1]
    expected = ["93 %", "decline", "12,912.40", "EUR", "2026-11-23 18:00:00 UTC", "12 payments in the last hour.",
                "card-1", "merchant-1", "ben", "Open", "Fraud", "Legitimate"]  # fmt: skip
    places = [row.index(words) for words in expected]
    assert places == sorted(places)
    assert "/alerts/17" in page.attributes("href")
    assert page.attributes("data-last-event-id") == ["40"]


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        (an_alert(reasons=[], reasons_status="pending"), "reasons on their way"),
        (an_alert(reasons=[], reasons_status="ready"), "no single reason stands out"),
        (an_alert(score=None, decision="review"), "no score"),
    ],
)
def test_a_row_says_what_is_not_known(pages: Pages, alert: dict[str, Any], words: str) -> None:
    assert words in Structure(the_queue(pages, [alert]).split("<template", 1)[0]).text


def test_the_row_for_alerts_to_come_is_the_row_of_those_that_are_there(pages: Pages) -> None:
    before, template = the_queue(pages, [an_alert(reasons=[], reasons_status="pending")]).split('<template id="row">')
    row = before[before.index('<li class="row') : before.index("</ol>")]

    assert Structure(template.split("</template>")[0]).tags == Structure(row).tags


def test_an_empty_queue_says_what_happens_next(pages: Pages) -> None:
    empty = re.compile(r'<div class="empty" id="empty"( hidden)?>')

    shown = empty.search(the_queue(pages, []))
    hidden = empty.search(the_queue(pages, [an_alert()]))

    assert shown is not None
    assert shown.group(1) is None
    assert hidden is not None
    assert hidden.group(1) == " hidden"


def test_what_follows_the_first_hundred_can_be_reached_and_left(pages: Pages) -> None:
    first = Structure(the_queue(pages, [an_alert()], next_cursor="a b&c"))
    later = Structure(the_queue(pages, [an_alert()], is_first=False))

    assert "/?cursor=a%20b%26c" in first.attributes("href")
    assert first.attributes("data-has-more") == ["yes"]
    assert "To the first 100" in later.text
    assert later.attributes("data-is-first") == ["no"]


def test_an_open_alert_can_be_decided_and_taken(pages: Pages) -> None:
    page = pages.alert(a_detail(), person=ANA, last_event_id=40)

    assert 'id="decide"' in page
    assert 'data-assignee="ana">Take' in page
    assert "Of 100 payments scored like this one, about 93 are fraud." in Structure(page).text


def test_an_alert_of_ones_own_can_be_given_back(pages: Pages) -> None:
    assert 'data-assignee="">Give back' in pages.alert(a_detail(assignee="ana"), person=ANA, last_event_id=40)


def test_a_closed_alert_says_who_said_what_and_cannot_be_decided_again(pages: Pages) -> None:
    closed = a_detail(status="closed", disposition=a_disposition())
    page = pages.alert(closed, person=ANA, last_event_id=40)

    assert 'id="decide"' not in page
    assert 'id="assign"' not in page
    assert "It was fraud said ben , 2026-11-23 18:01:00 UTC . called" in Structure(page).text


def test_a_payment_without_a_score_says_why_it_is_here(pages: Pages) -> None:
    unscored = a_detail(score=None, decision="review", reasons=[])
    text = Structure(pages.alert(unscored, person=ANA, last_event_id=40)).text

    assert "The model gave no score. What it cannot judge is looked at by a person. It is held for review." in text


def test_what_a_payment_system_was_told_that_would_not_wait_is_shown(pages: Pages) -> None:
    told = a_detail()
    told["transaction"] |= {"answered_decision": "approve"}

    text = Structure(pages.alert(told, person=ANA, last_event_id=40)).text

    assert "The payment system would not wait for that: it was told to approve." in text
    assert "would not wait" not in Structure(pages.alert(a_detail(), person=ANA, last_event_id=40)).text


def test_each_reason_shows_how_far_it_moved_the_score(pages: Pages) -> None:
    reasons = [
        {"code": "up", "text": "Up.", "contribution": 2.0},
        {"code": "down", "text": "Down.", "contribution": -0.5},
        {"code": "unknown_rate", "text": "No rate.", "contribution": None},
    ]
    page = pages.alert(a_detail(reasons=reasons), person=ANA, last_event_id=40)

    assert re.findall(r'class="weight-part" height="8" width="([\d.]+)"', page) == ["200.0", "50.0"]
    text = Structure(page).text
    assert "+2.00 towards fraud" in text
    assert "-0.50 towards legitimate" in text
    assert "The policy itself says so." in text


def test_the_history_tells_each_deed_with_who_did_it(pages: Pages) -> None:
    text = Structure(pages.alert(a_detail(history=every_history()), person=ANA, last_event_id=40)).text
    told = text.split("What happened", 1)[1]

    for deed in (
        "was opened",
        "were computed",
        "ana took it",
        "ana gave it to ben",
        "ana gave it back",
        "ana said fraud",
    ):
        assert deed in told.replace(" .", ".")


def test_a_stranger_learns_how_to_come_in(pages: Pages) -> None:
    page = Structure(pages.sign_in(problem="This link was used before."))

    assert "This link was used before." in page.text
    assert "fraudline sign-in" in page.text
    assert "/sign-out" not in page.attributes("action")


def test_a_field_that_is_missing_is_a_fault_and_not_a_blank(pages: Pages) -> None:
    alert = an_alert()
    del alert["merchant_id"]

    with pytest.raises(UndefinedError, match="merchant_id"):
        the_queue(pages, [alert])


def test_a_board_is_drawn_once_for_all_who_look_at_it(pages: Pages) -> None:
    board = a_board("tame")

    assert pages.status_fragment(board) is pages.status_fragment(board)
    assert pages.status_fragment(a_board("other")) != pages.status_fragment(board)


def test_the_drawing_shows_the_payment_itself_last_and_leaves_other_currencies_out() -> None:
    payments = [
        a_payment(is_this=True, amount="100.00", occurred_at="2026-11-23T18:00:00Z"),
        a_payment(label="fraud", occurred_at="2026-11-23T17:50:00Z"),
        a_payment(currency="USD"),
        a_payment(label="legitimate", occurred_at="2026-11-01T00:00:00Z"),
    ]

    chart = card_chart(payments, "EUR")

    assert chart is not None
    assert [(mark.kind, mark.is_this) for mark in chart.marks] == [
        ("fraud", False),
        ("legitimate", False),
        ("unlabelled", True),
    ]
    assert chart.marks[2].x == RIGHT
    assert chart.marks[1].x < chart.marks[0].x < chart.marks[2].x
    assert chart.marks[2].y < chart.marks[0].y
    assert chart.left_out == 1
    assert [tick.text for tick in chart.ages] == ["7 days", "1 day", "6 h", "1 h", "10 min", "1 min", "the latest"]


@pytest.mark.parametrize("payments", [[], [a_payment()], [a_payment(is_this=True), a_payment(currency="USD")]])
def test_there_is_no_drawing_of_a_single_payment(payments: list[dict[str, Any]]) -> None:
    assert card_chart(payments, "EUR") is None


def test_payments_of_one_moment_and_without_amount_can_be_drawn() -> None:
    chart = card_chart([a_payment(amount="0.00"), a_payment(amount="0.00", is_this=True)], "EUR")

    assert chart is not None
    assert {mark.x for mark in chart.marks} == {RIGHT}
