"""A card's last payments as a drawing: amounts, in the currency of the payment that is looked at, over time.

Time is how long before the latest, by its logarithm: a burst within minutes and the weeks before it both stay legible.
"""

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fraudline_alerts.readable import money
from fraudline_alerts.status.charts import BOTTOM, LinearScale, Tick

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 760.0, 132.0
LEFT, RIGHT = 64.0, 744.0
GROUND = BOTTOM

_AGES = (
    (60.0, "1 min"),
    (600.0, "10 min"),
    (3_600.0, "1 h"),
    (21_600.0, "6 h"),
    (86_400.0, "1 day"),
    (604_800.0, "7 days"),
    (2_592_000.0, "30 days"),
    (31_536_000.0, "1 year"),
)
# Whatever is younger stands at the end of the line.
_YOUNGEST = 10.0
# A card whose payments all lie within moments is drawn over this long.
_LEAST_SPAN = 3_600.0


@dataclass(frozen=True, slots=True)
class Mark:
    """One payment: where it stands, what became known of it, and whether it is the one that is looked at."""

    x: float
    y: float
    kind: str
    is_this: bool


@dataclass(frozen=True, slots=True)
class CardChart:
    """The drawing; `ticks` are amounts, `ages` times before the latest. `left_out` are in other currencies."""

    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    ages: tuple[Tick, ...]
    currency: str
    left_out: int


def card_chart(payments: "Sequence[dict[str, Any]]", currency: str) -> CardChart | None:
    """Return the drawing of a card's payments, None where fewer than two are in the currency.

    The one that is looked at comes last, so that nothing is drawn over it.
    """
    drawn = [payment for payment in payments if payment["currency"] == currency]
    if len(drawn) <= 1:
        return None
    drawn.sort(key=lambda payment: bool(payment["is_this"]))
    times = [datetime.fromisoformat(payment["occurred_at"]) for payment in drawn]
    latest = max(times)
    ages = [(latest - moment).total_seconds() for moment in times]
    oldest = max(*ages, _LEAST_SPAN)
    scale = LinearScale(max(float(payment["amount"]) for payment in drawn), at_least=1.0)
    return CardChart(
        marks=tuple(
            Mark(
                x=_across(age, oldest),
                y=round(scale.place(float(payment["amount"])), 1),
                kind=payment["label"] or "unlabelled",
                is_this=payment["is_this"],
            )
            for payment, age in zip(drawn, ages, strict=True)
        ),
        ticks=tuple(Tick(round(scale.place(value), 1), _amount(value)) for value in scale.ticks()),
        ages=(
            *(Tick(_across(age, oldest), text) for age, text in reversed(_AGES) if age <= oldest),
            Tick(RIGHT, "the latest"),
        ),
        currency=currency,
        left_out=len(payments) - len(drawn),
    )


def _across(age: float, oldest: float) -> float:
    share = math.log(max(age, _YOUNGEST) / _YOUNGEST) / math.log(oldest / _YOUNGEST)
    return round(RIGHT - (RIGHT - LEFT) * share, 1)


def _amount(value: float) -> str:
    return f"{value:g}" if value < 1 or value % 1 else money(f"{value:.0f}")
