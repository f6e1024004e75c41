"""scikit-learn in an environment of its own: our own one stays free of it, since it would slow every start."""

import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".bench" / "scikit-learn"
PACKAGES = ("scikit-learn==1.9.1", "numpy==2.4.6")

Arrays = dict[str, NDArray[np.generic]]


def python() -> Path:
    """Return the interpreter of the environment; the first time it is made, which takes a minute and a network."""
    interpreter = ENVIRONMENT / "bin" / "python"
    made = ENVIRONMENT / ".made"
    if not made.exists():
        uv = str(ROOT / "tools" / "uv")
        subprocess.run([uv, "venv", "--quiet", "--allow-existing", str(ENVIRONMENT)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(interpreter), *PACKAGES], check=True)
        made.touch()
    return interpreter


def run(program: str, arrays: Arrays, *arguments: str) -> Arrays:
    """Run a program beside this file with arrays, and return those that it gives back."""
    with tempfile.TemporaryDirectory(prefix="fraudline-bench-") as folder:
        source, target = Path(folder) / "in.npz", Path(folder) / "out.npz"
        np.savez(source, **arrays)  # type: ignore[arg-type] # its keywords are arrays
        command = [str(python()), str(Path(__file__).with_name(program)), str(source), str(target), *arguments]
        subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": ""})
        with np.load(target) as given:
            return dict(given)
