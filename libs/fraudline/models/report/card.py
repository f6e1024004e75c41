"""The model card: `model-card.md` of a bundle, for people who decide whether and where to use the model."""

from collections.abc import Sequence
from typing import Final

from fraudline.models.report import text
from fraudline.models.report.facts import CONTEXT, TrainingReport
from fraudline.models.report.fairness import fairness_of
from fraudline.models.report.figure_tables import decisions_table, figures_table
from fraudline.models.report.limits import limits_of
from fraudline.models.report.plot import Table
from fraudline.models.report.training_page import (
    ALL_CARDS,
    IN_SAMPLE,
    how_it_was_made,
    periods_table,
    versions,
    what_file_is,
)

STRONGEST: Final = 15
_MORE_OF_AN_ENTITY: Final = 3

_FOR: Final = (
    "Deciding on single card payments while they are in flight: approve, have an analyst look, or decline.",
    "Ranking alerts, so that analysts begin with what is most likely fraud.",
    "Data of the shop or bank that it was trained on, or data very like them.",
)
_NOT_FOR: Final = (
    "Judging people: no credit, no account closure, no report to others may rest on a score. It is about one payment.",
    "Money laundering, sanctions, first-party fraud or account opening: it has learned none of them.",
    "Another portfolio, country or currency mix without training again: its habits and thresholds come from its data.",
    "Cards and merchants whose history it has not been fed: without it every habit is unknown.",
)


def model_card(facts: TrainingReport) -> str:
    """Return the card in Markdown; the same facts give the same text."""
    evaluation = facts.measured.evaluation
    warning = [f"> **Read this first.** {IN_SAMPLE}"] if facts.is_in_sample else []
    parts = [
        f"# Model card: {text.markdown(facts.model)}",
        (
            f"A gradient-boosted tree model ({text.counted(facts.trees, 'tree')} over "
            f"{text.counted(len(facts.features), 'feature')}) that gives each card payment a probability of fraud. "
            "`report.html` beside this file shows the same in plots."
        ),
        *warning,
        "## What it is for",
        _bullets(_FOR),
        "## What it is not for",
        _bullets(_NOT_FOR),
        "## Data and split",
        _table(periods_table(facts)),
        _bullets(_of_data(facts)),
        "## Metrics",
        (
            f"Measured on {text.day(evaluation.first_day)} to {text.day(evaluation.last_day)}, days that come after "
            f"all that the {'measured ' if facts.is_refit else ''}trees were grown on"
            f"{'.' if facts.is_in_sample else ' and after those that calibrated the scores and set the thresholds.'} "
            "The intervals hold the figure in 95 % of the resamples of the cards."
        ),
        text.markdown(ALL_CARDS),
        text.markdown(text.stop(facts.growth)),
        _table(figures_table(evaluation)),
        _table(decisions_table(evaluation)),
        "## Thresholds and costs",
        _bullets(_of_thresholds(facts)),
        "## Calibration",
        text.markdown(text.stop(facts.calibration)),
        _table(_reliability(facts)),
        "## Features",
        _table(_entities(facts)),
        (
            f"The strongest, by the mean of |contribution| to the log-odds over "
            f"{text.counted(facts.importance.rows, 'transaction')} ({text.markdown(facts.importance.sample)}):"
        ),
        _table(_strongest(facts)),
        "## Limits and known weaknesses",
        _bullets(limits_of(facts)),
        "## Fairness",
        _bullets(fairness_of(facts)),
        "## How to reproduce it",
        _code(facts.command),
        what_file_is(facts),
        "The same file, options, versions and kind of processor give the same bytes.",
        f"Versions: {text.markdown(versions(facts))}.",
        _bullets([f"{name}: {said}" for name, said in how_it_was_made(facts) if name in {"Parameters", "Rare frauds"}]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _of_data(facts: TrainingReport) -> list[str]:
    return [
        f"History from {text.day(facts.history_from)}; what is before the training days warms the features alone.",
        (
            f"A fraud counts as known {facts.label_delay} after it; the last label that was learned from fell due at "
            f"{facts.labels_known_until}."
        ),
        "The split is by time, never by chance: every step is judged on days after those that it learned from.",
        (
            f"{text.counted(facts.amounts_without_rate, 'transaction')} without an exchange rate to "
            f"{facts.measured.evaluation.base_currency}."
        ),
    ]


def _of_thresholds(facts: TrainingReport) -> list[str]:
    said = []
    thresholds = facts.measured.thresholds
    if thresholds is not None:
        said.append(
            f"Review from {text.probability(thresholds.review)}, decline from {text.probability(thresholds.decline)}."
        )
    # The sentence of the choice tells the costs and the most alerts too.
    return [*said, text.stop(facts.chosen_by)]


def _reliability(facts: TrainingReport) -> Table:
    rows = [
        [
            f"{text.probability(one.lowest_score)} to {text.probability(one.highest_score)}",
            text.probability(one.mean_score),
            text.probability(one.fraud_share),
            text.count(one.frauds),
            text.count(one.transactions),
        ]
        for one in facts.measured.evaluation.reliability
        if one.transactions
    ]
    return Table("Bins of scores", ["Scores", "Mean score", "Share of frauds", "Frauds", "Transactions"], rows)


def _entities(facts: TrainingReport) -> Table:
    values = dict(facts.importance.ranked())
    sums = facts.importance.by_entity()
    total = sum(sums.values())
    rows = []
    for entity, names in facts.features_by_entity().items():
        strongest = sorted(names, key=lambda name: -values.get(name, 0.0))[:_MORE_OF_AN_ENTITY]
        share = text.share(sums.get(entity, 0.0) / total) if total > 0 else text.UNKNOWN
        what = "the payment itself" if entity == CONTEXT else "card × merchant" if entity == "pair" else entity
        rows.append([what, text.count(len(names)), share, ", ".join(strongest)])
    head = ["Of", "Features", "Share of contributions", "Strongest"]
    return Table("Features by entity", head, rows, numbers=(1, 2))


def _strongest(facts: TrainingReport) -> Table:
    rows = [[name, text.measure(value)] for name, value in facts.importance.ranked()[:STRONGEST]]
    return Table("Strongest features", ["Feature", "Mean contribution (log-odds)"], rows)


def _table(table: Table) -> str:
    """Return a table in the Markdown that most readers know, numbers at the right."""
    numbers = range(1, len(table.head)) if table.numbers is None else table.numbers
    rule = ["---:" if column in numbers else "---" for column in range(len(table.head))]
    rows = [[text.markdown(cell) for cell in row] for row in (table.head, *table.rows)]
    lines = [f"| {' | '.join(row)} |" for row in (rows[0], rule, *rows[1:])]
    return "\n".join(lines) if table.rows else ""


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {text.markdown(sentence)}" for sentence in sentences)


def _code(command: str) -> str:
    # Indented, not fenced: no text in the command can end the block.
    return f"    {text.visible(command)}"
