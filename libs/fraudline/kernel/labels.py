"""Labels, compiled: what a fraud that becomes known, or is taken back, changes in the rows of its entities."""

# ruff: noqa: PLR0917 - compiled functions take their arrays by position

import math
from typing import Final

from fraudline.kernel.days import count_fraud, forget_frauds
from fraudline.kernel.jit import part
from fraudline.kernel.layout import (
    CARD,
    CLOCK,
    DAYS,
    FRAUDS_FROM,
    FRAUDS_UNTIL,
    HABIT_KNOWN,
    HABIT_LOG,
    HEADER,
    LABEL_CLOCK,
    LABEL_FIRST,
    LABELS,
    LARGEST_AMOUNT,
    SEEN,
    SOUGHT_ROW,
    SUMS_FROM,
    SUMS_UNTIL,
)
from fraudline.kernel.table import Floats, Ints, Shorts
from fraudline.kernel.values import mean_of, seconds_between

_SERIES_SECONDS: Final = 2_592_000.0  # without a label end a series of them
_ORDINARY_LOG: Final = 1.0  # above the card's mean an ordinary fraud has at most this: e times what it usually pays


@part
def is_ordinary(amount: float, own: Ints, kinds: Ints, floats: Floats) -> bool:
    """Return whether a fraud's amount is what its card might have paid, by what is known of the card now."""
    row = own[CARD, SOUGHT_ROW]
    if row < 0 or not 0.0 <= amount <= LARGEST_AMOUNT:
        return True
    usual = mean_of(floats[row, kinds[CARD, HABIT_LOG]], floats[row, kinds[CARD, HABIT_KNOWN]])
    return math.isnan(usual) or math.log1p(amount) - usual <= _ORDINARY_LOG


@part
def apply_label(
    kind: int,
    row: int,
    time: int,
    weight: float,
    transaction_time: int,
    ordinary: bool,  # noqa: FBT001 - as above
    kinds: Ints,
    frauds: Ints,
    half_lives: Floats,
    words: Ints,
    floats: Floats,
    shorts: Shorts,
) -> None:
    """Count a label in a row, on the clock of its labels, so that no label moves the clock of its transactions.

    An entity that was never seen is made by its first label, with that label alone: a fraud may become known before
    this log shows the entity. When as many frauds were taken back as became known, nothing of them is left, no
    rounding error either: a residue of 1e-17 would stand on the wrong side of a tree's split at zero. Otherwise no
    count goes under zero, and the clock and the series stay where a label that was taken back had put them. Whether a
    fraud that is taken back was ordinary is asked anew: where its day has frauds of both kinds, the card's habit may
    have moved over the line since, and one of the other kind goes.
    """
    days = kinds[kind, DAYS]
    known = floats[row, LABELS] + weight
    word = HEADER + kinds[kind, SUMS_UNTIL] - kinds[kind, SUMS_FROM]
    if known <= 0.0:
        words[row, LABEL_CLOCK] = 0
        words[row, LABEL_FIRST] = 0
        floats[row, LABELS] = 0.0
        if days > 0:
            forget_frauds(days, row, shorts)
        for n in range(kinds[kind, FRAUDS_FROM], kinds[kind, FRAUDS_UNTIL]):
            floats[row, word + n - kinds[kind, FRAUDS_FROM]] = 0.0
        return
    gap = 0.0
    if floats[row, LABELS] == 0.0:
        words[row, LABEL_CLOCK] = time
        words[row, LABEL_FIRST] = time
    else:
        gap = seconds_between(words[row, LABEL_CLOCK], time)
        if weight > 0.0 and gap > _SERIES_SECONDS:
            words[row, LABEL_FIRST] = time
        words[row, LABEL_CLOCK] = max(time, words[row, LABEL_CLOCK])
    floats[row, LABELS] = known
    if days > 0 and words[row, SEEN] > 0:
        count_fraud(days, row, words[row, CLOCK], transaction_time, weight, ordinary, shorts)
    for n in range(kinds[kind, FRAUDS_FROM], kinds[kind, FRAUDS_UNTIL]):
        by_gap = math.exp2(-abs(gap) / half_lives[frauds[n]])
        if gap >= 0.0:
            floats[row, word] = max(floats[row, word] * by_gap + weight, 0.0)
        else:
            floats[row, word] = max(floats[row, word] + weight * by_gap, 0.0)
        word += 1
