#!/usr/bin/env python3
"""`starter_model.py FOLDER`: makes sure of the starter model in FOLDER, and that FOLDER/current leads to it.

The bundle's own name follows from what it was made from; scorer and explainer are told the name that stays.
"""

import sys
from pathlib import Path

from fraudline.cli.starter import main as train
from fraudline.cli.starter import noted_bundle

NOTE = "starter.json"
CURRENT = "current"


def main(folder: Path) -> int:
    """Return the exit code."""
    note = folder / NOTE
    bundle = noted_bundle(note)
    if bundle is None:
        code = train(folder, note)
        if code != 0:
            return code
        bundle = noted_bundle(note)
    if bundle is None:
        sys.stderr.write(f"fraudline: {note} names no bundle; remove it and start again\n")
        return 1
    # Relative, so that the folder may be mounted elsewhere; renamed, so that no reader finds it half done.
    scratch = folder / f"{CURRENT}.new"
    scratch.unlink(missing_ok=True)
    scratch.symlink_to(bundle.name)
    scratch.replace(folder / CURRENT)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
