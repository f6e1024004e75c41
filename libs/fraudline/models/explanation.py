"""From a committed vector of features to reasons: TreeSHAP contributions, gathered by code, the strongest in words.

Contributions are in log-odds of the model's raw score, before calibration: those of all codes and the base value, the
score of an average payment of the training data, add up to it. Positive ones raise the score.
"""

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from fraudline.domain.policy import Reason
from fraudline.domain.reasons import CODES, Facts, code_of
from fraudline.kernel.registry import FEATURES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fraudline.models.bundle import Bundle

MOST_REASONS: Final = 5
LEAST_SHARE: Final = 0.1
"""Of what the strongest reason contributes: one with less explains nothing to anybody."""

_NAMES: Final = tuple(feature.name for feature in FEATURES)
_CODE_OF: Final = tuple(code_of(name) for name in _NAMES)
_COLUMNS_OF: Final = {
    code.code: tuple(column for column, owner in enumerate(_CODE_OF) if owner is code) for code in CODES
}
_VECTOR: Final = np.dtype("<f8")


def read_features(stored: bytes | None) -> "NDArray[np.float64] | None":
    """Return the vector that a verdict was committed with; None where it is not one of this kernel's."""
    if stored is None or len(stored) != len(_NAMES) * _VECTOR.itemsize:
        return None
    return np.frombuffer(stored, _VECTOR).astype(np.float64)


def explain(bundle: "Bundle", features: "NDArray[np.float64]") -> tuple[Reason, ...]:
    """Return why the bundle gives one vector of features its score, the strongest reason first.

    There is no reason where no code raises the score above that of an average payment.

    Raises:
        ValueError: The model's contributions are not finite.
    """
    contributions = bundle.contributions(features[np.newaxis])[0]
    return reasons_of(features, contributions, currency=bundle.base_currency)


def contributions_by_code(contributions: "NDArray[np.float64]") -> dict[str, float]:
    """Return what each code contributes, given what each feature does, in the order of the kernel's registry."""
    of_columns = contributions.tolist()  # at once: many times faster than one NumPy scalar after another
    return {code: math.fsum([of_columns[column] for column in columns]) for code, columns in _COLUMNS_OF.items()}


def reasons_of(
    features: "NDArray[np.float64]", contributions: "NDArray[np.float64]", *, currency: str
) -> tuple[Reason, ...]:
    """Return the codes that raise the score the most, with their sentences; what two of them would say is told once.

    Args:
        features: One payment's features, in the order of the kernel's registry.
        contributions: What each contributes to the raw score; what follows them (the base value) is not looked at.
        currency: The base currency.

    Raises:
        ValueError: A contribution is not finite.
    """
    if not np.isfinite(contributions).all():
        raise ValueError("The model gives contributions that are not finite.")
    values = dict(zip(_NAMES, features.tolist(), strict=True))
    by_code, of_columns = contributions_by_code(contributions), contributions.tolist()
    least = LEAST_SHARE * max(by_code.values())
    reasons: dict[str, Reason] = {}
    for code in sorted(CODES, key=lambda code: -by_code[code.code]):
        contribution = by_code[code.code]
        if contribution <= 0 or contribution < least:
            break
        strongest = max(_COLUMNS_OF[code.code], key=of_columns.__getitem__)
        text = code.sentence(Facts(values, _NAMES[strongest], currency))
        reasons.setdefault(text, Reason(code.code, text, contribution))
        if len(reasons) == MOST_REASONS:
            break
    return tuple(reasons.values())
