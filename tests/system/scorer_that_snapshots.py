"""A scorer that writes a snapshot every few hundred positions: `python -m system.scorer_that_snapshots`.

SNAPSHOT_EVERY says after how many; the product has no setting for it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

from fraudline.service.run import run
from fraudline.service.settings import ScorerSettings
from fraudline_scorer import app

if TYPE_CHECKING:
    from system.services import Service, System


def new_scorer_that_snapshots(system: System, *, every: int) -> Service:
    """Return one that is not started yet."""
    scorer = system.new_scorer()
    scorer.module = "system.scorer_that_snapshots"
    scorer.environment |= {"SNAPSHOT_EVERY": str(every), "PYTHONPATH": str(Path(__file__).parents[1])}
    return scorer


if __name__ == "__main__":
    patch.object(app, "INTERVAL_POSITIONS", int(os.environ["SNAPSHOT_EVERY"])).start()
    run("scorer", ScorerSettings, app.main)
