"""The report of a training: `report.html` of a bundle."""

import re

from fraudline.models.report import text
from fraudline.models.report.alerts_plot import alerts_a_day
from fraudline.models.report.cost_plot import cost_by_threshold
from fraudline.models.report.facts import TrainingReport
from fraudline.models.report.figure_tables import decisions_table, figures_table
from fraudline.models.report.importance_plot import importance
from fraudline.models.report.limits import limits_of
from fraudline.models.report.page import (
    facts_section,
    page,
    plots_section,
    sentences_section,
    tables_section,
    warning,
)
from fraudline.models.report.plot import Table
from fraudline.models.report.probability_plots import calibration, score_distribution
from fraudline.models.report.ranking_plots import precision_recall, roc
from fraudline.models.report.weeks_plot import metrics_by_week

IN_SAMPLE = (
    "Too few days or frauds: calibration and thresholds were chosen on the very days that are measured here. "
    "The figures of decisions, money and calibration flatter."
)
ALL_CARDS = (
    "The figures count all cards, those too that were already known to be compromised, whose next frauds are easily "
    "found. So they are rosier than by the handbook's protocol, which leaves such cards out. For its figures train "
    "with --until, let fraudline backtest decide later days, and measure those with fraudline evaluate --known-from."
)
_FILE = re.compile(r"\bFILE\b")
_UNNAMED = (
    "FILE is the history that it was trained on, after an option the file of that option; names of files are not kept."
)


def training_report(facts: TrainingReport) -> str:
    """Return the page; the same facts give the same text."""
    sides = (facts.measured,)
    evaluation = facts.measured.evaluation
    span = f"{text.day(evaluation.first_day)} to {text.day(evaluation.last_day)}"
    return page(
        f"Training report: {facts.model}",
        f"Measured on {span} (UTC): {text.counted(evaluation.transactions, 'transaction')}, "
        f"{text.counted(evaluation.frauds, 'fraud')}, {text.counted(evaluation.cards, 'card')}",
        [
            *([warning(IN_SAMPLE)] if facts.is_in_sample else []),
            tables_section("Figures", [figures_table(evaluation)]),
            sentences_section("Which cards count", [ALL_CARDS]),
            plots_section(
                "How it ranks and what its scores mean",
                [
                    precision_recall(sides),
                    roc(sides),
                    calibration(sides),
                    score_distribution(sides),
                    cost_by_threshold(sides, facts.costs),
                    alerts_a_day(sides, facts.most_alerts_per_day),
                    metrics_by_week(sides),
                    importance(facts.importance),
                ],
            ),
            tables_section("Decisions and data", [decisions_table(evaluation), periods_table(facts)]),
            facts_section("How it was made", how_it_was_made(facts)),
            sentences_section("Limits and known weaknesses", limits_of(facts)),
        ],
    )


def periods_table(facts: TrainingReport) -> Table:
    """Return what the days were for, in order of time."""
    rows = [
        [
            text.as_title(period.purpose),
            text.day(period.first),
            text.day(period.last),
            text.count(period.transactions),
            text.count(period.frauds),
            text.share(period.frauds / period.transactions) if period.transactions else text.UNKNOWN,
        ]
        for period in facts.periods
    ]
    head = ["Days for", "First", "Last", "Transactions", "Frauds", "Share"]
    return Table("The split, by time", head, rows, numbers=(3, 4, 5))


def how_it_was_made(facts: TrainingReport) -> list[tuple[str, str]]:
    """Return how the model was made, each fact with its name."""
    file = what_file_is(facts)
    return [
        (
            "Model",
            f"{facts.model}: {text.counted(facts.trees, 'tree')}, {text.counted(len(facts.features), 'feature')}",
        ),
        ("History from", f"{text.day(facts.history_from)}; what is before the training days warms the features alone"),
        ("Labels", f"known {facts.label_delay} after the fraud; the last fell due at {facts.labels_known_until}"),
        ("Thresholds", text.stop(facts.chosen_by)),
        ("Calibration", text.stop(facts.calibration)),
        ("Trees", text.stop(facts.growth)),
        ("Rare frauds", text.stop(facts.imbalance)),
        ("Entities", f"at most {text.count(facts.max_entities)} kept, {text.count(facts.evicted)} had to go"),
        ("Parameters", ", ".join(f"{name} {value}" for name, value in facts.parameters.items())),
        ("Versions", versions(facts)),
        ("Made by", " ".join(filter(None, [facts.command, file and f"– {file}"]))),
    ]


def what_file_is(facts: TrainingReport) -> str:
    """Return what FILE in the command stands for; nothing where the file is named."""
    is_unnamed = _FILE.search(facts.command) is not None
    return _UNNAMED if is_unnamed else ""


def versions(facts: TrainingReport) -> str:
    """Return what the bits of the model depend on."""
    return ", ".join([f"kernel {facts.kernel_version}", *(f"{name} {told}" for name, told in facts.libraries.items())])
