"""The feature kernel: events in, features out, and every change can be taken back until it is settled."""

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel import counters
from fraudline.kernel.counters import (
    COLUMNS,
    ENTITIES,
    JOURNALLED,
    KEY,
    KIND,
    SERIAL,
    SERIAL_TOUCHED,
    TALLIES,
    WORDS,
)
from fraudline.kernel.events import Events
from fraudline.kernel.registry import KERNEL_VERSION

_CHUNK = 4_096  # events a pass: bounds how far ahead room is made, however long a batch is
_ROWS_AT_FIRST = 1_024
_JOURNAL_AT_FIRST = 2_048
_JOURNAL_KEPT = 65_536  # a longer journal is given back to the machine when it is settled
_KINDS_OF_ENTITY = 2
_SLOTS_PER_ROW = 2  # the table is at most half full, so that a search ends after a slot or two


class Kernel:
    """The state of all cards and merchants after the events so far, and the features of the next ones.

    State is a function of the events alone, whatever the batches they came in: fed the same events, two kernels agree
    bit for bit. A kernel belongs to one thread at a time; it lets go of the interpreter's lock while it computes.
    """

    def __init__(self) -> None:
        counters.prepare_entries()
        self._words = np.zeros((_ROWS_AT_FIRST, WORDS), np.int64)
        self._slots = np.zeros(_ROWS_AT_FIRST * _SLOTS_PER_ROW, np.int32)
        self._journal = np.zeros((_JOURNAL_AT_FIRST, WORDS + 1), np.int64)
        self._tally = np.zeros(TALLIES, np.int64)
        self._tally[SERIAL] = 1
        self._savepoints = [0]

    @property
    def entities(self) -> int:
        """The number of cards and merchants known."""
        return int(self._tally[ENTITIES])

    def apply(self, events: Events) -> NDArray[np.float64]:
        """Apply events in their order.

        Args:
            events: Transactions and labels, in the order of their positions.

        Returns:
            A row of features for each transaction, in order, with the columns of `registry.FEATURES`: each computed
            from the state before its own event.

        Raises:
            ValueError: An event is neither a transaction nor a label with the weight +1 or -1; nothing was applied.
        """
        transactions = counters.count_transactions(
            np.ascontiguousarray(events.kind), np.ascontiguousarray(events.weight)
        )
        if transactions < 0:
            event = -1 - transactions
            raise ValueError(
                f"Event {event} has `kind` {events.kind[event]} and `weight` {events.weight[event]}; "
                "a transaction has kind 0, a label has kind 1 and weight +1 or -1."
            )
        features = np.empty((transactions, COLUMNS), np.float64)
        done = 0
        for start in range(0, len(events), _CHUNK):
            part = events if len(events) <= _CHUNK else events.part(start, start + _CHUNK)
            self._make_room(len(part))
            done += counters.apply_events(
                np.ascontiguousarray(part.kind),
                np.ascontiguousarray(part.time),
                np.ascontiguousarray(part.amount),
                np.ascontiguousarray(part.card),
                np.ascontiguousarray(part.merchant),
                np.ascontiguousarray(part.weight),
                self._slots,
                self._words,
                self._journal,
                self._tally,
                features[done:],
            )
        return features

    def savepoint(self) -> int:
        """Mark the present state and return the mark, for `take_back`; it lives until it is settled or passed."""
        position = int(self._tally[JOURNALLED])
        if self._savepoints[-1] != position:
            self._savepoints.append(position)
        # Rows touched from here on are noted again, although the journal may hold an older content of theirs.
        self._tally[SERIAL] += 1
        return position

    def take_back(self, savepoint: int = 0) -> None:
        """Undo, bit for bit, everything applied since a savepoint; entities that came since then are gone.

        Args:
            savepoint: What `savepoint` returned; 0 for everything since the last `settle`.

        Raises:
            ValueError: No such savepoint lives: it was settled, or an earlier one was taken back to.
        """
        if savepoint not in self._savepoints:
            raise ValueError(
                f"No savepoint {savepoint} lives; those that do are {self._savepoints}. "
                "A savepoint ends with `settle` and when an earlier one is taken back to."
            )
        counters.undo(savepoint, self._slots, self._words, self._journal, self._tally)
        del self._savepoints[self._savepoints.index(savepoint) + 1 :]
        self._tally[SERIAL] += 1

    def settle(self) -> None:
        """Forget what could be taken back: what was applied is committed."""
        self._tally[JOURNALLED] = 0
        self._tally[SERIAL] += 1
        self._savepoints = [0]
        if len(self._journal) > _JOURNAL_KEPT:
            self._journal = np.zeros((_JOURNAL_AT_FIRST, WORDS + 1), np.int64)

    def digest(self) -> str:
        """Return the SHA-256 over all that the kernel knows, in hexadecimal.

        Kernels that were fed the same events agree in it, whatever was taken back in between and however large their
        tables are.
        """
        rows = self._words[: self.entities]
        order = np.lexsort((rows[:, KEY].view(np.uint64), rows[:, KIND]))
        logical = np.delete(rows[order], SERIAL_TOUCHED, axis=1).astype("<i8", copy=False)
        return sha256(f"fraudline-kernel {KERNEL_VERSION}\n".encode() + logical.tobytes()).hexdigest()

    def _make_room(self, events: int) -> None:
        """Make room for the most that so many events can add, at least doubling what is too small."""
        rows = self.entities + events * _KINDS_OF_ENTITY
        if rows > len(self._words):
            words = np.zeros((_doubled(len(self._words), rows), WORDS), np.int64)
            words[: self.entities] = self._words[: self.entities]
            slots = np.zeros(len(words) * _SLOTS_PER_ROW, np.int32)
            counters.fill_slots(slots, words, self.entities)
            self._words, self._slots = words, slots
        entries = int(self._tally[JOURNALLED]) + events * _KINDS_OF_ENTITY
        if entries > len(self._journal):
            journal = np.zeros((_doubled(len(self._journal), entries), WORDS + 1), np.int64)
            journal[: self._tally[JOURNALLED]] = self._journal[: self._tally[JOURNALLED]]
            self._journal = journal


def _doubled(size: int, least: int) -> int:
    """Return the size doubled until it is no less than `least`."""
    while size < least:
        size *= 2
    return size
