"""Which calibration a model gets: the one that says more of days that it was not fitted to."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from fraudline.models.calibration import Calibration, fit_isotonic, fit_sigmoid, log_loss
from fraudline.models.errors import TrainingRefused


class Method(StrEnum):
    """How raw scores become probabilities."""

    SIGMOID = "sigmoid"
    ISOTONIC = "isotonic"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibration, and what decided on its method.

    Attributes:
        method: What the calibration is.
        calibration: Fitted to all the days.
        log_loss: Of each method that could be fitted, on days that neither was fitted to; empty where there were none.
    """

    method: Method
    calibration: Calibration
    log_loss: Mapping[Method, float]

    @property
    def is_overruled(self) -> bool:
        """Whether the other method had the lower loss and then, fitted to all the days, did not keep it."""
        return bool(self.log_loss) and self.log_loss[self.method] > min(self.log_loss.values())


def calibrate(raw: NDArray[np.float64], is_fraud: NDArray[np.bool_], halfway: int | None) -> Calibrated:
    """Fit both methods to the transactions before index `halfway`, and the better on the others to all of them.

    An isotonic line that is the better there has to be so on all of them too: it bends with every fraud, a sigmoid
    does not.

    Args:
        raw: Raw scores in order of time.
        is_fraud: The outcomes.
        halfway: Where the days to compare on begin; None where they are too few: a sigmoid needs the fewest.

    Raises:
        TrainingRefused: Higher scores are not more often fraud.
    """
    losses = {} if halfway is None else _compared(raw, is_fraud, halfway)
    method = min(losses, key=lambda name: losses[name], default=Method.SIGMOID)
    sigmoid = fit_sigmoid(raw, is_fraud)
    if sigmoid.slope <= 0:
        raise TrainingRefused("On the later days the model is no better than chance; use more days.")
    isotonic = fit_isotonic(raw, is_fraud) if method is Method.ISOTONIC else None
    if isotonic is None or _loss(isotonic, raw, is_fraud) > _loss(sigmoid, raw, is_fraud):
        return Calibrated(Method.SIGMOID, sigmoid, losses)
    return Calibrated(Method.ISOTONIC, isotonic, losses)


def _compared(raw: NDArray[np.float64], is_fraud: NDArray[np.bool_], halfway: int) -> dict[Method, float]:
    fitted: dict[Method, Calibration | None] = {
        Method.SIGMOID: fit_sigmoid(raw[:halfway], is_fraud[:halfway]),
        Method.ISOTONIC: fit_isotonic(raw[:halfway], is_fraud[:halfway]),
    }
    return {
        method: _loss(calibration, raw[halfway:], is_fraud[halfway:])
        for method, calibration in fitted.items()
        if calibration is not None
    }


def _loss(calibration: Calibration, raw: NDArray[np.float64], is_fraud: NDArray[np.bool_]) -> float:
    return log_loss(calibration.probabilities(raw), is_fraud)
