"""An evaluation, and the comparison of two, as tables for a terminal: those of the report, in another dress."""

from rich.table import Table

from fraudline.models.evaluation.candidates import Candidates
from fraudline.models.evaluation.evaluation import Comparison, Evaluation
from fraudline.models.report import plot, text
from fraudline.models.report.figure_tables import comparison_table, decisions_table, figures_table

INVENTED = "amounts are converted by invented exchange rates, and money is no truer than these: give --rates."
_WITHOUT_MEANING = 3


def evaluation_tables(evaluation: Evaluation) -> list[Table]:
    """Return the figures with their intervals, what was decided, and how far the scores can be trusted."""
    figures = _dressed(figures_table(evaluation), _title(evaluation.name, evaluation), columns=_WITHOUT_MEANING)
    return [figures, _dressed(decisions_table(evaluation)), _reliability(evaluation)]


def comparison_tables(comparison: Comparison) -> list[Table]:
    """Return the figures of both side by side, and what each of them decided."""
    first, second = comparison.first, comparison.second
    title = _title(f"{second.name} (second) against {first.name} (first)", second)
    decisions = [_dressed(decisions_table(evaluation)) for evaluation in (first, second)]
    return [_dressed(comparison_table(comparison), title), *decisions]


def notes(evaluation: Evaluation, candidates: Candidates) -> list[str]:
    """Return what was left out, a sentence each."""
    counted = (
        (evaluation.left_out, "transactions are left out: their cards were known to be compromised on that day."),
        (evaluation.without_score, "transactions have no score: they are left out of what ranks or checks scores."),
        (evaluation.without_amount, "amounts are unknown for want of a rate: no money is counted for them."),
        (candidates.invented_amounts, INVENTED),
        (candidates.not_in_all, "verdicts are left out: the other file has none on these transactions."),
        (candidates.without_verdict, "transactions of these days have no verdict, and are left out."),
    )
    return [f"{number:,} {what}" for number, what in counted if number]


def _title(name: str, evaluation: Evaluation) -> str:
    return (
        f"{name}: {evaluation.first_day} to {evaluation.last_day}, {evaluation.transactions:,} transactions of "
        f"{evaluation.cards:,} cards, {evaluation.frauds:,} frauds"
    )


def _dressed(shown: plot.Table, title: str | None = None, *, columns: int | None = None) -> Table:
    table = Table(title=shown.caption if title is None else title)
    for number, heading in enumerate(shown.head[:columns]):
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    for row in shown.rows:
        table.add_row(*row[:columns])
    return table


def _reliability(evaluation: Evaluation) -> Table:
    table = Table(title="Scores and what came true")
    for heading in ("Scores from", "To", "Mean score", "Share of frauds", "Frauds", "Transactions"):
        table.add_column(heading, justify="right")
    for one in evaluation.reliability:
        scores = (one.lowest_score, one.highest_score, one.mean_score, one.fraud_share)
        table.add_row(
            *(text.probability(value) for value in scores), text.count(one.frauds), text.count(one.transactions)
        )
    return table
