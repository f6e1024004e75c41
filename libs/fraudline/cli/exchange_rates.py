"""The exchange rates that a command works with: a file of them, or the invented ones."""

from pathlib import Path
from typing import Annotated

import typer

from fraudline.models.errors import FileRefused
from fraudline.models.rates import Rates
from fraudline.models.starter_rates import starter_rates

BaseCurrency = Annotated[
    str, typer.Option(envvar="FRAUDLINE_BASE_CURRENCY", help="The currency that amounts are compared in.")
]
RatesFile = Annotated[
    Path | None,
    typer.Option(help='Exchange rates as JSON: {"USD": [["2026-01-01", "0.92"], …], …}. Default: invented ones.'),
]


def read_rates(file: Path | None, base_currency: str) -> Rates:
    """Return the rates of a file, or the invented ones; raise `FileRefused` where the file cannot be used."""
    if file is None:
        return starter_rates(base_currency)
    try:
        return Rates.decode(base_currency, file.read_bytes())
    except OSError as error:
        raise FileRefused(file, f"cannot be read ({error.strerror}); check the path.") from error
    except ValueError as error:
        raise FileRefused(file, f"{error}; correct it.") from error
