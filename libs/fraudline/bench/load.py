"""What a generator is told to post, and how: the word between the measuring and the generating process."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Self

from fraudline.bench.payments import PartlyFlagged, Payments, PopulationPayments, RecordedPayments

BATCH_SIZE = 1_000
WAIT_SECONDS = 3


class Form(StrEnum):
    """How payments are posted."""

    SINGLE = "single"
    WAIT = "wait"
    BATCH = "batch"

    @property
    def size(self) -> int:
        """How many payments one request carries."""
        return BATCH_SIZE if self is Form.BATCH else 1


@dataclass(frozen=True, slots=True)
class Load:
    """One stretch of posting.

    Attributes:
        host: Where ingest listens, by address.
        port: The same, by number.
        api_key: A key that may post.
        form: How payments are posted.
        seconds: How long.
        connections: How many are open; each has one request under way at most.
        rate: Payments a second, evenly spaced, whatever the answers take. None: each connection posts as soon as it
            has its answer.
        run: What the ids of this stretch begin with.
        first: The number of its first payment.
        recorded: A file of payments, see `payments.record`.
        population: Where no file is given: how many payers there are, see `payments.PopulationPayments`.
        flagged_every: One in so many is flagged by its currency; 0: none is.
        most: How many payments at most; 0: as many as the time takes.
    """

    host: str
    port: int
    api_key: str
    form: Form
    seconds: float
    connections: int
    run: str
    rate: float | None = None
    first: int = 0
    recorded: str = ""
    population: int = 0
    flagged_every: int = 0
    most: int = 0

    def payments(self) -> Payments:
        """Return what is posted, read or ready to be made."""
        plain: Payments = (
            RecordedPayments.read(Path(self.recorded)) if self.recorded else PopulationPayments(self.population)
        )
        return PartlyFlagged(plain, self.flagged_every) if self.flagged_every else plain

    def written(self) -> str:
        """Return this as text."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """Return what was written."""
        fields = json.loads(text)
        return cls(**fields | {"form": Form(fields["form"])})
