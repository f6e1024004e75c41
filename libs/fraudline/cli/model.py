"""The model bundle that `up` scores with: the one that is given, or the starter model, trained at the first start."""

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path

from fraudline.cli.starter import noted_bundle
from fraudline.cli.supervisor import ServiceFailed
from fraudline.local.processes import Child

TRAINING_SECONDS = 600.0

Tell = Callable[[str], None]


class Model:
    """The bundle of one installation over its state folder."""

    def __init__(self, folder: Path, *, tell: Tell) -> None:
        self._folder = folder
        self._tell = tell
        self._note = folder / "starter-model.json"
        self._training: Child | None = None

    async def find(self) -> Path:
        """Return where the bundle is, once there is one.

        Raises:
            ServiceFailed: The starter model could not be trained.
        """
        if given := os.environ.get("FRAUDLINE_MODEL"):
            return Path(os.path.abspath(given))  # noqa: ASYNC240, PTH100 - a name made whole: no file is touched
        if (noted := noted_bundle(self._note)) is not None:
            return noted
        self._training = Child(
            "starter model",
            [sys.executable, "-m", "fraudline.cli.starter", str(self._folder / "models"), str(self._note)],
            environment=dict(os.environ),
            folder=self._folder,
        )
        if not await asyncio.to_thread(self._training.wait, TRAINING_SECONDS):
            raise ServiceFailed(f"the starter model was not trained within {TRAINING_SECONDS:g} s")
        trained = noted_bundle(self._note)
        if self._training.returncode or trained is None:
            raise ServiceFailed("the starter model could not be trained; give another by FRAUDLINE_MODEL")
        self._tell("the model is ready")
        return trained

    def doubt(self) -> None:
        """Have the next start look at the starter model itself, and train it anew where it is damaged."""
        self._note.unlink(missing_ok=True)

    async def stop(self) -> None:
        """End a training that is under way."""
        if self._training is not None and self._training.is_running:
            await asyncio.to_thread(self._training.stop, ())
