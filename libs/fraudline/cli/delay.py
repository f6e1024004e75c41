"""Lengths of time as they are written on the command line: 7d, 12h, 30m, 90s."""

import re
from datetime import timedelta
from typing import Annotated

import typer

LabelDelay = Annotated[
    str, typer.Option(metavar="DELAY", help="How long after it a fraud becomes known, like 7d or 12h.")
]
"""What `--label-delay` is for every command that reads a file; `parse_delay` reads it."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_delay(text: str) -> timedelta:
    """Return the delay that `text` names, such as 7d, 12h, 30m or 0s; raise ValueError with the way out otherwise."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no delay; write a whole number and s, m, h or d, like 7d.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def write_delay(delay: timedelta) -> str:
    """Return a delay of whole seconds as `parse_delay` reads it, in the largest unit that leaves nothing over."""
    sizes = ((letter, timedelta(**{unit: 1})) for letter, unit in reversed(_UNITS.items()))
    return next(f"{delay // size}{letter}" for letter, size in sizes if not delay % size)
