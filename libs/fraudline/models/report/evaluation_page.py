"""The report of an evaluation: one file of verdicts, or two side by side."""

from collections.abc import Sequence

from fraudline.models.report import text
from fraudline.models.report.alerts_plot import alerts_a_day
from fraudline.models.report.cost_plot import cost_by_threshold
from fraudline.models.report.facts import EvaluationReport, Side
from fraudline.models.report.figure_tables import comparison_table, decisions_table, figures_table
from fraudline.models.report.page import page, plots_section, sentences_section, tables_section
from fraudline.models.report.probability_plots import calibration, score_distribution
from fraudline.models.report.ranking_plots import precision_recall, roc
from fraudline.models.report.weeks_plot import metrics_by_week


def evaluation_report(facts: EvaluationReport) -> str:
    """Return the page; the same facts give the same text."""
    first = facts.sides[0].evaluation
    names = [side.name for side in facts.sides]
    figures = figures_table(first) if facts.comparison is None else comparison_table(facts.comparison)
    return page(
        f"Evaluation: {' and '.join(names)}",
        f"{text.day(first.first_day)} to {text.day(first.last_day)} (UTC): "
        f"{text.counted(first.transactions, 'transaction')}, {text.counted(first.frauds, 'fraud')}, "
        f"{text.counted(first.cards, 'card')}",
        [
            tables_section("Figures", [figures]),
            plots_section(
                "How the scores rank and what they mean" if len(names) == 1 else "Side by side",
                [
                    precision_recall(facts.sides),
                    roc(facts.sides),
                    calibration(facts.sides),
                    score_distribution(facts.sides),
                    cost_by_threshold(facts.sides, facts.costs),
                    alerts_a_day(facts.sides),
                    metrics_by_week(facts.sides),
                ],
            ),
            tables_section("Decisions", [decisions_table(side.evaluation) for side in facts.sides]),
            sentences_section("What was measured", [*facts.notes, *_notes(facts.sides)]),
        ],
    )


def _notes(sides: Sequence[Side]) -> list[str]:
    first = sides[0].evaluation
    counted = [
        (first.left_out, "of cards that were known to be compromised: they do not count."),
        (first.without_amount, f"without an amount in {first.base_currency}: no money is counted for them."),
        *((side.evaluation.without_score, f"without a score in {side.name}.") for side in sides),
    ]
    return [
        *(f"{text.counted(number, 'transaction')} {what}" for number, what in counted if number),
        (
            "Intervals hold a figure in 95 % of the resamples of the cards, which are the same at every run; "
            "of two files each resample measures both."
        ),
    ]
