"""What a model gets on simulated payments: `python tests/bench/simulated.py [--customers N] [--days N] [--seed N]`.

`fraudline simulate` writes a file: payments with devices, countries, channels and places, which the handbook's data has
not. `fraudline train` learns from all but the last days, a backtest judges the last two weeks, and the project's own
evaluation measures them, once over all cards and once by the handbook's protocol, each figure with its interval.

Below that, how many of the frauds of each kind were flagged. The file does not tell the kind; the campaigns, which
follow from the seed, do: a card whose details were stolen on the day, else a merchant that was compromised, else a
large amount. (A fraud at a compromised merchant with a stolen card counts as the thief's; hardly any are.) This is for
looking only: nothing that learns or judges sees it. The kinds are the handbook's, in data that tell more: what is found
here is no evidence for other kinds.
"""

import argparse
import re
import sys
import tempfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import command_cost
import numpy as np
from held_out import FRAUDLINE, HeldOut, Labelled, hold_out
from numpy.typing import NDArray

from fraudline.models.evaluation.evaluation import Estimate, Evaluation
from fraudline.models.evaluation.figures import FIGURES
from fraudline.models.evaluation.measuring import Candidate, evaluate
from fraudline.models.histories.files import Mapping
from fraudline.simulation.campaigns import compromised_merchants, stolen_cards

CUSTOMERS, MERCHANTS_PER_CUSTOMER = 2_000, 2
FIRST_DAY, DAYS = date(2026, 1, 1), 120
DAYS_HELD_OUT = 14
SEED = 2
SHOWN = (
    "auc_roc",
    "average_precision",
    "card_precision",
    "precision",
    "recall",
    "money_caught_share",
    "alerts_per_day",
    "calibration_error",
    "log_loss",
)
KINDS = ("stolen card details", "compromised merchant", "large amount")


def main() -> int:
    """Simulate, train, judge, measure; return the exit code."""
    parser = argparse.ArgumentParser(description="What a model gets on simulated payments.")
    parser.add_argument("--customers", type=int, default=CUSTOMERS, help=f"how many customers (default {CUSTOMERS:,})")
    parser.add_argument("--days", type=int, default=DAYS, help=f"how many days, two weeks held out (default {DAYS})")
    parser.add_argument("--seed", type=int, default=SEED, help=f"the same seed, the same payments (default {SEED})")
    options = parser.parse_args()
    merchants = options.customers * MERCHANTS_PER_CUSTOMER
    with tempfile.TemporaryDirectory(prefix="fraudline-bench-") as folder:
        file = Path(folder) / "simulated.parquet"
        size = ("--customers", str(options.customers), "--merchants", str(merchants), "--days", str(options.days))
        world = (*size, "--seed", str(options.seed), "--start", FIRST_DAY.isoformat())
        command_cost.run((*FRAUDLINE, "simulate", "--output", file, *world))
        labelled = Labelled.read(file, Mapping.PLAIN)
        last_day = FIRST_DAY + timedelta(days=options.days - 1)
        held_out = hold_out(labelled, last_day - timedelta(days=DAYS_HELD_OUT - 1), last_day)
    _write_training(labelled, held_out)
    _write_figures(held_out)
    _write_kinds(held_out, kinds_of(labelled, held_out, seed=options.seed, sizes=(options.customers, merchants)))
    return 0


def kinds_of(labelled: Labelled, held_out: HeldOut, *, seed: int, sizes: tuple[int, int]) -> NDArray[np.int64]:
    """Return the index into `KINDS` of each transaction of the days held out, were it fraud.

    Args:
        labelled: The file.
        held_out: The days, which are the last of the file.
        seed: What the file was simulated with.
        sizes: How many customers and how many merchants.
    """
    rows = labelled.history.frame.tail(len(held_out.scored))
    day = held_out.scored.day
    is_stolen = _is_struck(rows["customer_id"].to_list(), day, lambda number: stolen_cards(seed, number, sizes[0]))
    is_compromised = _is_struck(
        rows["merchant_id"].to_list(), day, lambda number: compromised_merchants(seed, number, sizes[1])
    )
    return np.select([is_stolen, is_compromised], [0, 1], 2)


def _is_struck(
    identifiers: list[str], days: NDArray[np.int64], struck_on: Callable[[int], NDArray[np.bool_]]
) -> NDArray[np.bool_]:
    number = np.array([int(re.sub(r"\D", "", identifier)) for identifier in identifiers])
    struck = np.zeros(len(number), np.bool_)
    for day in np.unique(days).tolist():
        of_day = days == day
        struck[of_day] = struck_on(day)[number[of_day]]
    return struck


def _write_training(labelled: Labelled, held_out: HeldOut) -> None:
    growth, cost = held_out.manifest.growth, held_out.training
    _write(
        f"{len(labelled.history):,} simulated payments from {labelled.history.first_day} to "
        f"{labelled.history.last_day}, {int(labelled.history.frauds.sum()):,} of them fraud"
    )
    _write(
        f"trained on {growth.grown_on.first} to {growth.grown_on.last} in {cost.seconds:.0f} s with "
        f"{cost.peak_gigabytes:.2f} GB: {held_out.manifest.trees} trees, {growth.imbalance.description}"
    )


def _write_figures(held_out: HeldOut) -> None:
    currency = held_out.manifest.base_currency
    every = evaluate(Candidate("all cards", held_out.scored), base_currency=currency)
    counted = evaluate(
        Candidate("the handbook's protocol", held_out.counted, int((~held_out.counts).sum())), base_currency=currency
    )
    _write(f"\njudged: {every.first_day} to {every.last_day}")
    _write(f"{'':26} {every.name:28} {counted.name}")
    for name in ("transactions", "frauds"):
        _write(f"{name:26} {getattr(every, name):<28,} {getattr(counted, name):,}")
    labels = {figure.name: figure.label for figure in FIGURES}
    for name in SHOWN:
        _write(f"{labels[name]:26} {_told(every, name):28} {_told(counted, name)}")
    allowed = held_out.manifest.thresholds.most_alerts_per_day
    _write(f"{'alerts a day, at most':26} {allowed:.1f}")


def _told(evaluation: Evaluation, name: str) -> str:
    estimate: Estimate = evaluation.figures[name]
    form = ".1f" if name == "alerts_per_day" else ".4f"
    return f"{estimate.value:{form}} ({estimate.low:{form}} to {estimate.high:{form}})"


def _write_kinds(held_out: HeldOut, kind: NDArray[np.int64]) -> None:
    _write("\nfrauds by what was under way on the day, all cards")
    for number, name in enumerate(KINDS):
        is_fraud = held_out.scored.is_fraud & (kind == number)
        frauds, flagged = int(is_fraud.sum()), int((is_fraud & held_out.scored.is_flagged).sum())
        recall = f"{flagged / frauds:.1%}" if frauds else "none there"
        _write(f"{name:26} {flagged:,} of {frauds:,} flagged: {recall}")


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
