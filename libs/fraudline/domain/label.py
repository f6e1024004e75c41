"""What became known of a transaction afterwards, whose word counts, and what follows for the counters."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from fraudline.domain.posted import Identifier, Moment


class LabelValue(StrEnum):
    """What a transaction turned out to be."""

    FRAUD = "fraud"
    LEGITIMATE = "legitimate"


class LabelSource(StrEnum):
    """Who says so. The order of the members is their rank: the last one outranks all."""

    ANALYST = "analyst"
    CUSTOMER = "customer"
    ISSUER = "issuer"
    CHARGEBACK = "chargeback"


_RANK = {source: rank for rank, source in enumerate(LabelSource)}


class Label(BaseModel):
    """One report about one transaction, told once per source and moment."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    transaction_id: Identifier
    label: LabelValue
    source: LabelSource
    reported_at: Moment = Field(description="When it became known, RFC 3339 with an offset; it counts from then on.")

    @property
    def key(self) -> tuple[LabelSource, datetime]:
        """What tells this report from others about the same transaction."""
        return self.source, self.reported_at


class Effect(NamedTuple):
    """A change of the counters: a fraud becomes known (`weight` +1) or is taken back (−1), both at `counted_at`."""

    counted_at: datetime
    weight: int


@dataclass(slots=True)
class LabelHistory:
    """All reports about one transaction, and since when its fraud is counted (None: it is not).

    A transaction that the log has not seen keeps its reports waiting: `is_known` says whether it has.
    """

    is_known: bool = False
    counted_at: datetime | None = None
    reports: dict[tuple[LabelSource, datetime], Label] = field(default_factory=dict)

    def take(self, label: Label) -> bool:
        """Take a report in; return whether it is new. One that contradicts an equal key does not replace it."""
        if label.key in self.reports:
            return False
        self.reports[label.key] = label
        return True

    def contradicts(self, label: Label) -> bool:
        """Return whether the same source said something else at the same moment."""
        earlier = self.reports.get(label.key)
        return earlier is not None and earlier.label != label.label

    def settle(self) -> Effect | None:
        """Return what the counters owe to the report that counts now, and note it as paid.

        The highest source outranks, within a source the newest wins. While the answer stays `fraud`, the moment at
        which it was first counted stays too.
        """
        if not self.is_known or not self.reports:
            return None
        verdict = max(self.reports.values(), key=lambda label: (_RANK[label.source], label.reported_at))
        if verdict.label is LabelValue.FRAUD and self.counted_at is None:
            self.counted_at = verdict.reported_at
            return Effect(verdict.reported_at, +1)
        if verdict.label is LabelValue.LEGITIMATE and self.counted_at is not None:
            taken_back, self.counted_at = Effect(self.counted_at, -1), None
            return taken_back
        return None
