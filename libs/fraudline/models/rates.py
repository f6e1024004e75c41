"""The dated table of exchange rates: what a unit of a currency is worth in the base currency from a day on."""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from fraudline.domain.money import decimals_of

ONE = Decimal(1)
MAX_RATE_DIGITS = 12

_Rate = Annotated[Decimal, Field(gt=0, allow_inf_nan=False, max_digits=MAX_RATE_DIGITS)]
_TABLE: TypeAdapter[dict[str, list[tuple[date, _Rate]]]] = TypeAdapter(dict[str, list[tuple[date, _Rate]]])


@dataclass(frozen=True, slots=True)
class Rates:
    """Units of `base_currency` per unit of each currency: (day from which it holds, rate), by day."""

    base_currency: str
    table: Mapping[str, tuple[tuple[date, Decimal], ...]]

    def rate(self, currency: str, day: date) -> Decimal | None:
        """Return the rate that holds on `day`; None before the first one and for a currency that is not there."""
        if currency == self.base_currency:
            return ONE
        dated = self.table.get(currency, ())
        position = bisect_right(dated, day, key=lambda entry: entry[0])
        return dated[position - 1][1] if position else None

    def encode(self) -> bytes:
        """Return the table as JSON: {currency: [[day, rate], …]}, the same bytes for the same rates."""
        table = {
            currency: [[day.isoformat(), format(rate, "f")] for day, rate in self.table[currency]]
            for currency in sorted(self.table)
        }
        return json.dumps(table, indent=1).encode() + b"\n"

    @classmethod
    def decode(cls, base_currency: str, text: bytes) -> "Rates":
        """Read a table; raise ValueError with one sentence where it is wrong."""
        try:
            table = _TABLE.validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = "/".join(str(part) for part in first["loc"]) or "the table"
            raise ValueError(f"{place}: {first['msg']}") from error
        for currency, dated in table.items():
            if decimals_of(currency) is None:
                raise ValueError(f"{currency} is no ISO 4217 code of a currency")
            if any(later <= earlier for (earlier, _), (later, _) in pairwise(dated)):
                raise ValueError(f"the days of {currency} are not in order")
        return cls(base_currency, {currency: tuple(dated) for currency, dated in table.items()})
