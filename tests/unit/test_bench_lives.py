"""No process dies unnoticed, whoever takes its place."""

import os
import sys
from pathlib import Path

import pytest

from fraudline.bench.lives import Lives, ProcessDied
from fraudline.local.processes import Child


def test_the_death_of_a_process_is_told_by_its_group(tmp_path: Path) -> None:
    child = Child("worker", [sys.executable, "-c", "import signal; signal.pause()"], environment={}, folder=tmp_path)
    lives = Lives.of({"us": [os.getpid()], "worker": [child.pid]})
    lives.check()

    child.kill()

    with pytest.raises(ProcessDied, match=f"process {child.pid} of worker died"):
        lives.check()


def test_a_number_that_another_process_has_now_is_a_death() -> None:
    with pytest.raises(ProcessDied):
        Lives({"us": {os.getpid(): 0.0}}).check()
