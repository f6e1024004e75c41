"""The counters of cards and merchants, and the one pass over events that reads and then updates them.

All compiled code stands in this one file on purpose, with every number that it uses: the machine code kept on disk is
thrown away when the file of its entry changes, and for no other file's sake.

An entity is a row of `WORDS` words of 8 bytes in a dense array, in order of first arrival; a word is an integer or a
float by its name below. Every kind of entity has the same row. An open-addressing table leads from kind and key to the
row; it always equals the table that inserting the rows one by one in their order would give, so the youngest row can
be taken out again by emptying its slot.

The journal keeps what a row held at its first touch since the latest savepoint, so its length is bounded by the
entities touched and not by the events.

Times are subtracted as floats: exact for the next two centuries, and no difference of any two times overflows.
"""

# ruff: noqa: PLR0917 - compiled functions take their arrays by position

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel.jit import entry, part, prepare

_Ints = NDArray[np.int64]
_Floats = NDArray[np.float64]
_Slots = NDArray[np.int32]

# Kinds of events and of entities.
TRANSACTION: Final = 0
LABEL: Final = 1
CARD: Final = 0
MERCHANT: Final = 1

# Half-lives, in the order of the words that they belong to.
HALF_LIFE_SECONDS: Final = (3_600.0, 86_400.0, 604_800.0, 2_592_000.0)
HALF_LIVES: Final = 4
HALF_LIFE_7D_SECONDS: Final = 604_800.0
HALF_LIFE_30D_SECONDS: Final = 2_592_000.0
AT_30D: Final = 3

# The words of a row. Integers first.
KEY: Final = 0
KIND: Final = 1
SERIAL_TOUCHED: Final = 2  # the savepoint since which the row is in the journal; no part of the logical state
SEEN: Final = 3  # transactions taken
CLOCK: Final = 4  # latest time of a transaction
FIRST: Final = 5  # time of the first transaction that arrived
LABEL_CLOCK: Final = 6  # latest time of a label that still stands
# Floats from here on.
LABELS: Final = 7  # frauds known, not decayed
COUNT: Final = 8  # and 9, 10, 11: transactions, by half-life, as of the clock
AMOUNT: Final = 12  # and 13, 14, 15: sums of known amounts, by half-life
KNOWN: Final = 16  # transactions with a known amount, by 30 days
LOG: Final = 17  # sum of amount_log, by 30 days
LOG_SQUARE: Final = 18  # sum of its squares, by 30 days
FRAUDS_7D: Final = 19  # labelled frauds as of the label clock
FRAUDS_30D: Final = 20
WORDS: Final = 21

# The words of the tally: what is counted of the state as a whole.
ENTITIES: Final = 0
JOURNALLED: Final = 1
SERIAL: Final = 2
TALLIES: Final = 3

# The columns, in the order of the registry.
AMOUNT_LOG: Final = 0
AMOUNT_IS_ZERO: Final = 1
HOUR_OF_DAY: Final = 2
WEEKDAY: Final = 3
CARD_COUNT_1H: Final = 4  # and 5, 6, 7: by the other half-lives
CARD_AMOUNT_1H: Final = 8  # and 9, 10: by 1 day and 7 days
CARD_AMOUNT_MEAN_30D: Final = 11
CARD_AMOUNT_RATIO_30D: Final = 12
CARD_AMOUNT_DEVIATION_30D: Final = 13
CARD_SECONDS_SINCE_LAST: Final = 14
CARD_SECONDS_SINCE_FIRST: Final = 15
CARD_SECONDS_LATE: Final = 16
CARD_FRAUDS_30D: Final = 17
MERCHANT_COUNT_1H: Final = 18  # and 19, 20, 21: by the other half-lives
MERCHANT_AMOUNT_RATIO_30D: Final = 22
MERCHANT_SECONDS_SINCE_LAST: Final = 23
MERCHANT_SECONDS_SINCE_FIRST: Final = 24
MERCHANT_FRAUDS_7D: Final = 25
MERCHANT_FRAUDS_30D: Final = 26
MERCHANT_RISK_7D: Final = 27
MERCHANT_RISK_30D: Final = 28
COLUMNS: Final = 29

LARGEST_AMOUNT: Final = 1e18  # above it an amount counts as unknown: its powers must never reach infinity
LEAST_WEIGHT: Final = 1e-100  # under it a mean is a quotient of vanishing numbers
VARIANCE_FLOOR: Final = 0.01  # so that a card which always pays the same does not turn a cent into infinity
RISK_PRIOR: Final = 5.0  # transactions that a merchant is taken to have had without fraud

MICROSECONDS: Final = 1e6
MICROSECONDS_OF_HOUR: Final = 3_600_000_000
MICROSECONDS_OF_DAY: Final = 86_400_000_000
WEEKDAY_OF_1970: Final = 3  # a Thursday

SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)
KIND_SPREAD: Final = np.uint64(0xC2B2AE3D27D4EB4F)
HALF_OF_BITS: Final = np.uint64(32)


@part
def slot_of(kind: int, key: np.uint64, slots: _Slots) -> np.int64:
    """Return the slot where the search for an entity begins."""
    mixed = (key ^ (np.uint64(kind) * KIND_SPREAD)) * SPREAD
    mixed ^= mixed >> HALF_OF_BITS
    return np.int64(mixed & np.uint64(slots.size - 1))


@part
def touch(kind: int, key: np.uint64, slots: _Slots, words: _Ints, journal: _Ints, tally: _Ints) -> int:
    """Return an entity's row, made if need be, after noting in the journal what the row held."""
    stored_key = np.int64(key)
    slot = slot_of(kind, key, slots)
    while slots[slot] != 0:
        row = int(slots[slot]) - 1
        if words[row, KEY] == stored_key and words[row, KIND] == kind:
            if words[row, SERIAL_TOUCHED] != tally[SERIAL]:
                at = tally[JOURNALLED]
                for word in range(WORDS):
                    journal[at, word] = words[row, word]
                journal[at, WORDS] = row
                tally[JOURNALLED] = at + 1
                words[row, SERIAL_TOUCHED] = tally[SERIAL]
            return row
        slot = (slot + 1) & (slots.size - 1)
    row = int(tally[ENTITIES])
    slots[slot] = row + 1
    words[row, KEY] = stored_key
    words[row, KIND] = kind
    words[row, SERIAL_TOUCHED] = tally[SERIAL]
    tally[ENTITIES] = row + 1
    journal[tally[JOURNALLED], WORDS] = -1 - row
    tally[JOURNALLED] += 1
    return row


@part
def advance(words: _Ints, floats: _Floats, row: int, time: int) -> tuple[float, float]:
    """Bring a row to now; return the seconds since its last transaction (NaN for none) and the seconds of lateness."""
    if words[row, SEEN] == 0:
        words[row, CLOCK] = time
        words[row, FIRST] = time
        return math.nan, 0.0
    gap = (float(time) - float(words[row, CLOCK])) / MICROSECONDS
    if time < words[row, CLOCK]:
        return 0.0, -gap
    for h in range(HALF_LIVES):
        decay = math.exp2(-gap / HALF_LIFE_SECONDS[h])
        floats[row, COUNT + h] *= decay
        floats[row, AMOUNT + h] *= decay
        if h == AT_30D:
            floats[row, KNOWN] *= decay
            floats[row, LOG] *= decay
            floats[row, LOG_SQUARE] *= decay
    words[row, CLOCK] = time
    return gap, 0.0


@part
def absorb(words: _Ints, floats: _Floats, row: int, late: float, amount: float, amount_log: float) -> None:
    """Count a transaction in a row that was brought to now; an unknown amount is NaN and stays out of every sum."""
    words[row, SEEN] += 1
    for h in range(HALF_LIVES):
        weight = 1.0
        if late > 0.0:
            weight = math.exp2(-late / HALF_LIFE_SECONDS[h])
        floats[row, COUNT + h] += weight
        if not math.isnan(amount):
            floats[row, AMOUNT + h] += weight * amount
            if h == AT_30D:
                floats[row, KNOWN] += weight
                floats[row, LOG] += weight * amount_log
                floats[row, LOG_SQUARE] += weight * amount_log * amount_log


@part
def seconds_since_first(words: _Ints, row: int) -> float:
    """Return the seconds from the first transaction that arrived until now; NaN where there was none."""
    if words[row, SEEN] == 0:
        return math.nan
    return (float(words[row, CLOCK]) - float(words[row, FIRST])) / MICROSECONDS


@part
def mean_amount(floats: _Floats, row: int) -> float:
    """Return the mean of the known amounts, decayed by 30 days; NaN where nothing is known."""
    if floats[row, KNOWN] < LEAST_WEIGHT:
        return math.nan
    return float(floats[row, AMOUNT + AT_30D] / floats[row, KNOWN])


@part
def deviation(floats: _Floats, row: int, amount_log: float) -> float:
    """Return how many standard deviations the amount's logarithm lies from its mean, decayed by 30 days."""
    if floats[row, KNOWN] < LEAST_WEIGHT:
        return math.nan
    mean = float(floats[row, LOG] / floats[row, KNOWN])
    variance = float(floats[row, LOG_SQUARE] / floats[row, KNOWN]) - mean * mean
    # Rounding can leave the variance of equal amounts a little under zero.
    return (amount_log - mean) / math.sqrt(max(variance, 0.0) + VARIANCE_FLOOR)


@part
def frauds(words: _Ints, floats: _Floats, row: int, word: int, half_life_seconds: float) -> float:
    """Return the labelled frauds of a row that was brought to now; a label ahead of now counts as it stands."""
    if floats[row, LABELS] == 0.0 or words[row, CLOCK] <= words[row, LABEL_CLOCK]:
        return float(floats[row, word])
    age = (float(words[row, CLOCK]) - float(words[row, LABEL_CLOCK])) / MICROSECONDS
    return float(floats[row, word] * math.exp2(-age / half_life_seconds))


@part
def apply_transaction(
    words: _Ints, floats: _Floats, card: int, merchant: int, time: int, sent_amount: float, features: _Floats
) -> None:
    """Write a transaction's features from what its entities held before it, then count it in both."""
    amount, is_zero = math.nan, math.nan
    if 0.0 <= sent_amount <= LARGEST_AMOUNT:
        amount, is_zero = sent_amount, 0.0
        if amount == 0.0:
            is_zero = 1.0
    amount_log = math.log1p(amount)
    card_gap, card_late = advance(words, floats, card, time)
    merchant_gap, merchant_late = advance(words, floats, merchant, time)

    features[AMOUNT_LOG] = amount_log
    features[AMOUNT_IS_ZERO] = is_zero
    features[HOUR_OF_DAY] = time // MICROSECONDS_OF_HOUR % 24
    features[WEEKDAY] = (time // MICROSECONDS_OF_DAY + WEEKDAY_OF_1970) % 7

    for h in range(HALF_LIVES):
        features[CARD_COUNT_1H + h] = floats[card, COUNT + h]
        features[MERCHANT_COUNT_1H + h] = floats[merchant, COUNT + h]
        if h != AT_30D:
            features[CARD_AMOUNT_1H + h] = floats[card, AMOUNT + h]
    card_mean = mean_amount(floats, card)
    features[CARD_AMOUNT_MEAN_30D] = card_mean
    features[CARD_AMOUNT_RATIO_30D] = (amount + 1.0) / (card_mean + 1.0)
    features[CARD_AMOUNT_DEVIATION_30D] = deviation(floats, card, amount_log)
    features[CARD_SECONDS_SINCE_LAST] = card_gap
    features[CARD_SECONDS_SINCE_FIRST] = seconds_since_first(words, card)
    features[CARD_SECONDS_LATE] = card_late
    features[CARD_FRAUDS_30D] = frauds(words, floats, card, FRAUDS_30D, HALF_LIFE_30D_SECONDS)

    features[MERCHANT_AMOUNT_RATIO_30D] = (amount + 1.0) / (mean_amount(floats, merchant) + 1.0)
    features[MERCHANT_SECONDS_SINCE_LAST] = merchant_gap
    features[MERCHANT_SECONDS_SINCE_FIRST] = seconds_since_first(words, merchant)
    frauds_7d = frauds(words, floats, merchant, FRAUDS_7D, HALF_LIFE_7D_SECONDS)
    frauds_30d = frauds(words, floats, merchant, FRAUDS_30D, HALF_LIFE_30D_SECONDS)
    features[MERCHANT_FRAUDS_7D] = frauds_7d
    features[MERCHANT_FRAUDS_30D] = frauds_30d
    features[MERCHANT_RISK_7D] = frauds_7d / (features[MERCHANT_COUNT_1H + 2] + RISK_PRIOR)
    features[MERCHANT_RISK_30D] = frauds_30d / (features[MERCHANT_COUNT_1H + 3] + RISK_PRIOR)

    absorb(words, floats, card, card_late, amount, amount_log)
    absorb(words, floats, merchant, merchant_late, amount, amount_log)


@part
def apply_label(words: _Ints, floats: _Floats, row: int, time: int, weight: float) -> None:
    """Count a label in a row, on the clock of its labels, so that no label moves the clock of its transactions.

    An entity that was never seen is made by its first label, with that label alone: a fraud may become known before
    this log shows the entity. When as many frauds were taken back as became known, nothing of them is left, no
    rounding error either: a residue of 1e-17 would stand on the wrong side of a tree's split at zero. Otherwise no
    count goes under zero, and the clock stays where a label that was taken back had put it.
    """
    known = floats[row, LABELS] + weight
    if known <= 0.0:
        words[row, LABEL_CLOCK] = 0
        floats[row, LABELS] = 0.0
        floats[row, FRAUDS_7D] = 0.0
        floats[row, FRAUDS_30D] = 0.0
        return
    decay_7d, decay_30d, weight_7d, weight_30d = 1.0, 1.0, weight, weight
    if floats[row, LABELS] == 0.0:
        words[row, LABEL_CLOCK] = time
    else:
        gap = (float(time) - float(words[row, LABEL_CLOCK])) / MICROSECONDS
        by_7d = math.exp2(-abs(gap) / HALF_LIFE_7D_SECONDS)
        by_30d = math.exp2(-abs(gap) / HALF_LIFE_30D_SECONDS)
        if time >= words[row, LABEL_CLOCK]:
            words[row, LABEL_CLOCK] = time
            decay_7d, decay_30d = by_7d, by_30d
        else:
            weight_7d, weight_30d = weight * by_7d, weight * by_30d
    floats[row, LABELS] = known
    floats[row, FRAUDS_7D] = max(floats[row, FRAUDS_7D] * decay_7d + weight_7d, 0.0)
    floats[row, FRAUDS_30D] = max(floats[row, FRAUDS_30D] * decay_30d + weight_30d, 0.0)


@entry
def count_transactions(kind: NDArray[np.int8], weight: _Floats) -> int:
    """Return how many events are transactions; -1 - n where event n is of no known kind or a label of no weight."""
    transactions = 0
    for n in range(kind.size):
        if kind[n] == TRANSACTION:
            transactions += 1
        elif kind[n] != LABEL or not (weight[n] == 1.0 or weight[n] == -1.0):
            return -1 - n
    return transactions


@entry
def apply_events(
    kind: NDArray[np.int8],
    time: _Ints,
    amount: _Floats,
    card: NDArray[np.uint64],
    merchant: NDArray[np.uint64],
    weight: _Floats,
    slots: _Slots,
    words: _Ints,
    journal: _Ints,
    tally: _Ints,
    features: _Floats,
) -> int:
    """Apply events in order, write a row of features for each transaction, return the number of these rows.

    Room for two more entities and two more journal entries an event is the caller's to provide.
    """
    floats = words.view(np.float64)
    transaction = 0
    for n in range(kind.size):
        card_row = touch(CARD, card[n], slots, words, journal, tally)
        merchant_row = touch(MERCHANT, merchant[n], slots, words, journal, tally)
        if kind[n] == TRANSACTION:
            apply_transaction(words, floats, card_row, merchant_row, time[n], amount[n], features[transaction])
            transaction += 1
        else:
            apply_label(words, floats, card_row, time[n], weight[n])
            apply_label(words, floats, merchant_row, time[n], weight[n])
    return transaction


@entry
def undo(position: int, slots: _Slots, words: _Ints, journal: _Ints, tally: _Ints) -> None:
    """Give every row back what it held at a position of the journal; the youngest change goes first."""
    for at in range(tally[JOURNALLED] - 1, position - 1, -1):
        row = journal[at, WORDS]
        if row >= 0:
            for word in range(WORDS):
                words[row, word] = journal[at, word]
        else:
            row = -1 - row
            slot = slot_of(words[row, KIND], np.uint64(words[row, KEY]), slots)
            while slots[slot] != row + 1:
                slot = (slot + 1) & (slots.size - 1)
            slots[slot] = 0
            for word in range(WORDS):
                words[row, word] = 0
            tally[ENTITIES] = row
    tally[JOURNALLED] = position


@entry
def fill_slots(slots: _Slots, words: _Ints, entities: int) -> None:
    """Enter the rows into an empty table, in their order."""
    for row in range(entities):
        slot = slot_of(words[row, KIND], np.uint64(words[row, KEY]), slots)
        while slots[slot] != 0:
            slot = (slot + 1) & (slots.size - 1)
        slots[slot] = row + 1


def prepare_entries() -> None:
    """Load or compile every entry; the arrays of events may be read-only, those of the state are written."""
    kind, floats, keys = "Array(int8, 1, 'C', True)", "Array(float64, 1, 'C', True)", "Array(uint64, 1, 'C', True)"
    state = "int32[::1], int64[:, ::1], int64[:, ::1], int64[::1]"
    times = "Array(int64, 1, 'C', True)"
    prepare(count_transactions, f"int64({kind}, {floats})")
    prepare(apply_events, f"int64({kind}, {times}, {floats}, {keys}, {keys}, {floats}, {state}, float64[:, ::1])")
    prepare(undo, f"void(int64, {state})")
    prepare(fill_slots, "void(int32[::1], int64[:, ::1], int64)")
