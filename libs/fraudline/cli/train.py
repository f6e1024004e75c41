"""`fraudline train`: a model bundle from a file of transactions with their outcomes."""

import shlex
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fraudline.cli.delay import LabelDelay, parse_delay
from fraudline.cli.exchange_rates import BaseCurrency, RatesFile, read_rates
from fraudline.cli.max_entities import MaxEntities
from fraudline.cli.stage_progress import StageProgress
from fraudline.errors import FraudlineError
from fraudline.kernel.registry import MAX_ENTITIES
from fraudline.models.histories.files import Mapping, read_history
from fraudline.models.histories.history import History
from fraudline.models.histories.labels_file import with_labels
from fraudline.models.manifest import CARD_FILE, REPORT_FILE, Interval, Manifest
from fraudline.models.recipe import STANDARD
from fraudline.models.report import text
from fraudline.models.starter_rates import converted_by_invention
from fraudline.models.training.costs import DECLINE_COST, REVIEW_COST, Budget
from fraudline.models.training.sentences import at_cap_sentence, ended_at_cap
from fraudline.models.training.training import train_bundle

_DAY = ["%Y-%m-%d"]


def train(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="Transactions with their outcomes: CSV, NDJSON or Parquet.")],
    *,
    output: Annotated[Path, typer.Option(help="The folder to write the bundle to; it must not exist yet.")],
    mapping: Annotated[Mapping, typer.Option(help="How the file's columns are named.")] = Mapping.PLAIN,
    from_day: Annotated[
        datetime | None,
        typer.Option("--from", formats=_DAY, metavar="DAY", help="The first day to learn from; what is before warms."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            formats=_DAY,
            metavar="DAY",
            help="The last day to learn from, included, with labels that fall due up to the delay after it.",
        ),
    ] = None,
    label_delay: LabelDelay = "7d",
    name: Annotated[str, typer.Option(help="The model's name, the first part of what verdicts call it.")] = "model",
    base_currency: BaseCurrency = "EUR",
    rates: RatesFile = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="Outcomes in a file of their own, in place of a column `fraud`: `transaction_id` and `label`, fraud "
            "or legitimate. What it does not name is no fraud."
        ),
    ] = None,
    review_cost: Annotated[
        float, typer.Option(metavar="AMOUNT", help="What one look of an analyst costs, in the base currency.")
    ] = REVIEW_COST,
    decline_cost: Annotated[
        float, typer.Option(metavar="AMOUNT", help="What it costs to turn away a good customer.")
    ] = DECLINE_COST,
    alerts_per_day: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="The most alerts a day that analysts can take, on average. Default: 1 % of transactions."
        ),
    ] = None,
    max_entities: MaxEntities = MAX_ENTITIES,
) -> None:
    """Train a model on earlier days and judge it on later ones; write the bundle that the scorer loads."""
    try:
        delay = parse_delay(label_delay)
        budget = Budget(review_cost, decline_cost, alerts_per_day)
        table = read_rates(rates, base_currency)
        with StageProgress() as progress:
            history = _read(file, mapping, labels, progress)
            manifest = train_bundle(
                history,
                output,
                name=name,
                rates=table,
                first_day=from_day.date() if from_day else None,
                last_day=until.date() if until else None,
                label_delay=delay,
                budget=budget,
                max_entities=max_entities,
                recipe=STANDARD,
                command=_command(context),
                progress=progress,
            )
    except (FraudlineError, ValueError) as error:
        typer.echo(f"fraudline train: {error}", err=True)
        raise typer.Exit(1) from error
    learned_from = history.until(until.date()) if until else history
    invented = converted_by_invention(learned_from.frame["currency"], table)
    Console().print(_summary(manifest, output, invented))


def _read(file: Path, mapping: Mapping, labels: Path | None, progress: StageProgress) -> History:
    progress("reading the file", 0.0)
    history = read_history(file, mapping)
    if labels is not None:
        history = with_labels(history, labels)
    progress("reading the file", 1.0)
    return history


def _command(context: typer.Context) -> str:
    """Return the command with the options that were given, but for where things are: that changes nothing."""
    words = ["fraudline train FILE --output DIR"]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in {"file", "output"} or source is None or source.name == "DEFAULT":
            continue
        value = context.params[name]
        match value:
            case datetime():
                value = value.date()
            case Path():
                value = "FILE"
        words.append(f"{parameter.opts[0]} {shlex.quote(str(value))}")
    return " ".join(words)


def _summary(manifest: Manifest, output: Path, invented: int) -> Table:
    table = Table(title=f"{manifest.name}-{manifest.version} in {output}", show_header=False)
    data, metrics = manifest.data, manifest.metrics
    periods = [("trained on", data.training), ("trees chosen on", data.early_stopping)]
    if metrics.is_in_sample:
        periods.append(("calibrated and measured on", data.calibration))
    else:
        periods += [("calibrated on", data.calibration), ("measured on", data.measuring)]
    for purpose, days in periods:
        table.add_row(
            purpose, f"{days.first} to {days.last}: {days.transactions:,} transactions, {days.frauds:,} frauds"
        )
    table.add_row("labels known until", f"{data.labels_known_until:%Y-%m-%d %H:%M} UTC")
    growth, thresholds = manifest.growth, manifest.thresholds
    table.add_row("rare frauds", str(growth.imbalance))
    if growth.is_refit:
        table.add_row(
            "trees", f"{manifest.trees}, grown again on all days; the figures are of {growth.interim_trees} before that"
        )
    else:
        table.add_row("trees", str(manifest.trees))
    if ended_at_cap(manifest):
        table.add_row("", at_cap_sentence(manifest))
    table.add_row("calibration", manifest.calibration.method)
    table.add_row("AUC ROC", _with_interval(metrics.figures["auc_roc"]))
    table.add_row("average precision", _with_interval(metrics.figures["average_precision"]))
    table.add_row("review from, decline from", f"{thresholds.review:.4f}, {thresholds.decline:.4f}")
    table.add_row(
        "flagged",
        f"{metrics.share_flagged:.2%} of the transactions, {metrics.precision:.0%} of them fraud; "
        f"{metrics.recall:.0%} of the frauds",
    )
    table.add_row(
        "cost a day",
        f"{text.money(thresholds.cost_per_day, manifest.base_currency)} by these thresholds on the calibration days, "
        f"{text.amount(thresholds.cost_per_day_without_model)} if all is approved; "
        f"{text.pace(thresholds.alerts_per_day)} alerts a day of at most {text.cap(thresholds.most_alerts_per_day)}",
    )
    if metrics.is_in_sample:
        table.add_row("", "in sample: too few days or frauds to measure on others than the thresholds were chosen on")
    if invented:
        table.add_row(
            "exchange rates",
            f"invented, for {invented:,} amounts that are not in {manifest.base_currency}; in production the model "
            "decides by them too: give your own with --rates",
        )
    if data.amounts_without_rate:
        table.add_row("without a rate", f"{data.amounts_without_rate:,} transactions; give rates with --rates")
    if data.evicted:
        table.add_row("evicted", f"{data.evicted:,} entities; raise --max-entities and FRAUDLINE_MAX_ENTITIES alike")
    table.add_row("more", f"{output / REPORT_FILE}, {output / CARD_FILE}")
    return table


def _with_interval(figure: Interval) -> str:
    value = "unknown" if figure.value is None else f"{figure.value:.3f}"
    return value if figure.low is None or figure.high is None else f"{value} ({figure.low:.3f} to {figure.high:.3f})"
