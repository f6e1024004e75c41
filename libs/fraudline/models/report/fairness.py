"""Whom the model's errors may hit, and what to look at before it decides about them."""

from collections.abc import Callable
from typing import Final

from fraudline.domain.policy import Decision
from fraudline.models.evaluation.evaluation import Evaluation
from fraudline.models.report import text
from fraudline.models.report.facts import Importance, TrainingReport

_KNOWN_SINCE: Final = ("card_seconds_since_first", "customer_seconds_since_first")
_HABIT: Final = ("amount_ratio", "amount_deviation")


def fairness_of(facts: TrainingReport) -> list[str]:
    """Return sentences of substance on fairness; what hangs on a feature is told with the weight that it has here."""
    country = _share(facts.importance, lambda name: name.startswith("country_") or name == "is_abroad")
    newness = _share(facts.importance, lambda name: name in _KNOWN_SINCE)
    habit = _share(facts.importance, lambda name: any(part in name for part in _HABIT))
    said = [
        (
            "The model sees no name, age, gender, nationality, address or other attribute of a person. It sees tokens "
            "of card, merchant, device and customer, amounts, times and places of payments, and reported frauds; of "
            "the billing country no more than whether the payment is abroad."
        ),
        _of_errors(facts.measured.evaluation),
        _of_country(country),
        _of_newness(newness),
        _of_habit(habit),
        "None of these comparisons is part of the figures above: the data name no groups of people.",
        (
            "A person decides wherever the decision is review, sees the reasons, and can overrule the score. A "
            "decline is automatic; offer whoever is turned away a way to have it looked at by a person."
        ),
        (
            "Labels that analysts give feed later scores: an analyst's prejudice becomes a merchant's or a country's "
            "risk. Have some alerts labelled twice, by different people."
        ),
    ]
    return [sentence for sentence in said if sentence]


def _of_errors(evaluation: Evaluation) -> str:
    honest = sum(tally.transactions - tally.frauds for tally in evaluation.decisions)
    flagged = sum(day.flagged - day.flagged_frauds for day in evaluation.by_day)
    declined = sum(
        tally.transactions - tally.frauds for tally in evaluation.decisions if tally.decision is Decision.DECLINE
    )
    if not honest:
        return "Its errors hit people: in the measured days there was no honest transaction to see how often."
    return (
        f"Its errors hit people: in the measured days {text.count(flagged)} of {text.count(honest)} honest "
        f"transactions ({text.share(flagged / honest)}) were flagged, {text.count(declined)} of them declined."
    )


def _of_country(share: float | None) -> str:
    if share is None:
        return ""
    start = "The merchant's country has a fraud rate of its own, and a payment abroad is told from one at home"
    if not share > 0:
        return f"{start}. Neither contributes here; look again at a model that was trained on data with countries."
    return (
        f"{start}: {text.share(share)} of all contributions. Whoever shops in a country with many frauds, being from "
        "there or having family there, is stopped more often for what others did. Compare false positives by country "
        "before use and at every training; where they differ more than the frauds do, train without these features."
    )


def _of_newness(share: float | None) -> str:
    if not share:
        return ""
    return (
        f"How long a card or customer has been known makes {text.share(share)} of all contributions, and a new one has "
        "no habit to compare with. The young, newcomers to a country and whoever has just changed banks are new; "
        "compare false positives of the first 30 days with those of later ones."
    )


def _of_habit(share: float | None) -> str:
    if not share:
        return ""
    return (
        f"Amounts far from the usual make {text.share(share)} of all contributions. They can be a rare need, such as a "
        "deposit, a funeral or a hospital, as well as fraud."
    )


def _share(importance: Importance, is_meant: Callable[[str], bool]) -> float | None:
    """Return what some features contribute of all; None where there are none of them, or nothing contributes."""
    total = sum(importance.by_entity().values())
    meant = [value for name, value in importance.ranked() if is_meant(name)]
    return sum(meant) / total if meant and total > 0 else None
