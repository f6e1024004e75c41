"""What the scorer tells Prometheus."""

import math
from collections import Counter as Tally
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from fraudline.amqp.letters import DeadReason
from fraudline_scorer.snapshot_metrics import SnapshotMetrics
from fraudline_scorer.spread import Spread

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from fraudline.domain.verdict import Verdict
    from fraudline.postgres.commit import AppliedLabel, ScoredTransaction
    from fraudline.state.partition_state import PartitionState
    from fraudline_scorer.holes import Holes
    from fraudline_scorer.plan import Plan
    from fraudline_scorer.standing import Standing

_CONFLICTS = {DeadReason.TRANSACTION_ID_CONFLICT, DeadReason.LABEL_CONFLICT}
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)
_BATCH = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_SCORE = (0.001, 0.005, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class ScorerMetrics:
    """The scorer's own metrics on a registry that is handed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.snapshots = SnapshotMetrics(registry)
        self.is_owner = Gauge(
            "fraudline_scorer_is_owner", "1 while this process owns the partition, 0 as a standby.", registry=registry
        )
        self.epoch = Gauge("fraudline_scorer_epoch", "The epoch under which this process commits.", registry=registry)
        self.position = Gauge("fraudline_scorer_position", "The position that the state stands at.", registry=registry)
        self.standby_lag = Gauge(
            "fraudline_standby_lag_seconds", "How long ago a standby was at the end of the log.", registry=registry
        )
        self._entities = Gauge("fraudline_entities", "Entities of all kinds that the kernel knows.", registry=registry)
        self._evicted = Counter(
            "fraudline_entities_evicted_total", "Entities that gave way to new ones.", registry=registry
        )
        self._evicted_before = 0
        self._holes = Gauge(
            "fraudline_message_holes", "Numbers that producers gave and no message carried.", registry=registry
        )
        self._in_hand: deque[datetime | None] = deque()
        Gauge(
            "fraudline_backlog_age_seconds",
            "Age of the oldest transaction that this process has in hand; 0 while nothing waits.",
            registry=registry,
        ).set_function(self._backlog_age_seconds)
        self.takeovers = Counter("fraudline_takeovers_total", "Times this process became owner.", registry=registry)
        self._verdicts = Counter(
            "fraudline_verdicts_total", "Committed verdicts.", ["decision", "model"], registry=registry
        )
        self._labels = Counter(
            "fraudline_label_effects_total", "Changes of the counters by labels.", ["weight"], registry=registry
        )
        self._duplicates = Counter(
            "fraudline_duplicates_total", "Events that had taken effect before.", registry=registry
        )
        self._fallbacks = Counter(
            "fraudline_fallbacks_total",
            "Verdicts that came too late for a client that waited, by what it was told and what was decided.",
            ["answered", "decision"],
            registry=registry,
        )
        self._conflicts = Counter(
            "fraudline_conflicts_total", "Events refused because an earlier one said otherwise.", registry=registry
        )
        self._poison = Counter("fraudline_scoring_failures_total", "Batches whose computing failed.", registry=registry)
        self._batch_events = Histogram(
            "fraudline_batch_events", "Events that a batch added to the log.", buckets=_BATCH, registry=registry
        )
        self._stage = Histogram(
            "fraudline_stage_seconds", "Time that a batch spends up to each moment.", ["stage"], buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._stages: dict[str, Histogram] = {}
        self._oldest = Histogram(
            "fraudline_oldest_event_age_seconds", "Age of a batch's oldest transaction at scoring.", buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._end_to_end = Spread(
            "fraudline_end_to_end_seconds", "From acceptance to the committed verdict.", buckets=_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._score = Spread("fraudline_score", "Calibrated probabilities given.", buckets=_SCORE, registry=registry)

    def follow(self, standing: "Standing") -> None:
        """Ask how far behind the log this process is whenever the metrics are read."""
        self.standby_lag.set_function(lambda: math.nan if standing.lag_seconds is None else standing.lag_seconds)

    def note_takeover(self, epoch: int) -> None:
        """Note that this process owns the partition."""
        self.takeovers.inc()
        self.epoch.set(epoch)
        self.is_owner.set(1)

    def note_in_hand(self, oldest_at: datetime | None) -> None:
        """Note a batch that was taken, and when the first of its transactions was accepted; None where it has none.

        It stays noted while servers are away, so that a line that stands still is seen to grow old.
        """
        self._in_hand.append(oldest_at)

    def note_acknowledged(self) -> None:
        """Note that the batch that was taken first is out of our hands."""
        self._in_hand.popleft()

    def note_none_in_hand(self) -> None:
        """Note that what was taken is in other hands, or comes again."""
        self._in_hand.clear()

    def _backlog_age_seconds(self) -> float:
        oldest_at = min(filter(None, self._in_hand), default=None)
        return 0.0 if oldest_at is None else max(0.0, (datetime.now(UTC) - oldest_at).total_seconds())

    def note_state(self, state: "PartitionState") -> None:
        """Note how far and how large the state is; everything that it was fed is settled."""
        self.position.set(state.position)
        self._entities.set(state.kernel.entities)
        self._evicted.inc(state.kernel.evicted - self._evicted_before)
        self._evicted_before = state.kernel.evicted

    def note_holes(self, holes: "Holes") -> None:
        """Note what the producers' numbers lack."""
        self._holes.set(holes.open)

    def stage(self, name: str) -> "AbstractContextManager[object]":
        """Measure how long a batch takes to reach a moment of its life."""
        stage = self._stages.get(name)
        if stage is None:
            stage = self._stages[name] = self._stage.labels(name)
        return stage.time()

    def note_committed(self, scored: "list[ScoredTransaction]", applied: "list[AppliedLabel]", plan: "Plan") -> None:
        """Count what a commit brought."""
        self._batch_events.observe(len(scored) + len(applied))
        self._duplicates.inc(plan.duplicates)
        self._conflicts.inc(sum(letter.reason in _CONFLICTS for letter in plan.letters))
        for weight, count in Tally(entry.effect.weight for entry in applied).items():
            self._labels.labels(str(weight)).inc(count)
        verdicts = [entry.verdict for entry in scored]
        if plan.answered:
            decided = {verdict.transaction_id: verdict.decision for verdict in verdicts} | plan.decided
            for transaction_id, answered in plan.answered.items():
                self._fallbacks.labels(answered.value, decided[transaction_id].value).inc()
        if verdicts:
            self._note_verdicts(verdicts)

    def _note_verdicts(self, verdicts: "list[Verdict]") -> None:
        committed_at = datetime.now(UTC)
        for (decision, model), count in Tally([(v.decision, v.model) for v in verdicts]).items():
            self._verdicts.labels(decision.value, model).inc(count)
        # A batch is scored in one moment.
        oldest = verdicts[0].scored_at - min(verdict.accepted_at for verdict in verdicts)
        self._oldest.observe(max(0.0, oldest.total_seconds()))
        self._end_to_end.observe_all(
            max(0.0, (committed_at - verdict.accepted_at).total_seconds()) for verdict in verdicts
        )
        self._score.observe_all([verdict.score for verdict in verdicts if math.isfinite(verdict.score)])

    def note_poison(self) -> None:
        """Count a batch whose computing failed."""
        self._poison.inc()
