"""Days that a model has not seen: what it says of them, beside what they turned out to be."""

import sys
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import command_cost
import numpy as np
from command_cost import Cost
from numpy.typing import NDArray

from fraudline.models.backtest import backtest
from fraudline.models.bundle import Bundle
from fraudline.models.evaluation.figures import Measures
from fraudline.models.evaluation.outcomes import Outcomes
from fraudline.models.evaluation.scored import Scored
from fraudline.models.histories.files import Mapping, read_history
from fraudline.models.histories.history import History
from fraudline.models.histories.point_in_time import LABEL_DELAY
from fraudline.models.manifest import Manifest
from fraudline.models.starter_rates import starter_rates

FRAUDLINE = (sys.executable, "-m", "fraudline.cli.main")
KNOWN_BEFORE = timedelta(days=14)
"""How long before the first day held out a fraud counts that makes its card a known one."""

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Labelled:
    """A file of transactions with their outcomes, read once."""

    file: Path
    mapping: Mapping
    history: History
    outcomes: Outcomes

    @classmethod
    def read(cls, file: Path, mapping: Mapping) -> "Labelled":
        """Read a file; raise `FileRefused` where it cannot be used."""
        history = read_history(file, mapping)
        return cls(file, mapping, history, Outcomes.of(history, starter_rates(), file=file))


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What was said of the days held out.

    Attributes:
        manifest: The bundle that said it. Its trees are those that are shipped, grown again on all days of training.
        training: What the command `fraudline train` cost.
        scored: All transactions of the days.
        counts: Which of them the handbook's protocol counts: not those of cards with a fraud that was known on the day.
    """

    manifest: Manifest
    training: Cost
    scored: Scored
    counts: NDArray[np.bool_]

    @property
    def counted(self) -> Scored:
        """The transactions that count."""
        return self.scored.where(self.counts)


def last_day_known(first_day: date) -> date:
    """Return the last day whose frauds are all known, label by label, when the first day held out begins."""
    return first_day - LABEL_DELAY - _DAY


def hold_out(labelled: Labelled, first_day: date, last_day: date) -> HeldOut:
    """Train on what was known before some days, by the command line; judge the days by a backtest.

    Raises:
        CommandFailedError: There was nothing to learn from, or nothing that could be learned.
    """
    with tempfile.TemporaryDirectory(prefix="fraudline-bench-") as folder:
        model = Path(folder) / "model"
        options = ("--mapping", labelled.mapping.value, "--until", last_day_known(first_day).isoformat())
        training = command_cost.run((*FRAUDLINE, "train", labelled.file, *options, "--output", model))
        bundle = Bundle.load(model)
    verdicts = backtest(labelled.history, bundle, first_day=first_day, last_day=last_day)
    scored = labelled.outcomes.scored(verdicts, labelled.outcomes.rows_of(verdicts, name="backtest"))
    known = labelled.outcomes.of_known_cards(scored, first_day - KNOWN_BEFORE, LABEL_DELAY)
    return HeldOut(bundle.manifest, training, scored, ~known)


def figures_of(scored: Scored) -> dict[str, float]:
    """Return each figure of `fraudline evaluate` by its name, without intervals."""
    measured = Measures(scored).measure(np.ones((1, scored.cards)))
    return {name: float(value[0]) for name, value in measured.items()}
