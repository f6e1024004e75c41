"""What the features are, in the order of the kernel's columns.

Words used below. An entity is a card or a merchant. Its clock is the latest time of its transactions so far; "now" is
the later of that clock and this transaction's time. A decayed sum adds up earlier transactions, each with the weight
2^(-age / half-life), its age counted from its own time to now; "by 7 days" names the half-life. "Earlier" is by
position, not by time: what arrived before. A mean takes the known amounts alone and is NaN without any. A label counts
from `reported_at`, on a clock of the entity's labels. Where the amount is unknown (no rate), what needs it is NaN.
"""

from dataclasses import dataclass
from typing import Final

KERNEL_VERSION: Final = "1"
"""Changes whenever any bit of any feature may change; a model is bound to the version it was trained with."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of what the kernel computes.

    Attributes:
        name: The column's name, with the half-life in it where it has one.
        unit: What one unit of the value is.
        definition: What the value is, in one line, and when it is NaN.
    """

    name: str
    unit: str
    definition: str


FEATURES: Final[tuple[Feature, ...]] = (
    Feature("amount_log", "log(1 + base currency)", "log(1 + amount); NaN where the amount is unknown"),
    Feature(
        "amount_is_zero", "0 or 1", "1 for an account verification (amount 0), else 0; NaN where the amount is unknown"
    ),
    Feature("hour_of_day", "hours", "whole hours since midnight UTC, 0 to 23"),
    Feature("weekday", "days", "day of the week in UTC, 0 for Monday to 6 for Sunday"),
    Feature("card_count_1h", "transactions", "the card's earlier transactions, decayed by 1 hour; 0 without any"),
    Feature("card_count_1d", "transactions", "the card's earlier transactions, decayed by 1 day; 0 without any"),
    Feature("card_count_7d", "transactions", "the card's earlier transactions, decayed by 7 days; 0 without any"),
    Feature("card_count_30d", "transactions", "the card's earlier transactions, decayed by 30 days; 0 without any"),
    Feature("card_amount_1h", "base currency", "sum of the card's earlier known amounts, decayed by 1 hour; or 0"),
    Feature("card_amount_1d", "base currency", "sum of the card's earlier known amounts, decayed by 1 day; or 0"),
    Feature("card_amount_7d", "base currency", "sum of the card's earlier known amounts, decayed by 7 days; or 0"),
    Feature("card_amount_mean_30d", "base currency", "mean of the card's earlier amounts, decayed by 30 days; or NaN"),
    Feature("card_amount_ratio_30d", "1", "(amount + 1) / (card_amount_mean_30d + 1); NaN where either is"),
    Feature(
        "card_amount_deviation_30d",
        "standard deviations",
        "(amount_log - its mean) / sqrt(its variance + 0.01) over the card's earlier ones, decayed by 30 days; or NaN",
    ),
    Feature("card_seconds_since_last", "seconds", "from the card's clock to now, 0 when late; NaN for a new card"),
    Feature("card_seconds_since_first", "seconds", "from the card's first to arrive until now; NaN for a new card"),
    Feature("card_seconds_late", "seconds", "how far this time lies behind the card's clock; 0 when it does not"),
    Feature("card_frauds_30d", "frauds", "the card's labelled frauds, decayed by 30 days; 0 without any"),
    Feature("merchant_count_1h", "transactions", "the merchant's earlier transactions, decayed by 1 hour; or 0"),
    Feature("merchant_count_1d", "transactions", "the merchant's earlier transactions, decayed by 1 day; or 0"),
    Feature("merchant_count_7d", "transactions", "the merchant's earlier transactions, decayed by 7 days; or 0"),
    Feature("merchant_count_30d", "transactions", "the merchant's earlier transactions, decayed by 30 days; or 0"),
    Feature(
        "merchant_amount_ratio_30d",
        "1",
        "(amount + 1) / (mean of the merchant's earlier amounts, decayed by 30 days, + 1); NaN where either is",
    ),
    Feature(
        "merchant_seconds_since_last", "seconds", "from the merchant's clock to now, 0 when late; NaN for a new one"
    ),
    Feature(
        "merchant_seconds_since_first", "seconds", "from the merchant's first to arrive until now; NaN for a new one"
    ),
    Feature("merchant_frauds_7d", "frauds", "the merchant's labelled frauds, decayed by 7 days; 0 without any"),
    Feature("merchant_frauds_30d", "frauds", "the merchant's labelled frauds, decayed by 30 days; 0 without any"),
    Feature("merchant_risk_7d", "frauds a transaction", "merchant_frauds_7d / (merchant_count_7d + 5)"),
    Feature("merchant_risk_30d", "frauds a transaction", "merchant_frauds_30d / (merchant_count_30d + 5)"),
)
