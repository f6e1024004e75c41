"""What a command costs, wall seconds and peak memory: `python command_cost.py COST.json COMMAND…`.

On Linux a process starts with the peak of whoever started it, which exec does not take back: seen from a bench that
holds a gigabyte, every command would need at least that. So the command is started and looked at by a small process,
this file as a program.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_BYTES_A_UNIT = 1 if sys.platform == "darwin" else 1024


class CommandFailedError(Exception):
    """A command ended with an exit code other than 0; the message is what it said on standard error."""


@dataclass(frozen=True, slots=True)
class Cost:
    """From the start of the process to its end, and the most memory that it had resident."""

    seconds: float
    peak_bytes: int

    @property
    def peak_gigabytes(self) -> float:
        """In units of 10⁹ bytes."""
        return self.peak_bytes / 1e9


def run(command: Sequence[str | Path]) -> Cost:
    """Run a command in an environment without settings of ours; raise `CommandFailedError` where it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FRAUDLINE_")}
    with tempfile.TemporaryDirectory(prefix="fraudline-bench-") as folder:
        told = Path(folder) / "cost.json"
        watched = [sys.executable, __file__, str(told), *map(str, command)]
        done = subprocess.run(watched, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CommandFailedError(f"{' '.join(map(str, command))}\n{done.stderr.strip()}")
        return Cost(**json.loads(told.read_text()))


def main() -> int:
    """Run the command of the arguments and write down what it cost; return its exit code."""
    target, *command = sys.argv[1:]
    began = time.perf_counter()
    exit_code = subprocess.run(command, check=False).returncode
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _BYTES_A_UNIT
    Path(target).write_text(json.dumps({"seconds": seconds, "peak_bytes": peak}))
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
