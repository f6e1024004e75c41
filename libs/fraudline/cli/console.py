"""Where tables are printed."""

from rich.console import Console

UNCUT_WIDTH = 250


def wide_console() -> Console:
    """Return a console that cuts nothing off where the output is read by a program."""
    console = Console()
    return console if console.is_terminal else Console(width=UNCUT_WIDTH)
