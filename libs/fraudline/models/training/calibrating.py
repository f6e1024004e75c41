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
    """A calibration, and the log loss of each method on the days that neither was fitted to; none where none were."""

    method: Method
    calibration: Calibration
    log_loss: Mapping[Method, float]


def calibrate(raw: NDArray[np.float64], is_fraud: NDArray[np.bool_], halfway: int | None) -> Calibrated:
    """Fit both methods to the transactions before index `halfway`, and the better on the others to all of them.

    Args:
        raw: Raw scores in order of time.
        is_fraud: The outcomes.
        halfway: Where the days to compare on begin; None where they are too few: a sigmoid needs the fewest.

    Raises:
        TrainingRefused: Higher scores are not more often fraud.
    """
    losses = {} if halfway is None else _compared(raw, is_fraud, halfway)
    method = min(losses, key=lambda name: losses[name], default=Method.SIGMOID)
    isotonic = fit_isotonic(raw, is_fraud) if method is Method.ISOTONIC else None
    sigmoid = fit_sigmoid(raw, is_fraud)
    if sigmoid.slope <= 0:
        raise TrainingRefused("On the later days the model is no better than chance; use more days.")
    if isotonic is None:
        return Calibrated(Method.SIGMOID, sigmoid, losses)
    return Calibrated(Method.ISOTONIC, isotonic, losses)


def _compared(raw: NDArray[np.float64], is_fraud: NDArray[np.bool_], halfway: int) -> dict[Method, float]:
    fitted: dict[Method, Calibration | None] = {
        Method.SIGMOID: fit_sigmoid(raw[:halfway], is_fraud[:halfway]),
        Method.ISOTONIC: fit_isotonic(raw[:halfway], is_fraud[:halfway]),
    }
    return {
        method: log_loss(calibration.probabilities(raw[halfway:]), is_fraud[halfway:])
        for method, calibration in fitted.items()
        if calibration is not None
    }
