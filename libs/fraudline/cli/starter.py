"""`python -m fraudline.cli.starter FOLDER NOTE`: trains the starter model where it is not there yet.

A process of its own, so that what training needs in memory and modules is gone when it is done. The note says which
folder the bundle is in, and by which code it was made: the same code need not look again.
"""

import json
import os
import sys
from hashlib import sha256
from pathlib import Path

import fraudline
from fraudline.errors import ConfigurationError, FraudlineError
from fraudline.local.state_folder import write_private

_MADE_BY = ("kernel", "models", "simulation", "domain")
# Scores depend on both, so the bundle is made for what the scorer is told.
_CURRENCY_VARIABLE, _ENTITIES_VARIABLE = "FRAUDLINE_BASE_CURRENCY", "FRAUDLINE_MAX_ENTITIES"


class Stages:
    """Says each stage once, in a line."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, stage: str, _share: float) -> None:
        """Take note of how far a stage has come."""
        if stage not in self._said:
            self._said.add(stage)
            sys.stdout.write(f"{'':8}  starter model: {stage}\n")
            sys.stdout.flush()


def noted_bundle(note: Path) -> Path | None:
    """Return the bundle of a note; None where it is not there, or other code or settings would make another."""
    try:
        told = json.loads(note.read_text())
        bundle = Path(told["bundle"])
        return bundle if told["code"] == _code() and (bundle / "manifest.json").exists() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _code() -> str:
    """Return a digest of all that a starter model follows from, without importing any of it."""
    package = Path(fraudline.__file__).parent
    settings = [os.environ.get(_CURRENCY_VARIABLE) or "EUR", os.environ.get(_ENTITIES_VARIABLE) or ""]
    digest = sha256("\n".join(settings).encode())
    for source in sorted(source for name in _MADE_BY for source in (package / name).rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _whole_number(text: str) -> int:
    if not text.isdecimal():
        raise ConfigurationError(_ENTITIES_VARIABLE, "is no whole number")
    return int(text)


def main(folder: Path, note: Path) -> int:
    """Make sure of the bundle and write down where it is; return the exit code."""
    from fraudline.kernel.registry import MAX_ENTITIES  # noqa: PLC0415 - a second's worth of modules
    from fraudline.models.training.starter import ensure_starter_model  # noqa: PLC0415 - the same

    folder.mkdir(parents=True, exist_ok=True)
    base_currency = os.environ.get(_CURRENCY_VARIABLE) or "EUR"
    try:
        max_entities = _whole_number(os.environ.get(_ENTITIES_VARIABLE) or str(MAX_ENTITIES))
        bundle = ensure_starter_model(folder, Stages(), base_currency, max_entities)
        write_private(note, json.dumps({"bundle": str(bundle), "code": _code()}))
    except (FraudlineError, OSError, ValueError) as error:
        sys.stderr.write(f"fraudline: the starter model: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
