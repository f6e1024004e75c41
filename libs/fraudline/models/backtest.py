"""What the system would have said: a history through the kernel, the model and the policy of production."""

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import polars as pl

from fraudline.domain.policy import decide
from fraudline.kernel.events import TRANSACTION
from fraudline.kernel.kernel import Kernel
from fraudline.models.bundle import Bundle
from fraudline.models.errors import BacktestRefused
from fraudline.models.evaluation.verdict_file import verdict_frame
from fraudline.models.histories.history import History
from fraudline.models.histories.point_in_time import point_in_time
from fraudline.models.scoring import featured, score

Progress = Callable[[str, float], None]
"""Called with what is being done and the share of it that is (0 to 1)."""

WARMING, SCORING = "warming the state", "scoring"
_EVENTS_A_STEP = 16_384


def no_progress(_stage: str, _share: float) -> None:
    """Tell nobody."""


def keep_going(_error: Exception) -> None:
    """Let the missing scores tell: production goes on too, and sends these to a person."""


def backtest(
    history: History,
    bundle: Bundle,
    *,
    first_day: date,
    last_day: date,
    label_delay: timedelta | None = None,
    max_entities: int | None = None,
    progress: Progress = no_progress,
    tell_failure: Callable[[Exception], None] = keep_going,
) -> pl.DataFrame:
    """Return the verdicts on the transactions from `first_day` until `last_day`, both included.

    What is before `first_day` only warms the state; what comes after `last_day` is not looked at.

    Args:
        history: Transactions in order of time, with their frauds where those are known.
        bundle: The model, with its rates and thresholds.
        first_day: The first day (UTC) to judge.
        last_day: The last one.
        label_delay: How long after it a fraud becomes known to the features; None for the model's own.
        max_entities: The most entities that the state holds, as `FRAUDLINE_MAX_ENTITIES` sets it in production; None
            for as many as where the model was trained.
        progress: Is told how far it is.
        tell_failure: Is called with what the model died of, for each batch where it does.

    Returns:
        A row a transaction in order of time: `transaction_id`, `score` (null where the model failed), `decision`.

    Raises:
        BacktestRefused: There is no transaction in these days, or they are reversed.
    """
    held = f"{history.first_day} to {history.last_day}"
    if first_day > last_day:
        raise BacktestRefused(
            f"--from and --until are reversed: {first_day} is after {last_day}; swap them. The file holds {held}."
        )
    history = history.until(last_day)
    start = history.index_of(first_day)
    if start >= len(history):
        raise BacktestRefused(
            f"There is no transaction from {first_day} to {last_day}; "
            f"choose --from and --until within the file's days, {held}."
        )
    data = bundle.manifest.data
    if label_delay is None:
        label_delay = timedelta(seconds=data.label_delay_seconds)
    events = point_in_time(history, bundle.rates, label_delay)
    is_transaction = events.kind == TRANSACTION
    begin = int(np.flatnonzero(is_transaction)[start])
    kernel = Kernel(data.max_entities if max_entities is None else max_entities, bundle.known_after_days)
    for step in range(0, begin, _EVENTS_A_STEP):
        progress(WARMING, step / begin)
        featured(kernel, events.part(step, min(step + _EVENTS_A_STEP, begin)))
        kernel.settle()
    progress(WARMING, 1.0)
    scores = []
    for step in range(begin, len(events), _EVENTS_A_STEP):
        progress(SCORING, (step - begin) / (len(events) - begin))
        part = events.part(step, min(step + _EVENTS_A_STEP, len(events)))
        scores.append(score(kernel, bundle, part, tell_failure=tell_failure)[1])
        kernel.settle()
    progress(SCORING, 1.0)
    given = np.concatenate(scores)
    has_rate = np.isfinite(events.amount[is_transaction][start:])
    decisions = [
        decide(value, has_rate=known, thresholds=bundle.thresholds)[0]
        for value, known in zip(given.tolist(), has_rate.tolist(), strict=True)
    ]
    return verdict_frame(history.frame["transaction_id"][start:], given, decisions)
