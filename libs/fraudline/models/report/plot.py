"""One plot as the page shows it: a title, a key, the drawing, what it says in a sentence, and its numbers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fraudline.domain.policy import Thresholds
from fraudline.models.report.chart import Chart
from fraudline.models.report.text import escaped, probability

SIDE_KINDS: Final = ("first", "second")
"""The classes of the first side's and the second side's lines."""

_SHORT, _LONG = 12, 40
# A browser would break a day at its hyphens.
_DAY: Final = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_WHOLE: Final = r'<span class="short">\g<0></span>'


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a key: what stands for what."""

    kind: str
    text: str
    form: str = "line"


@dataclass(frozen=True, slots=True)
class Table:
    """Plain text in rows, the first cell of each a heading.

    Attributes:
        caption: What the table holds.
        head: The columns' names.
        rows: As many texts as columns.
        numbers: The columns that stand at the right; all but the first where nothing is said.
    """

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] | None = None

    def html(self) -> str:
        """Return the table, which scrolls by itself where it is wider than its place."""
        head = "".join(
            f'<th scope="col"{self._side(column)}>{escaped(text)}</th>' for column, text in enumerate(self.head)
        )
        body = "".join(f"<tr>{''.join(self._cell(n, text) for n, text in enumerate(row))}</tr>" for row in self.rows)
        return (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{escaped(self.caption)}"><table>'
            f"<caption>{escaped(self.caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
            "</table></div>"
        )

    def _cell(self, column: int, text: str) -> str:
        if column == 0:
            return f'<th scope="row">{escaped(text)}</th>'
        return f"<td{self._side(column) or _width(text)}>{escaped(text)}</td>"

    def _side(self, column: int) -> str:
        is_number = column > 0 if self.numbers is None else column in self.numbers
        return ' class="number"' if is_number else ""


def _width(text: str) -> str:
    """Return the class of a text: what is short, such as a day, stays on one line, what is long gets room."""
    return ' class="long"' if len(text) > _LONG else ' class="short"' if len(text) <= _SHORT else ""


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot of the page.

    Attributes:
        name: Its anchor, letters and hyphens.
        title: What is drawn against what.
        drawings: SVG, one or more.
        findings: What it says, a paragraph each.
        key: What its colours and forms mean; none where the title says it.
        table: Its numbers, shown to who asks for them.
        is_wide: Its drawings stand side by side where there is room.
    """

    name: str
    title: str
    drawings: Sequence[str]
    findings: Sequence[str]
    key: Sequence[Entry] = ()
    table: Table | None = None
    is_wide: bool = False

    def html(self) -> str:
        """Return the plot as a figure; without a drawing the findings stand alone."""
        key = "".join(f'<li class="{entry.form} {entry.kind}">{escaped(entry.text)}</li>' for entry in self.key)
        keyed = f'<ul class="key">{key}</ul>' if key and self.drawings else ""
        numbers = (
            f"<details><summary>The numbers</summary>{self.table.html()}</details>" if self.table is not None else ""
        )
        wide = ' class="wide"' if self.is_wide else ""
        drawings = f'<div class="drawings">{"".join(self.drawings)}</div>' if self.drawings else ""
        findings = "".join(f"<p>{_DAY.sub(_WHOLE, escaped(finding))}</p>" for finding in self.findings)
        return (
            f'<figure id="{self.name}"{wide} aria-labelledby="{self.name}-title">'
            f'<h3 id="{self.name}-title">{escaped(self.title)}</h3>'
            f"{keyed}{drawings}<figcaption>{findings}</figcaption>{numbers}</figure>"
        )


def side_key(names: Sequence[str], extra: Sequence[Entry] = ()) -> list[Entry]:
    """Return the key of the sides, where there are two, and of what else is drawn."""
    sides = [Entry(kind, name) for kind, name in zip(SIDE_KINDS, names, strict=False)] if len(names) > 1 else []
    return [*sides, *extra]


def of_side(name: str, said: str, *, among: int) -> str:
    """Return what is said of a side, with its name where there are several."""
    return f"{name}: {said}" if among > 1 else said


def mark_thresholds(chart: Chart, thresholds: Thresholds | None) -> None:
    """Mark where reviews and where declines begin on an axis of scores, if that is known."""
    if thresholds is not None:
        chart.mark_across(thresholds.review, f"review from {probability(thresholds.review)}")
        chart.mark_across(thresholds.decline, f"decline from {probability(thresholds.decline)}")
