"""Events to features and features to scores: the one path that everything takes.

The scorer, the audit, training and backtest feed their kernel here and nowhere else; what decides on a score
is `domain.policy.decide`, for all of them. So what a model learned from, what a backtest reports and what production
computes are one and the same number. Who only catches up with a log needs no features: `Kernel.follow`, the same pass
without them.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.events import Events
from fraudline.kernel.kernel import Kernel
from fraudline.models.bundle import Bundle


def featured(kernel: Kernel, events: Events) -> NDArray[np.float64]:
    """Feed events to the kernel in their order; return the features of the transactions among them, a row each.

    What was fed can be taken back until the kernel settles.
    """
    return kernel.apply(events)


def score(
    kernel: Kernel, bundle: Bundle, events: Events, *, tell_failure: Callable[[Exception], None]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Feed events to the kernel and judge the transactions among them.

    Args:
        kernel: The state that the events change; see `featured`.
        bundle: The model.
        events: Transactions and labels, in the order of their positions.
        tell_failure: Is called with what the model died of, where it does.

    Returns:
        The features, one row a transaction, and the calibrated probabilities, one a transaction; NaN for all where the
        model fails, which sends them to a person.
    """
    features = featured(kernel, events)
    try:
        return features, bundle.predict(features)
    except Exception as error:  # noqa: BLE001 - whatever the model dies of, the payments are decided
        tell_failure(error)
        return features, np.full(len(features), np.nan)
