"""Which features move the score: mean contributions by TreeSHAP."""

from typing import Final

from fraudline.models.report import text
from fraudline.models.report.chart import WIDTH
from fraudline.models.report.facts import Importance, entity_of
from fraudline.models.report.plot import Plot, Table

MOST_BARS: Final = 20
_ONE_DRAWING: Final = 6
_ROW: Final = 22.0
_TOP, _FOOT = 20.0, 6.0
_BAR_TOP, _BAR_HEIGHT = 14.0, 4.5


def importance(facts: Importance) -> Plot:
    """Draw the strongest features as bars, each with its name above it; all of them in the table."""
    title = "Feature importance (TreeSHAP)"
    ranked = facts.ranked()
    drawings = [_svg(title, part, ranked[0][1]) for part in _halves(ranked)]
    rows = [[name, entity_of(name), _written(value)] for name, value in ranked]
    return Plot(
        "importance",
        title,
        drawings,
        [_finding(facts, ranked)],
        table=Table(
            "Mean contribution of every feature", ["Feature", "Of", "Mean contribution (log-odds)"], rows, numbers=(2,)
        )
        if rows
        else None,
        is_wide=len(drawings) > 1,
    )


def _halves(ranked: list[tuple[str, float]]) -> list[list[tuple[str, float]]]:
    """Return the strongest that contribute anything, in one or two drawings."""
    drawn = [(name, value) for name, value in ranked[:MOST_BARS] if value > 0]
    middle = (len(drawn) + 1) // 2 if len(drawn) > _ONE_DRAWING else len(drawn)
    return [part for part in (drawn[:middle], drawn[middle:]) if part]


def _svg(title: str, bars: list[tuple[str, float]], most: float) -> str:
    height = _TOP + _ROW * len(bars) + _FOOT
    parts = []
    for number, (name, value) in enumerate(bars):
        top = _TOP + number * _ROW
        width = WIDTH * value / most
        parts.append(
            f'<text x="0" y="{top + 10:g}">{text.escaped(name)}</text>'
            f'<text x="{WIDTH:g}" y="{top + 10:g}" text-anchor="end">{_written(value)}</text>'
            f'<rect class="bar ground" x="0" y="{top + _BAR_TOP:g}" width="{WIDTH:g}" height="{_BAR_HEIGHT:g}"/>'
            f'<rect class="bar first" x="0" y="{top + _BAR_TOP:g}" width="{width:.1f}" height="{_BAR_HEIGHT:g}"/>'
        )
    return (
        f'<svg role="img" aria-label="{text.escaped(title)}" viewBox="0 0 {WIDTH:g} {height:g}">'
        f'<text class="label" x="{WIDTH:g}" y="10" text-anchor="end">mean |contribution| (log-odds)</text>'
        f'<text class="label" x="0" y="10">feature</text>{"".join(parts)}</svg>'
    )


def _written(value: float) -> str:
    return text.measure(value)


def _finding(facts: Importance, ranked: list[tuple[str, float]]) -> str:
    total = sum(facts.by_entity().values())
    if not ranked or not total > 0:
        return "No feature moves the score."
    strongest = text.listed([f"{name} ({text.share(value / total)})" for name, value in ranked[:3]])
    unused = sum(1 for _, value in ranked if not value > 0)
    idle = f" {text.count(unused)} of {len(ranked)} features do nothing here." if unused else ""
    return (
        f"The strongest of {len(ranked)} features: {strongest} of all that is contributed, up or down. "
        f"Over {text.count(facts.rows)} transactions: {facts.sample}.{idle}"
    )
