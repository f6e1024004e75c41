"""How well frauds are found, on weeks of public data: `python tests/bench/detection.py [--weeks N] [--week DAY]`.

For each week a model is trained on what was known before it (labels 7 days late), the week is judged by a backtest and
measured by the handbook's protocol: cards with a fraud that was known on the day are left out. Beside it a random
forest (100 trees, depth 20) on the handbook's own 15 features, trained on the same days. AUC, average precision and
Platt's sigmoid are held against scikit-learn's on the same arrays; the exit code is 1 where they differ.

`--weeks` says how many weeks that end with that of `--week`, its first day. A week takes several minutes.
"""

import argparse
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import scikit_learn
from numpy.typing import NDArray

from fraudline.models.backtest import backtest
from fraudline.models.bundle import Bundle
from fraudline.models.calibration import fit_sigmoid
from fraudline.models.evaluation.figures import Measures
from fraudline.models.evaluation.outcomes import Outcomes
from fraudline.models.evaluation.scored import Scored, number_of
from fraudline.models.histories.files import Mapping, read_history
from fraudline.models.histories.history import History
from fraudline.models.histories.point_in_time import LABEL_DELAY
from fraudline.models.starter_rates import starter_rates
from fraudline.models.training.training import train_bundle

FILE = Path(__file__).parents[3] / "shared" / "data" / "handbook-2018-04-01--2018-08-14.parquet"
LAST_WEEK = date(2018, 8, 8)
WEEKS = 8
KNOWN_BEFORE = timedelta(days=14)
FIGURES = ("auc_roc", "average_precision", "card_precision")
GOALS = (0.008, 0.03, 0.0)
DIFFERENCE_ALLOWED = 1e-9
HEADING = (
    f"{'':55} | {'AUC ROC':^22} | {'average precision':^22} | {'card precision@100':^22}",
    f"{'week of':10} {'rows':>7} {'frauds':>6} {'trained from':>14} {'trained in':>14}"
    + " |   ours  forest   ahead" * 3,
)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Week:
    """A week's figures of both, in the order of `FIGURES`, and what was trained on."""

    first_day: date
    rows: int
    frauds: int
    ours: tuple[float, ...]
    forests: tuple[float, ...]
    trained_from: date
    seconds: float
    furthest_from_scikit_learn: float

    @property
    def ahead(self) -> tuple[float, ...]:
        """How far we are ahead."""
        return tuple(own - other for own, other in zip(self.ours, self.forests, strict=True))


def main() -> int:
    """Measure the weeks; return the exit code."""
    parser = argparse.ArgumentParser(description="Detection on weeks of the handbook's data, against a random forest.")
    parser.add_argument("--weeks", type=int, default=WEEKS, help="how many weeks (default 8)")
    parser.add_argument("--week", type=date.fromisoformat, default=LAST_WEEK, help="first day of the last of them")
    options = parser.parse_args()
    if not FILE.exists():
        sys.stderr.write(f"detection: {FILE} is not here; nothing is measured.\n")
        return 0
    scikit_learn.python()
    history = read_history(FILE, Mapping.HANDBOOK)
    outcomes = Outcomes.of(history, starter_rates(), file=FILE)
    for line in HEADING:
        _write(line)
    weeks = []
    for number in reversed(range(options.weeks)):
        weeks.append(measure_week(history, outcomes, options.week - number * 7 * _DAY))
        _write(_line(weeks[-1]))
    return _conclude(weeks)


def measure_week(history: History, outcomes: Outcomes, first_day: date) -> Week:
    """Train on what was known before a week, judge it, and have the forest do the same."""
    last_day, known_until = first_day + 6 * _DAY, first_day - LABEL_DELAY - _DAY
    with tempfile.TemporaryDirectory(prefix="fraudline-bench-") as folder:
        began = time.perf_counter()
        manifest = train_bundle(
            history, Path(folder) / "bundle", name="bench", rates=starter_rates(), last_day=known_until
        )
        seconds = time.perf_counter() - began
        bundle = Bundle.load(Path(folder) / "bundle")
    verdicts = backtest(history, bundle, first_day=first_day, last_day=last_day)
    scored = outcomes.scored(verdicts, outcomes.rows_of(verdicts, name="backtest"))
    counts = ~outcomes.of_known_cards(scored, first_day - KNOWN_BEFORE, LABEL_DELAY)
    trained_from = manifest.data.training.first
    forest = replace(scored, score=_forest_scores(outcomes, history, (trained_from, known_until, first_day, last_day)))
    ours = scored.where(counts)
    return Week(
        first_day=first_day,
        rows=len(ours),
        frauds=int(ours.is_fraud.sum()),
        ours=_figures(ours),
        forests=_figures(forest.where(counts)),
        trained_from=trained_from,
        seconds=seconds,
        furthest_from_scikit_learn=_distance_to_scikit_learn(ours),
    )


def _forest_scores(outcomes: Outcomes, history: History, days: tuple[date, ...]) -> NDArray[np.float64]:
    arrays = {
        "time": outcomes.time,
        "card": outcomes.card,
        "terminal": history.frame["merchant_id"].rank("dense").cast(int).to_numpy(),
        "cents": np.round(outcomes.amount * 100).astype(np.int64),
        "is_fraud": outcomes.is_fraud.astype(np.int64),
        "days": np.array([number_of(day) for day in days]),
    }
    return scikit_learn.run("handbook_forest.py", arrays, str(os.cpu_count() or 1))["score"].astype(np.float64)


def _figures(scored: Scored) -> tuple[float, ...]:
    measured = Measures(scored).measure(np.ones((1, scored.cards)))
    return tuple(float(measured[name][0]) for name in FIGURES)


def _distance_to_scikit_learn(scored: Scored) -> float:
    """Return the largest distance between a figure or a calibrated probability of ours and scikit-learn's."""
    score = np.clip(scored.score, np.finfo(float).eps, 1 - np.finfo(float).eps)
    raw = np.log(score / (1 - score))
    theirs = scikit_learn.run(
        "scikit_learn_figures.py", {"score": scored.score, "is_fraud": scored.is_fraud, "raw": raw}
    )
    auc_roc, average_precision, _ = _figures(scored)
    calibrated = fit_sigmoid(raw, scored.is_fraud).probabilities(raw)
    return max(
        abs(auc_roc - float(theirs["auc_roc"])),
        abs(average_precision - float(theirs["average_precision"])),
        float(np.abs(calibrated - theirs["calibrated"]).max()),
    )


def _line(week: Week) -> str:
    figures = "".join(
        f" | {own:6.4f}  {other:6.4f} {ahead:+7.4f}"
        for own, other, ahead in zip(week.ours, week.forests, week.ahead, strict=True)
    )
    trained = f"{week.trained_from!s:>14} {week.seconds:12.0f} s"
    return f"{week.first_day} {week.rows:7,} {week.frauds:6,} {trained}{figures}"


def _conclude(weeks: list[Week]) -> int:
    ours, forests = (np.mean([getattr(week, name) for week in weeks], axis=0) for name in ("ours", "forests"))
    for number, (name, goal) in enumerate(zip(FIGURES, GOALS, strict=True)):
        ahead = ours[number] - forests[number]
        said = "reached" if ahead >= goal else f"missed by {goal - ahead:.4f}"
        means = f"{ours[number]:.4f}, forest {forests[number]:.4f}, ahead {ahead:+.4f}"
        _write(f"mean {name}: {means} (goal {goal:+.3f}: {said})")
    behind = [str(week.first_day) for week in weeks if week.ahead[1] < 0]
    _write(f"weeks with an average precision below the forest's: {', '.join(behind) or 'none'}")
    distance = max(week.furthest_from_scikit_learn for week in weeks)
    _write(f"furthest from scikit-learn's own AUC, average precision and sigmoid: {distance:.1e}")
    if distance > DIFFERENCE_ALLOWED:
        sys.stderr.write(f"detection: that is more than {DIFFERENCE_ALLOWED:g}\n")
        return 1
    return 0


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
