"""Giving way: where this process shares a processor with the line, the line goes first."""

import contextlib
import os
from pathlib import Path
from typing import Final

NICE: Final = 10
_SESSION: Final = Path("/proc/self/autogroup")


def give_way() -> None:
    """Lower this process's share of a busy processor, for good; threads that are started from here on inherit it."""
    os.nice(NICE)
    # A Linux that weighs sessions against each other does not look at the niceness of their processes.
    with contextlib.suppress(OSError):
        _SESSION.write_text(str(NICE))
