"""The feature kernel: events in, features out, and every change can be taken back until it is settled."""

from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from mmap import MADV_DONTNEED, MADV_NOHUGEPAGE, MAP_ANONYMOUS, MAP_PRIVATE, mmap
from threading import Lock
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel import counters, layout, restoring, ring, row_copy
from fraudline.kernel.events import Events
from fraudline.kernel.layout import ENTITIES, EVICTED, JOURNALLED, SAVED, TOUCHED, TOUCHES
from fraudline.kernel.program import Program
from fraudline.kernel.registry import (
    FEATURES,
    KERNEL_VERSION,
    KNOWN_AFTER_DAYS,
    LEAST_ENTITIES,
    MAX_ENTITIES,
    MOST_ENTITIES,
)
from fraudline.kernel.row_copy import ROWS_OF_PART, RowCopy

_PROGRAM: Final = Program.of(FEATURES)
_NO_COLUMNS: Final = _PROGRAM.columns[:0]
_CHUNK: Final = 4_096  # events a pass: bounds how far ahead room is made, however long a batch is
_JOURNAL_AT_FIRST: Final = 4_096
_JOURNAL_KEPT: Final = 65_536  # a longer journal is given back to the machine when it is settled
_DIGESTED: Final = 65_536  # rows at a time
_BYTES_PER_ENTITY: Final = 8 * _PROGRAM.words + 4 * layout.LINKS + 4 * layout.BUCKETS_PER_ROW

_State = tuple[
    NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]
]


class Kernel:
    """The state of all entities after the events so far, and the features of the next ones.

    State is a function of the events alone, whatever the batches they came in: fed the same events, two kernels for
    equally many entities agree bit for bit. Once `max_entities` are known, each new one takes the place of the one
    that no event has touched for the longest, transactions and labels alike. `known_after_days` changes what is read,
    not what is kept.

    Its tables are reserved in full and never grow, so no batch waits for that. The system gives memory page by page as
    entities come, 472 bytes for each: 448 of counters, 16 of links, 8 of the table that finds them; 2.36 GB for five
    million, next to nothing for those that are not there yet.

    A kernel belongs to one thread at a time, and while a copy is under way to that of the copy beside it; it lets go of
    the interpreter's lock while it computes.

    Args:
        max_entities: How many entities are remembered at most, of all kinds together.
        known_after_days: After how many days the frauds of a day should all be known; what the model was trained with.

    Raises:
        ValueError: `max_entities` leaves an event's own entities no room beside each other, is beyond the tables, or
            needs more than the machine gives; `known_after_days` is negative.
    """

    def __init__(self, max_entities: int = MAX_ENTITIES, known_after_days: int = KNOWN_AFTER_DAYS) -> None:
        if not LEAST_ENTITIES <= max_entities <= MOST_ENTITIES:
            raise ValueError(
                f"`max_entities` is {max_entities:,}; a kernel remembers from {LEAST_ENTITIES} to {MOST_ENTITIES:,}."
            )
        if known_after_days < 0:
            raise ValueError(f"`known_after_days` is {known_after_days}; no fraud is known before its day.")
        self._known_after_days = known_after_days
        for module in (counters, row_copy, restoring):
            module.prepare_entries()
        self._lock = Lock()
        self._copy: RowCopy | None = None
        buckets = max(max_entities * layout.BUCKETS_PER_ROW, layout.BUCKETS_AT_FIRST)
        try:
            self._memory = [
                _reserved(8 * max_entities * _PROGRAM.words),
                _reserved(4 * (max_entities + 1) * layout.LINKS),
                _reserved(4 * buckets),
            ]
        except OSError as error:
            raise ValueError(
                f"`max_entities` is {max_entities:,}; that many need {max_entities * _BYTES_PER_ENTITY:,} bytes, and "
                f"the machine said: {error.strerror}. Lower FRAUDLINE_MAX_ENTITIES or `--max-entities`."
            ) from error
        words, links, self._buckets = (
            np.frombuffer(memory, number)
            for memory, number in zip(self._memory, (np.int64, np.int32, np.int32), strict=True)
        )
        self._words = words.reshape(max_entities, _PROGRAM.words)
        self._links = links.reshape(max_entities + 1, layout.LINKS)
        self._journal = _journal(_JOURNAL_AT_FIRST)
        self._tally = np.zeros(layout.TALLIES, np.int64)
        self._know_nobody()
        self._savepoints = [0]
        self._scratch = (
            self._words.view(np.float64),
            self._words.view(np.uint16),
            np.zeros(layout.VALUES, np.float64),
            np.zeros((layout.BLOCK * layout.KINDS + 1, layout.FIELDS_OF_SOUGHT), np.int64),
        )

    @property
    def max_entities(self) -> int:
        """The number of entities that are remembered at most."""
        return len(self._words)

    @property
    def entities(self) -> int:
        """The number of entities known."""
        return int(self._tally[ENTITIES])

    @property
    def evicted(self) -> int:
        """The number of entities that had to give way to new ones so far."""
        return int(self._tally[EVICTED])

    def apply(self, events: Events) -> NDArray[np.float64]:
        """Apply events in their order.

        Args:
            events: Transactions and labels, in the order of their positions.

        Returns:
            A row of features for each transaction, in order, with the columns of `registry.FEATURES`: each computed
            from the state before its own event, each finite or NaN.

        Raises:
            ValueError: An event is neither a transaction nor a label with the weight +1 or -1; nothing was applied.
        """
        return self._apply_all(events, _PROGRAM.columns)

    def follow(self, events: Events) -> None:
        """Apply events in their order, where nobody asks for features: the same change of state, bit for bit, sooner.

        Args:
            events: As for `apply`.

        Raises:
            ValueError: As `apply`.
        """
        self._apply_all(events, _NO_COLUMNS)

    def savepoint(self) -> int:
        """Mark the present state and return the mark, for `take_back`; it lives until it is settled or passed."""
        position = int(self._tally[JOURNALLED])
        if self._savepoints[-1] != position:
            self._savepoints.append(position)
        # Rows touched from here on are noted again, although the journal may hold an older content of theirs.
        self._tally[SAVED] = self._tally[TOUCHES]
        return position

    def take_back(self, savepoint: int = 0) -> None:
        """Undo, bit for bit, everything applied since a savepoint: who came is gone, who had to go is back.

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
        with self._lock:
            ring.undo(savepoint, *self._state())
            self._tally[SAVED] = self._tally[TOUCHES]
        del self._savepoints[self._savepoints.index(savepoint) + 1 :]

    def settle(self) -> None:
        """Forget what could be taken back: what was applied is committed."""
        with self._lock:
            if self._copy is not None:
                self._copy.before_settling()
                self._copy = None if self._copy.is_over else self._copy
            self._tally[JOURNALLED] = 0
            self._tally[SAVED] = self._tally[TOUCHES]
            if len(self._journal) > _JOURNAL_KEPT:
                self._journal = _journal(_JOURNAL_AT_FIRST)
        self._savepoints = [0]

    def copy(self, *, rows_a_part: int = ROWS_OF_PART) -> RowCopy:
        """Begin a copy of everything that was settled so far, for `restore`; it is taken beside what is applied next.

        Args:
            rows_a_part: How many rows are read at a time, which `apply` and `settle` may have to wait for.

        Raises:
            ValueError: Another copy is under way.
        """
        with self._lock:
            if self._copy is not None and not self._copy.is_over:
                raise ValueError("A copy is under way; the next one begins when that is over or given up.")
            self._copy = RowCopy(self._state, self._lock, rows_a_part)
            return self._copy

    def restore(self, parts: Iterable[NDArray[np.int64]], *, entities: int, evicted: int) -> None:
        """Become what a copy holds, bit for bit; where that fails this kernel knows nobody, as before.

        Args:
            parts: The copy's rows, cut into arrays anywhere; each is read before the next one is asked for.
            entities: How many entities the copy holds.
            evicted: How many had given way by then.

        Raises:
            ValueError: This kernel knows somebody already, or the parts are no such copy. What the parts raise is
                raised here.
        """
        if self.entities or self._tally[JOURNALLED]:
            raise ValueError("Only a kernel that knows nobody can be restored.")
        try:
            kinds, buckets, links, words, _, tally = self._state()
            restoring.restore(
                parts,
                entities=entities,
                evicted=evicted,
                kinds=kinds,
                buckets=buckets,
                links=links,
                words=words,
                tally=tally,
            )
        except BaseException:
            # Whatever the parts raise: half a state would pass for a whole one.
            for memory in self._memory:
                memory.madvise(MADV_DONTNEED)  # from now on all zeros again, and none of it used
            self._know_nobody()
            raise

    def digest(self) -> str:
        """Return the SHA-256 over all that the kernel knows, in hexadecimal: every entity, the longest idle first.

        Kernels that were fed the same events agree in it, whatever was taken back in between and however many
        entities they have room for, as long as nobody had to go.
        """
        order = np.empty(self.entities, np.int64)
        ring.by_idleness(self._links, order)
        digest = sha256(f"fraudline-kernel {KERNEL_VERSION}\n".encode())
        for start in range(0, len(order), _DIGESTED):
            rows = self._words[order[start : start + _DIGESTED]]
            rows[:, TOUCHED] = 0
            digest.update(rows.astype("<i8", copy=False).tobytes())
        return digest.hexdigest()

    def _apply_all(self, events: Events, columns: NDArray[np.int64]) -> NDArray[np.float64]:
        """Apply events; return the features of the transactions, a column each."""
        transactions = counters.count_transactions(
            np.ascontiguousarray(events.kind), np.ascontiguousarray(events.weight)
        )
        if transactions < 0:
            event = -1 - transactions
            raise ValueError(
                f"Event {event} has `kind` {events.kind[event]} and `weight` {events.weight[event]}; "
                "a transaction has kind 0, a label has kind 1 and weight +1 or -1."
            )
        features = np.empty((transactions, len(columns)), np.float64)
        done = 0
        for start in range(0, len(events), _CHUNK):
            part = events if len(events) <= _CHUNK else events.part(start, start + _CHUNK)
            done += self._apply(part, columns, features[done:])
        return features

    def _apply(self, part: Events, columns: NDArray[np.int64], features: NDArray[np.float64]) -> int:
        """Apply a few events; return how many rows of features that gave."""
        with self._lock:
            self._make_room(len(part))
            done: int = counters.apply_events(
                np.ascontiguousarray(part.kind),
                np.ascontiguousarray(part.time),
                np.ascontiguousarray(part.amount),
                np.ascontiguousarray(part.keys),
                np.ascontiguousarray(part.latitude),
                np.ascontiguousarray(part.longitude),
                np.ascontiguousarray(part.abroad),
                np.ascontiguousarray(part.remote),
                np.ascontiguousarray(part.weight),
                np.ascontiguousarray(part.transaction_time),
                self._known_after_days,
                columns,
                _PROGRAM.sums,
                _PROGRAM.frauds,
                _PROGRAM.half_lives,
                *self._state(),
                *self._scratch,
                features,
            )
        return done

    def _know_nobody(self) -> None:
        """Write into tables of zeros what an empty ring and an empty table of chains are."""
        self._links[self.max_entities, :2] = self.max_entities  # nobody's links close the ring
        self._tally[:] = 0
        self._tally[layout.BUCKETS] = layout.BUCKETS_AT_FIRST
        self._tally[layout.MASK] = layout.BUCKETS_AT_FIRST - 1

    def _state(self) -> _State:
        """Return the arrays that every change is made in, in the order in which the compiled code takes them."""
        return _PROGRAM.kinds, self._buckets, self._links, self._words, self._journal, self._tally

    def _make_room(self, events: int) -> None:
        """Make room in the journal for the most that so many events can note, at least doubling what is too small."""
        noted = int(self._tally[JOURNALLED])
        needed = noted + events * layout.KINDS
        if needed > len(self._journal):
            size = len(self._journal)
            while size < needed:
                size *= 2
            journal = _journal(size)
            journal[:noted] = self._journal[:noted]
            self._journal = journal


def _journal(entries: int) -> NDArray[np.int64]:
    """Return a journal for so many entries."""
    return np.empty((entries, _PROGRAM.words + layout.NOTED), np.int64)


def _reserved(size: int) -> mmap:
    """Return so many bytes, all zero, whose memory the system gives in small pages, as they are used.

    Large pages would spare a twentieth of the time, and stop a batch for up to 40 ms when the system has to find one.
    """
    reserved = mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS)
    with suppress(OSError):  # where there are no large pages at all
        reserved.madvise(MADV_NOHUGEPAGE)
    return reserved
