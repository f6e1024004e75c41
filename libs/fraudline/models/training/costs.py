"""What decisions cost, and how many of them people can look at."""

import math
from dataclasses import dataclass
from typing import Final

REVIEW_COST: Final = 3.0
DECLINE_COST: Final = 10.0
ALERT_SHARE: Final = 0.01
"""Of the transactions: so many may be flagged where nobody says how many alerts a day are looked at."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What thresholds are chosen by, money in the base currency; a missed fraud costs its amount.

    Attributes:
        review_cost: One look of an analyst, which finds out what it was.
        decline_cost: One good customer turned away.
        alerts_per_day: How many transactions a day may be flagged (reviewed or declined) on average; None for
            `ALERT_SHARE` of them.

    Raises:
        ValueError: A number makes no sense; the message names the option.
    """

    review_cost: float = REVIEW_COST
    decline_cost: float = DECLINE_COST
    alerts_per_day: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("--review-cost", self.review_cost), ("--decline-cost", self.decline_cost)):
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value:g}; give an amount of 0 or more, like 3.00.")
        alerts = self.alerts_per_day
        if alerts is not None and not (math.isfinite(alerts) and alerts > 0):
            raise ValueError(f"--alerts-per-day is {alerts:g}; give a number above 0, like 150.")

    def alerts_among(self, transactions: int, days: int) -> int:
        """Return how many of some days' transactions may be flagged; at least one."""
        if self.alerts_per_day is None:
            return max(1, int(ALERT_SHARE * transactions))
        return max(1, int(self.alerts_per_day * days))
