"""`fraudline train`: a model bundle from a file of transactions with their outcomes."""

from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from fraudline.cli.delay import parse_delay
from fraudline.errors import FraudlineError
from fraudline.models.files import Mapping, read_history
from fraudline.models.manifest import Manifest
from fraudline.models.rates import Rates
from fraudline.models.starter_rates import starter_rates
from fraudline.models.training import train_bundle

_DAY = ["%Y-%m-%d"]


def train(
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
    label_delay: Annotated[
        str, typer.Option(metavar="DELAY", help="How long after it a fraud becomes known, like 7d or 12h.")
    ] = "7d",
    name: Annotated[str, typer.Option(help="The model's name, the first part of what verdicts call it.")] = "model",
    base_currency: Annotated[
        str, typer.Option(envvar="FRAUDLINE_BASE_CURRENCY", help="The currency that amounts are compared in.")
    ] = "EUR",
    rates: Annotated[
        Path | None,
        typer.Option(help='Exchange rates as JSON: {"USD": [["2026-01-01", "0.92"], …], …}. Default: invented ones.'),
    ] = None,
) -> None:
    """Train a model on earlier days and judge it on later ones; write the bundle that the scorer loads."""
    try:
        delay = parse_delay(label_delay)
        table = _read_rates(rates, base_currency)
        with StageProgress() as progress:
            progress("reading the file", 0.0)
            history = read_history(file, mapping)
            progress("reading the file", 1.0)
            manifest = train_bundle(
                history,
                output,
                name=name,
                rates=table,
                first_day=from_day.date() if from_day else None,
                last_day=until.date() if until else None,
                label_delay=delay,
                progress=progress,
            )
    except (FraudlineError, ValueError) as error:
        typer.echo(f"fraudline train: {error}", err=True)
        raise typer.Exit(1) from error
    Console().print(_summary(manifest, output))


class StageProgress:
    """A bar for each stage of a long piece of work, on standard error; call it with a stage and its share done."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description:<24}"), BarColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._stages: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, stage: str, share: float) -> None:
        """Show that `share` (0 to 1) of a stage is done."""
        if stage not in self._stages:
            self._stages[stage] = self._progress.add_task(stage, total=1.0)
        self._progress.update(self._stages[stage], completed=share)


def _read_rates(file: Path | None, base_currency: str) -> Rates:
    if file is None:
        return starter_rates(base_currency)
    try:
        return Rates.decode(base_currency, file.read_bytes())
    except OSError as error:
        raise ValueError(f"{file}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise ValueError(f"{file}: {error}.") from error


def _summary(manifest: Manifest, output: Path) -> Table:
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
    table.add_row("trees", str(manifest.trees))
    table.add_row("AUC ROC", f"{metrics.auc_roc:.3f}")
    table.add_row("average precision", f"{metrics.average_precision:.3f}")
    table.add_row("review from, decline from", f"{manifest.thresholds.review:.4f}, {manifest.thresholds.decline:.4f}")
    table.add_row(
        "flagged",
        f"{metrics.share_flagged:.2%} of the transactions, {metrics.precision:.0%} of them fraud; "
        f"{metrics.recall:.0%} of the frauds",
    )
    if metrics.is_in_sample:
        table.add_row("", "in sample: too few days or frauds to measure on others than the thresholds were chosen on")
    if data.amounts_without_rate:
        table.add_row("without a rate", f"{data.amounts_without_rate:,} transactions; give rates with --rates")
    return table
