"""LightGBM's own part beside growing trees: the raw scores that the compiled trees of `forest` have to equal."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import lightgbm


class _Quiet:
    """A logger for LightGBM that keeps standard output to whoever prints there on purpose."""

    def info(self, message: str) -> None:
        """Say nothing."""

    def warning(self, message: str) -> None:
        """Say nothing: what matters of a model is checked."""


def load_booster(model: bytes) -> "lightgbm.Booster":
    """Return LightGBM's reading of a text whose structure was checked."""
    import lightgbm  # noqa: PLC0415 - a third of a second, which scoring does without

    lightgbm.register_logger(_Quiet())
    return lightgbm.Booster(params={"verbosity": -1, "num_threads": 1}, model_str=model.decode("ascii"))


def raw_scores(booster: "lightgbm.Booster", rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log-odds of each row; on one thread, since a pool of threads makes the slowest calls far slower."""
    scores = booster.predict(rows, raw_score=True, num_threads=1)
    return np.asarray(scores, dtype=np.float64)
