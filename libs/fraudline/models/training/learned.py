"""What a training was asked for, and what came out of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from fraudline.models.histories.period import Period
from fraudline.models.rates import Rates
from fraudline.models.recipe import Imbalance, Recipe
from fraudline.models.training.calibrating import Calibrated
from fraudline.models.training.costs import Budget
from fraudline.models.training.growing import Grown
from fraudline.models.training.judging import Judged
from fraudline.models.training.thresholds import Choice


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for; see `train_bundle`."""

    name: str
    rates: Rates
    first_day: date | None
    last_day: date | None
    label_delay: timedelta
    budget: Budget
    max_entities: int
    recipe: Recipe
    command: str


@dataclass(frozen=True, slots=True)
class Learned:
    """What came out of it.

    Attributes:
        training: The days that the interim model was grown on.
        stopping: Those that told when to stop.
        calibrating: Those of calibration and thresholds.
        measuring: Those of the metrics: later ones, or the same where there are too few.
        candidates: The average precision that each way of handling the imbalance got; none where there was no choice.
        imbalance: The way that was taken.
        interim: The model that was calibrated and measured.
        shipped: The model of the bundle: the interim one, or one that was grown again on all days.
        calibrated: How its raw scores become probabilities.
        choice: The thresholds.
        judged: How good the interim model is.
    """

    training: Period
    stopping: Period
    calibrating: Period
    measuring: Period
    candidates: Mapping[Imbalance, float]
    imbalance: Imbalance
    interim: Grown
    shipped: Grown
    calibrated: Calibrated
    choice: Choice
    judged: Judged

    @property
    def is_refit(self) -> bool:
        """Whether the shipped trees were grown again."""
        return self.shipped is not self.interim

    @property
    def is_in_sample(self) -> bool:
        """Whether calibration and thresholds were chosen on the measuring days too."""
        return self.calibrating == self.measuring

    @property
    def grown_on(self) -> Period:
        """The days that the shipped trees were grown on."""
        return self.training.with_next(self.measuring) if self.is_refit else self.training
