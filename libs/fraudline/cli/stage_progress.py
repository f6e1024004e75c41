"""Bars for the stages of a long piece of work."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


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
