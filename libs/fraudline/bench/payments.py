"""The payments that are posted: JSON made beforehand, to which every post gives a new transaction id."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from fraudline.models.histories.history import History

# A file is read whole by the generator, and its machine code of a payment is some 200 bytes.
MOST_KEPT: Final = 400_000
_STEP: Final = 20_000
# The name of a run, a hyphen, and a number of nine digits.
RUN_LETTERS: Final = 8
_ID: Final = b'{"transaction_id":"%b-%09d",'
_CURRENCY: Final = re.compile(rb'"currency":"[A-Z]{3}"')
_UNKNOWN_RATE: Final = b'"currency":"XCD"'


def transaction_id(run: str, number: int) -> str:
    """Return the id of a run's payment, as `Payments.document` writes it."""
    return f"{run}-{number:09d}"


class Payments(Protocol):
    """An endless supply of payments, told apart by their numbers."""

    def document(self, run: bytes, number: int) -> bytes:
        """Return the JSON of payment `number` under the id that the run's name gives it."""
        ...


class RecordedPayments:
    """Payments of a file, in its order, and from its beginning again where it ends."""

    def __init__(self, tails: list[bytes]) -> None:
        """`tails` are JSON objects without an id and without their first brace."""
        self._tails = tails

    @classmethod
    def read(cls, file: Path) -> "RecordedPayments":
        """Read what `record` wrote."""
        return cls([line[1:] for line in file.read_bytes().splitlines()])

    def document(self, run: bytes, number: int) -> bytes:
        """Return the JSON of payment `number`."""
        return _ID % (run, number) + self._tails[number % len(self._tails)]


def record(history: History, file: Path) -> int:
    """Write a history's payments, without their ids, for `RecordedPayments.read`; return how many were written."""
    count = min(len(history), MOST_KEPT)
    with file.open("wb") as lines:
        for start in range(0, count, _STEP):
            for row in history.rows(start, min(start + _STEP, count)):
                fields = {name: value for name, value in row.items() if name != "transaction_id"}
                lines.write(json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode() + b"\n")
    return count


@dataclass(frozen=True, slots=True)
class PopulationPayments:
    """Payments of so many cards, merchants, devices and customers each, in turn: what grows a history.

    Attributes:
        size: How many of each kind there are: four entities each.
    """

    size: int

    def document(self, run: bytes, number: int) -> bytes:
        """Return the JSON of payment `number`; each payer has a merchant of its own, which changes by the round."""
        payer = number % self.size
        merchant = (payer + number // self.size) % self.size
        # A second later than the one before: the decay of every counter is computed.
        day, second = divmod(number, 86_400)
        hour, minute = divmod(second // 60, 60)
        return _ID % (run, number) + (
            b'"occurred_at":"2025-%02d-%02dT%02d:%02d:%02dZ","amount":"%d.%02d","currency":"EUR","card_id":"card-%d",'
            b'"merchant_id":"merchant-%d","device_id":"device-%d","customer_id":"customer-%d"}'
            % (
                1 + day // 28 % 12, 1 + day % 28, hour, minute, second % 60, 1 + number * 7919 % 300,
                number % 100, payer, merchant, payer, payer,
            )
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class PartlyFlagged:
    """Payments of which one in `every` is flagged whatever the model says: no rate is known for its currency."""

    payments: Payments
    every: int

    def document(self, run: bytes, number: int) -> bytes:
        """Return the JSON of payment `number`."""
        document = self.payments.document(run, number)
        return document if number % self.every else _CURRENCY.sub(_UNKNOWN_RATE, document, count=1)
