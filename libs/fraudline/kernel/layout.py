"""Where things stand in the kernel's arrays: every number that its compiled code knows them by.

An entity is a row of words of 8 bytes; a word is an integer or a float by its name here. After the header come the
sums that its kind keeps, by half-life, then its frauds by half-life, then its place, then its last days (`program.py`
says which). What is left of the row stays zero.
"""

from typing import Final

# Kinds of entities, by the registry.
CARD: Final = 0
MERCHANT: Final = 1
PAIR: Final = 5  # of the two; the kinds between have keys of their own
KINDS: Final = 6

# The header of a row. Integers, but for the last.
KEY: Final = 0
KIND: Final = 1
TOUCHED: Final = 2  # the number of its latest touch: rows hang in this order; itself no part of the logical state
SEEN: Final = 3  # transactions taken
CLOCK: Final = 4  # latest time of a transaction
FIRST: Final = 5  # time of the first transaction that arrived
LABEL_CLOCK: Final = 6  # latest time of a label that still stands
LABEL_FIRST: Final = 7  # time of the first label of the latest series
LABELS: Final = 8  # frauds known, not decayed; a float
HEADER: Final = 9
# A place: a point on the unit sphere, all zero where none is known, and its time, an integer.
X: Final = 0
Y: Final = 1
Z: Final = 2
PLACE_TIME: Final = 3
WORDS_OF_PLACE: Final = 4
WORDS_OF_CACHE_LINE: Final = 8
# Days: two integers of 16 bits each.
DAYS_KEPT: Final = 46  # as many as fit into the cache lines that a merchant's sums begin
TRANSACTIONS_OF_DAY: Final = 0
FRAUDS_OF_DAY: Final = 1
SHORTS_OF_DAY: Final = 2
SHORTS_OF_WORD: Final = 4
WORDS_OF_DAYS: Final = DAYS_KEPT * SHORTS_OF_DAY // SHORTS_OF_WORD

# The links of a row.
OLDER: Final = 0
YOUNGER: Final = 1
NEXT: Final = 2  # in its chain; one more than the row, 0 at the end, as in the buckets
HASH: Final = 3
LINKS: Final = 4

# What a journal entry has after the row's words: the row, and the row that hung older beside it or one of two marks.
NOTED: Final = 2
MADE: Final = -1
MADE_INSTEAD: Final = -2  # of the entity whose words the entry holds

# The words of the tally: what is counted of the state as a whole.
ENTITIES: Final = 0
JOURNALLED: Final = 1
TOUCHES: Final = 2  # so far; those that were taken back count too
EVICTED: Final = 3
BUCKETS: Final = 4  # in use
MASK: Final = 5  # of a hash, for the buckets
SAVED: Final = 6  # touches at the latest savepoint: a row touched later is in the journal
TALLIES: Final = 7
BUCKETS_AT_FIRST: Final = 64  # a power of two
BUCKETS_PER_ROW: Final = 2

# The fields of the program: of a column, then of a kind, then of a sum.
STATISTIC: Final = 0
ENTITY: Final = 1
HALF_LIFE: Final = 2
WORD: Final = 3  # and 4, 5
FIELDS: Final = 6
SUMS_FROM: Final = 0
SUMS_UNTIL: Final = 1
FRAUDS_FROM: Final = 2
FRAUDS_UNTIL: Final = 3
PLACE: Final = 4  # its first word; 0 for none
USED: Final = 5  # words of the row
TAKES_TRANSACTIONS: Final = 6
TAKES_LABELS: Final = 7
DAYS: Final = 8  # the first word of its days; 0 for none
HABIT_KNOWN: Final = 9  # of a card: the sums that say what it usually pays; 0 for none
HABIT_LOG: Final = 10
FIELDS_OF_KIND: Final = 11
QUANTITY: Final = 0
BY_HALF_LIFE: Final = 1
FIELDS_OF_SUM: Final = 2

LARGEST_AMOUNT: Final = 1e18  # above it an amount counts as unknown: its powers must never reach infinity

# What a transaction adds to sums, by the program's quantities.
ONE: Final = 0
KNOWN_AMOUNT: Final = 1
KNOWN: Final = 2
LOG: Final = 3
LOG_SQUARE: Final = 4
HOUR_COS: Final = 5
HOUR_SIN: Final = 6
WEEK_COS: Final = 7
WEEK_SIN: Final = 8
PEAK: Final = 9  # no sum: the largest is kept
# What else is known of it, NaN where it is not.
TOLD_AMOUNT: Final = 10
TOLD_LOG: Final = 11
IS_ZERO: Final = 12
HOUR: Final = 13
DAY: Final = 14
ABROAD: Final = 15
REMOTE: Final = 16
AT_X: Final = 17
AT_Y: Final = 18
AT_Z: Final = 19
GAP: Final = 20  # and one for each further kind: seconds since its entity's last transaction
LATE: Final = 26  # the same: seconds of lateness
ORDINARY_FRAUDS_OF: Final = 32  # the same: what its last days say
ORDINARY_FRAUD_SHARE_OF: Final = 38
CLEARED_OF: Final = 44
VALUES: Final = 50

# What is sought for each event and kind of a block.
BLOCK: Final = 32  # events looked up together
SOUGHT_KEY: Final = 0
SOUGHT_HASH: Final = 1  # -1 for no entity
SOUGHT_ROW: Final = 2  # -1 for a new one
FIELDS_OF_SOUGHT: Final = 3

# Statistics, in the order of `statistic.STATISTICS`.
AMOUNT_LOG: Final = 0
AMOUNT_IS_ZERO: Final = 1
HOUR_OF_DAY: Final = 2
WEEKDAY: Final = 3
IS_ABROAD: Final = 4
IS_REMOTE: Final = 5
COUNT: Final = 6
AMOUNT: Final = 7
AMOUNT_MEAN: Final = 8
AMOUNT_RATIO: Final = 9
AMOUNT_DEVIATION: Final = 10
AMOUNT_SPREAD: Final = 11
AMOUNT_PEAK: Final = 12
SECONDS_SINCE_LAST: Final = 13
SECONDS_SINCE_FIRST: Final = 14
SECONDS_LATE: Final = 15
VELOCITY: Final = 16
HOUR_HABIT: Final = 17
WEEKDAY_HABIT: Final = 18
TRAVEL_KMH: Final = 19
FRAUDS: Final = 20
RISK: Final = 21
SECONDS_SINCE_FRAUD: Final = 22
SECONDS_SINCE_FIRST_FRAUD: Final = 23
ORDINARY_FRAUDS: Final = 24
ORDINARY_FRAUD_SHARE: Final = 25
CLEARED_SINCE_FRAUD: Final = 26
