"""How well frauds are found, on weeks of public data: `python tests/bench/detection.py [--weeks N] [--week DAY]`.

For each week `fraudline train` learns from what was known before it (labels 7 days late), the week is judged by a
backtest and measured by the handbook's protocol: cards with a fraud that was known on the day are left out. Beside it
two random forests (100 trees, depth 20) on the handbook's own 15 features, trained on the same days: one as published,
which the goals are held against, and one whose labels are known when production knows them (`later`), at the first
midnight at least 7 days after the fraud. What lies between the two comes from the hour at which labels count.

Of the shipped trees, the ones grown again on all days, the calibration error, the log loss and the alerts a day are
those over all transactions of the week, known cards included: calibration and budget leave none out. AUC, average
precision and Platt's sigmoid are held against scikit-learn's on the same arrays.

`--weeks` says how many weeks that end with that of `--week`, its first day. A week takes several minutes. The exit code
is 1 where a goal is missed: by the mean of the weeks, by a week, by the handbook's test week if that is the last one,
by the time or the memory of its training; or where scikit-learn's own numbers differ. Few weeks say little: their means
move by .02.
"""

import argparse
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import scikit_learn
from detection_week import RANKED, Week, measure_week
from goal import Goal
from held_out import Labelled

from fraudline.models.evaluation.figures import FIGURES
from fraudline.models.histories.files import Mapping

FILE = Path(__file__).parents[3] / "shared" / "data" / "handbook-2018-04-01--2018-08-14.parquet"
TEST_WEEK = date(2018, 8, 8)
WEEKS = 8
AHEAD_GOALS = (0.008, 0.03, 0.0)
"""How far the mean of the weeks is to be ahead of the forest's, in the order of `RANKED`."""
TEST_WEEK_GOALS = (0.870, 0.720, 0.300)
PUBLISHED_BEST = (0.875, 0.694, 0.304)
TRAINING_GOAL_SECONDS = 300.0
TRAINING_GOAL_GIGABYTES = 3.0
DIFFERENCE_ALLOWED = 1e-9

HEADING = """\
                               training | AUC ROC               | average precision            \
| card precision@100    | calib.    log  alerts a day
week of       rows frauds seconds    GB |   ours forest   ahead |   ours forest  later   ahead \
|   ours forest   ahead |  error   loss    of at most"""
_WEEK = timedelta(days=7)
_LABELS = {figure.name: figure.label for figure in FIGURES}


def main() -> int:
    """Measure the weeks; return the exit code."""
    parser = argparse.ArgumentParser(description="Detection on weeks of the handbook's data, against random forests.")
    parser.add_argument("--weeks", type=int, default=WEEKS, help="how many weeks (default 8)")
    parser.add_argument("--week", type=date.fromisoformat, default=TEST_WEEK, help="first day of the last of them")
    options = parser.parse_args()
    if not FILE.exists():
        sys.stderr.write(f"detection: {FILE} is not here; nothing is measured.\n")
        return 0
    scikit_learn.python()
    labelled = Labelled.read(FILE, Mapping.HANDBOOK)
    _write(HEADING)
    weeks = []
    for number in reversed(range(options.weeks)):
        weeks.append(measure_week(labelled, options.week - number * _WEEK))
        _write(_line(weeks[-1]))
    return _conclude(weeks)


def _line(week: Week) -> str:
    auc_roc, average_precision, card_precision = (
        [f"{own:.4f}", f"{forest:.4f}", f"{ahead:+.4f}"]
        for own, forest, ahead in zip(week.ours, week.forests, week.ahead, strict=True)
    )
    average_precision.insert(2, f"{week.forests_at_midnight[RANKED.index('average_precision')]:.4f}")
    what = f"{week.first_day} {week.rows:7,} {week.frauds:6,}"
    training = f"{week.training.seconds:7.0f} {week.training.peak_gigabytes:5.2f}"
    trust = f"{week.calibration_error:.4f} {week.log_loss:.4f} {week.alerts_per_day:5.0f} of {week.alerts_allowed:.0f}"
    ranked = (" ".join(figures) for figures in (auc_roc, average_precision, card_precision))
    return " | ".join((f"{what} {training}", *ranked, trust))


def _conclude(weeks: list[Week]) -> int:
    goals = [*_of_the_means(weeks), _of_every_week(weeks)]
    _write_trust(weeks)
    goals += [*_of_the_test_week(weeks[-1]), *_of_the_training(weeks[-1])]
    distance = max(week.furthest_from_scikit_learn for week in weeks)
    goals.append(Goal("distance to scikit-learn", distance, DIFFERENCE_ALLOWED, at_most=True))
    _write(f"\nfurthest from scikit-learn's own AUC, average precision and sigmoid: {distance:.1e}")
    missed = [goal.name for goal in goals if not goal.is_reached]
    _write(f"goals missed: {', '.join(missed) or 'none'}")
    return 1 if missed else 0


def _of_the_means(weeks: list[Week]) -> list[Goal]:
    ours, forests, at_midnight = (
        np.mean([getattr(week, name) for week in weeks], axis=0).tolist()
        for name in ("ours", "forests", "forests_at_midnight")
    )
    _write(f"\nmean over weeks: {len(weeks):<8} {'ours':>6} {'forest':>6} {'ahead':>7}")
    goals = []
    for name, own, forest, later, wanted in zip(RANKED, ours, forests, at_midnight, AHEAD_GOALS, strict=True):
        goal = Goal(f"mean {_LABELS[name]} ahead", own - forest, wanted)
        goals.append(goal)
        ahead = f"{_LABELS[name]:25} {own:.4f} {forest:.4f} {goal.figure:+.4f}   {goal.told('.4f'):28}"
        _write(f"{ahead} forest with later labels {later:.4f}, ahead of it {own - later:+.4f}")
    return goals


def _of_every_week(weeks: list[Week]) -> Goal:
    at = RANKED.index("average_precision")
    behind = [str(week.first_day) for week in weeks if week.ahead[at] < 0]
    _write(f"weeks with an average precision below the forest's: {', '.join(behind) or 'none'}")
    return Goal("average precision ahead in every week", min(week.ahead[at] for week in weeks), 0.0)


def _write_trust(weeks: list[Week]) -> None:
    names = ("calibration_error", "log_loss", "alerts_per_day", "alerts_allowed")
    error, loss, alerts, allowed = np.mean([[getattr(week, name) for name in names] for week in weeks], axis=0).tolist()
    _write(
        f"shipped trees: calibration error {error:.4f}, log loss {loss:.4f}, {alerts:.1f} alerts a day of at most "
        f"{allowed:.1f} ({alerts / allowed - 1:+.0%})"
    )


def _of_the_test_week(week: Week) -> list[Goal]:
    if week.first_day != TEST_WEEK:
        _write(f"\nthe goals of the handbook's test week, {TEST_WEEK}, are not judged: it is not the last one")
        return []
    _write(f"\nthe handbook's test week, {TEST_WEEK}")
    goals = []
    for name, own, wanted, best in zip(RANKED, week.ours, TEST_WEEK_GOALS, PUBLISHED_BEST, strict=True):
        goal = Goal(f"{_LABELS[name]} of the test week", own, wanted)
        goals.append(goal)
        published = Goal(f"published {_LABELS[name]}", own, best)
        _write(f"{_LABELS[name]:25} {own:.4f}   {goal.told('.4f'):28} published best {published.told('.4f')}")
    return goals


def _of_the_training(week: Week) -> list[Goal]:
    seconds = Goal("seconds of training", week.training.seconds, TRAINING_GOAL_SECONDS, at_most=True)
    memory = Goal("memory of training", week.training.peak_gigabytes, TRAINING_GOAL_GIGABYTES, at_most=True)
    _write(f"\n`fraudline train` before the week of {week.first_day}")
    _write(f"{'seconds':25} {seconds.figure:6.0f}   {seconds.told('.0f')}")
    _write(f"{'GB at the peak':25} {memory.figure:6.2f}   {memory.told('.2f')}")
    return [seconds, memory]


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
