"""The command `fraudline`: its table of commands, and the one place where errors become sentences and exit codes.

| exit code | means |
| --- | --- |
| 0 | done |
| 1 | not done, or not all of it; a sentence on standard error says what and why |
| 2 | the command line cannot be used |
| 78 | a setting cannot be used; the sentence names its variable |
| 130 | interrupted |
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from fraudline.errors import ConfigurationError, FraudlineError
from fraudline.local.errors import LocalServerError

if TYPE_CHECKING:
    from collections.abc import Sequence

EXIT_FAILED = 1
EXIT_CONFIGURATION = 78
EXIT_INTERRUPTED = 130


class Entry(NamedTuple):
    """Where a command is: imported when it is called, so that asking for help does not load LightGBM."""

    module: str
    name: str
    summary: str


COMMANDS = {
    "up": Entry("fraudline.cli.up", "up", "Run everything on this machine."),
    "migrate": Entry("fraudline.cli.migrate", "migrate", "Bring the database's schema up to date."),
    "sign-in": Entry("fraudline.cli.sign_in", "sign_in", "Print a link that signs a person in to the page."),
    "keys": Entry("fraudline.cli.keys", "keys", "Create, list and revoke API keys."),
    "simulate": Entry("fraudline.cli.simulate", "simulate", "Invent payments with fraud, live or into a file."),
    "replay": Entry("fraudline.cli.replay", "replay", "Post a file's transactions, with labels as they fall due."),
    "train": Entry("fraudline.cli.train", "train", "Train a model bundle from a file."),
    "backtest": Entry("fraudline.cli.backtest", "backtest", "Judge a file's past transactions as production would."),
    "evaluate": Entry("fraudline.cli.evaluate", "evaluate", "Measure verdicts, and compare them with others."),
    "audit": Entry("fraudline.cli.audit", "audit", "Compute every stored score again and compare."),
    "dead": Entry("fraudline.cli.dead", "dead", "List, show, retry and drop dead letters."),
    "bench": Entry("fraudline.cli.bench", "bench", "Measure rate, latency and cost on this machine."),
}


class LazyGroup(TyperGroup):
    """The commands of the table, each loaded when it is called."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override] # typer's public name of it
        """Return the names, in the order of the table."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> Any:  # type: ignore[override] # typer's public name
        """Return what stands for a command in the list of all: its name and summary."""
        del ctx
        entry = COMMANDS.get(cmd_name)
        return None if entry is None else TyperCommand(cmd_name, help=entry.summary)

    def resolve_command(self, ctx: typer.Context, args: "list[str]") -> Any:  # type: ignore[override] # as above
        """Return the command that is called, loaded."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(name or ""), rest


def load(name: str) -> Any:
    """Return the command of a name as typer runs it."""
    entry = COMMANDS[name]
    target = getattr(import_module(entry.module), entry.name)
    if not isinstance(target, typer.Typer):
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(name)(target)
        target = single
    command = typer.main.get_command(target)
    command.name = name
    return command


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def fraudline() -> None:
    """Real-time payment-fraud decisions: transactions in, one verdict each."""


def main(arguments: "Sequence[str] | None" = None) -> None:
    """Run a command and leave with its exit code; what goes wrong is one sentence on standard error."""
    try:
        app(arguments, prog_name="fraudline")
    except ConfigurationError as error:
        _leave(error, EXIT_CONFIGURATION)
    except (FraudlineError, LocalServerError) as error:
        _leave(error, EXIT_FAILED)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has enough; nothing more can be written, not even at the interpreter's end.
        sys.stdout = None
        sys.exit(EXIT_FAILED)
    except Exception as error:
        # The driver's errors cannot be named here: most commands end without it ever being loaded.
        if not _is_of_postgres(error):
            raise
        _leave(f"PostgreSQL refused: {error}", EXIT_FAILED)


def _leave(message: object, code: int) -> None:
    sys.stderr.write(f"fraudline: {message}\n")
    sys.exit(code)


def _is_of_postgres(error: Exception) -> bool:
    """Return whether the database's server or client said no; its module is loaded where that can be."""
    module = sys.modules.get("asyncpg")
    return module is not None and isinstance(error, (module.PostgresError, module.InterfaceError))


if __name__ == "__main__":
    main()
