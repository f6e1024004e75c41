"""`fraudline audit`: every stored score again, bit for bit."""

import asyncio
import math
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from fraudline.cli.max_entities import MaxEntities
from fraudline.cli.running import database_url, model_folder
from fraudline.kernel.registry import MAX_ENTITIES
from fraudline.state.audit import AuditResult
from fraudline.state.audit import audit as repeat_scores


def audit(
    *,
    model: Annotated[
        Path | None,
        typer.Option(help="The bundle that scored. Default: FRAUDLINE_MODEL, or that of the running system."),
    ] = None,
    max_entities: MaxEntities = MAX_ENTITIES,
) -> None:
    """Replay the committed log and compare every score; exit code 1 where one differs or none could be compared."""
    columns = (TextColumn("auditing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("auditing", total=None)
        result = asyncio.run(
            repeat_scores(
                database_url(),
                model or model_folder(),
                max_entities=max_entities,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
        )
    typer.echo(_summary(result))
    if result.differing or result.proves_nothing:
        raise typer.Exit(1)


def _summary(result: AuditResult) -> str:
    lines = [
        f"{result.positions:,} positions replayed, {result.checked:,} scores compared, {result.differing:,} differ"
    ]
    if result.of_other_models:
        lines.append(
            f"No score could be compared: {result.of_other_models:,} are of other models; name their bundle by --model"
            if result.proves_nothing
            else f"{result.of_other_models:,} scores of other models were not compared; name their bundle by --model"
        )
    if result.without_score:
        lines.append(f"{result.without_score:,} verdicts have no score: the model gives none, and a person decided")
    lines += [
        f"partition {difference.partition}, position {difference.position}: "
        f"stored {_shown(difference.stored)}, computed {_shown(difference.computed)}"
        for difference in result.differences
    ]
    return "\n".join(lines)


def _shown(score: float) -> str:
    return "no score" if math.isnan(score) else repr(score)
