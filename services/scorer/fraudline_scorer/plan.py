"""Decoded → unseen: what a batch adds to the log, in order, after what is known already is set aside."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from fraudline.amqp.letters import DeadReason, Letter
from fraudline.domain.event import LabelReported, TransactionAccepted
from fraudline.domain.label import Effect, LabelHistory
from fraudline.domain.moment import microseconds
from fraudline.domain.money import base_amount
from fraudline.domain.policy import Decision
from fraudline.postgres.log import LoggedEvent
from fraudline.postgres.lookup import Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fraudline.domain.event import FallbackAnswered
    from fraudline.domain.verdict import Verdict
    from fraudline.models.bundle import Bundle
    from fraudline.postgres.lookup import Known
    from fraudline_scorer.deliveries import Received


class NewTransaction(NamedTuple):
    """A transaction that has no verdict yet; `microseconds` is the kernel's time of it."""

    received: "Received"
    accepted: TransactionAccepted
    fingerprint: bytes
    base_amount: float | None
    microseconds: int

    @property
    def place(self) -> Place:
        """Whose counters its labels touch."""
        transaction = self.accepted.data
        return Place(
            transaction.card_id,
            transaction.merchant_id,
            transaction.device_id,
            transaction.merchant_country,
            transaction.customer_id,
            self.base_amount,
            self.microseconds,
        )


class NewEffect(NamedTuple):
    """A change of the counters of a transaction's entities, brought by a label."""

    received: "Received"
    transaction_id: str
    place: Place
    effect: Effect


@dataclass(slots=True)
class Plan:
    """What will be computed and committed (`entries`, in the order of their positions), and what not.

    `answered` are the decisions that clients were told before the verdict was there, by transaction, and `decided`
    those of the verdicts among them that are there by now, outside this batch. `conflicts` are the keys of transactions
    whose id has a verdict for other content. With `if_unseen` nothing was looked up: the plan holds where the database
    knows nothing of its transactions.
    """

    entries: list[NewTransaction | NewEffect] = field(default_factory=list)
    taken: list[LabelReported] = field(default_factory=list)
    answered: dict[str, Decision] = field(default_factory=dict)
    decided: dict[str, Decision] = field(default_factory=dict)
    conflicts: set[bytes] = field(default_factory=set)
    seen_before: "list[Verdict]" = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)
    duplicates: int = 0
    if_unseen: bool = False

    def logged(self) -> list[LoggedEvent]:
        """Return the entries as the log will tell them to the kernel."""
        return [
            _transaction_logged(entry) if isinstance(entry, NewTransaction) else _effect_logged(entry)
            for entry in self.entries
        ]


def _transaction_logged(new: NewTransaction) -> LoggedEvent:
    transaction = new.accepted.data
    # In the order of the fields: by name it would take three times as long, for every payment.
    return LoggedEvent._make(
        (
            True,
            new.microseconds,
            0,
            new.base_amount,
            transaction.card_id,
            transaction.merchant_id,
            transaction.device_id,
            transaction.merchant_country,
            transaction.customer_id,
            transaction.latitude,
            transaction.longitude,
            transaction.billing_country,
            transaction.channel,
            None,
        )
    )


def _effect_logged(new: NewEffect) -> LoggedEvent:
    return LoggedEvent(
        is_transaction=False,
        microseconds=microseconds(new.effect.counted_at),
        weight=new.effect.weight,
        **new.place._asdict(),
    )


class Planner:
    """Makes the plan of one batch; the histories of `known` are brought up to date as the batch goes on."""

    def __init__(self, known: "Known", bundle: "Bundle", *, queue: str) -> None:
        self._known = known
        self._bundle = bundle
        self._queue = queue
        self._new: dict[str, NewTransaction] = {}
        self._plan = Plan()

    def plan(self, batch: "Sequence[Received]", *, refused: "dict[bytes, DeadReason]") -> Plan:
        """Return the plan; events whose key is in `refused` become letters with the reason given there."""
        for received in batch:
            if refused and (reason := refused.get(received.key)) is not None:
                self._bury(received, reason, "see the reason")
            elif isinstance(received.event, TransactionAccepted):
                self._take_transaction(received, received.event)
            elif isinstance(received.event, LabelReported):
                self._take_label(received, received.event)
            else:
                self._take_fallback(received.event)
        return self._plan

    def _take_transaction(self, received: "Received", accepted: TransactionAccepted) -> None:
        transaction = accepted.data
        transaction_id = transaction.transaction_id
        fingerprint = transaction.fingerprint(accepted.postedby)
        verdict = self._known.verdicts.get(transaction_id)
        first = verdict or self._new.get(transaction_id)
        if first is not None:
            if first.fingerprint != fingerprint:
                self._conflict(received, transaction_id, fingerprint)
                return
            self._plan.duplicates += 1
            if verdict is not None:
                self._plan.seen_before.append(verdict)
            return
        rate = self._bundle.rate(transaction.currency, transaction.occurred_at.date())
        moment = microseconds(min(transaction.occurred_at, accepted.time))
        new = NewTransaction(received, accepted, fingerprint, base_amount(transaction.amount, rate), moment)
        self._new[transaction_id] = new
        self._plan.entries.append(new)
        # Reports that waited for it count from here on.
        if (history := self._known.histories.get(transaction_id)) is not None:
            self._apply(received, transaction_id, history)

    def _take_label(self, received: "Received", reported: LabelReported) -> None:
        label = reported.data
        history = self._known.histories.setdefault(label.transaction_id, LabelHistory())
        if history.contradicts(label):
            self._bury(
                received,
                DeadReason.LABEL_CONFLICT,
                "the same source said something else of the transaction at the same moment",
                key=f"{label.transaction_id}\0{label.source}\0{label.reported_at}\0{label.label}".encode(),
            )
            return
        if history.take(label):
            self._plan.taken.append(reported)
        else:
            self._plan.duplicates += 1
        # Also after a report that is not new: another partition may have stored it, while this one has yet to count it.
        self._apply(received, label.transaction_id, history)

    def _take_fallback(self, answered: "FallbackAnswered") -> None:
        """Note what a client was told of its own transaction, which came before it; others' are nobody's business.

        The fingerprint tells: it stands for who posted it, too.
        """
        transaction_id = answered.data.transaction_id
        verdict = self._known.verdicts.get(transaction_id)
        first = verdict or self._new.get(transaction_id)
        if first is not None and first.fingerprint.hex() == answered.data.fingerprint:
            self._plan.answered.setdefault(transaction_id, answered.data.decision)
            if verdict is not None:
                self._plan.decided[transaction_id] = verdict.decision

    def _apply(self, received: "Received", transaction_id: str, history: LabelHistory) -> None:
        new = self._new.get(transaction_id)
        place = self._known.places.get(transaction_id) if new is None else new.place
        if place is None:
            return
        history.is_known = True
        if (effect := history.settle()) is not None:
            self._plan.entries.append(NewEffect(received, transaction_id, place, effect))

    def _conflict(self, received: "Received", transaction_id: str, fingerprint: bytes) -> None:
        self._plan.conflicts.add(received.key)
        self._bury(
            received,
            DeadReason.TRANSACTION_ID_CONFLICT,
            "the transaction_id has a verdict for other content; the first stays",
            key=transaction_id.encode() + fingerprint,
        )

    def _bury(self, received: "Received", reason: DeadReason, error: str, *, key: bytes | None = None) -> None:
        self._plan.letters.append(
            Letter.of_line(
                queue=self._queue,
                reason=reason,
                error=error,
                body=received.line,
                transaction_id=received.event.data.transaction_id,
                event_type=received.event.type,
                key=key,
            )
        )
