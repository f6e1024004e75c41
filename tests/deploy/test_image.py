"""What the image runs before Fraudline: the entry point, and the starter model with a name that stays."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from servers.eventually import eventually_sync

IMAGE = Path(__file__).parents[2] / "deploy" / "image"
# Says of every compiled function whether it came from the disk.
LOOK = """
import json
from fraudline.kernel import counters
from fraudline.models import coalitions, walk
from fraudline.models.compiling import compile_all
compile_all()
parts = [*vars(counters).values(), *vars(walk).values(), *vars(coalitions).values()]
entries = [part for part in parts if hasattr(part, "stats") and part.signatures]
hits = [sum(part.stats.cache_hits.values()) for part in entries]
print(json.dumps({"loaded": sum(hits), "compiled": len(hits) - sum(hits)}))
"""
SELF = """
import json, os, resource
umask = os.umask(0)
print(json.dumps({"pid": os.getpid(), "core": resource.getrlimit(resource.RLIMIT_CORE), "umask": umask}))
"""


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled kernel as the image brings it."""
    folder = tmp_path_factory.mktemp("image") / "kernel"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(folder)}
    subprocess.run([sys.executable, "-m", "fraudline.models.compiling"], env=environment, check=True)
    return folder


def entering(kernel: Path, *command: str, cache: Path | None) -> "subprocess.Popen[str]":
    place = {} if cache is None else {"NUMBA_CACHE_DIR": str(cache)}
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"} | place
    return subprocess.Popen(
        [sys.executable, "-I", "-S", IMAGE / "enter.py", kernel, *command],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(process: "subprocess.Popen[str]") -> str:
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return output


def told(process: "subprocess.Popen[str]") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(printed(process))
    return answer


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_start_loads_the_kernel_that_the_image_brings_and_compiles_nothing(kernel: Path, tmp_path: Path) -> None:
    brought = contents(kernel)

    looked = told(entering(kernel, sys.executable, "-c", LOOK, cache=tmp_path / "state" / "numba"))

    assert looked["loaded"] > 0
    assert looked["compiled"] == 0
    assert contents(kernel) == brought
    (copy,) = (tmp_path / "state" / "numba").iterdir()
    assert contents(copy) == brought


def test_containers_that_share_a_folder_share_its_copy_and_another_release_has_its_own(
    kernel: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "numba"
    for start in [entering(kernel, "true", cache=cache) for _ in range(4)]:
        printed(start)
    (first,) = cache.iterdir()
    kept = first / "compiled here for another CPU"
    kept.touch()

    other = tmp_path / "other-release"
    shutil.copytree(kernel, other)
    (other / "another.nbi").touch()
    for brought in (other, kernel):
        printed(entering(brought, "true", cache=cache))

    assert len(list(cache.iterdir())) == 2
    assert kept.exists()


def test_without_a_place_for_the_kernel_the_start_says_so_and_goes_on(kernel: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    process = entering(kernel, "echo", "started", cache=tmp_path / "file" / "numba")
    output, errors = process.communicate(timeout=20)

    assert output == "started\n"
    assert "NUMBA_CACHE_DIR cannot be used" in errors


def test_the_entry_point_becomes_the_command_with_no_core_dumps_and_private_files(kernel: Path, tmp_path: Path) -> None:
    process = entering(kernel, sys.executable, "-c", SELF, cache=tmp_path)

    assert told(process) == {"pid": process.pid, "core": [0, 0], "umask": 0o077}


def test_the_signal_to_stop_reaches_the_command(kernel: Path) -> None:
    waiting = (
        "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); print('ready', flush=True); signal.pause()"
    )
    process = entering(kernel, sys.executable, "-c", waiting, cache=None)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.send_signal(signal.SIGTERM)

    assert eventually_sync(process.poll, until=lambda code: code is not None) == 0
    process.communicate()


def test_the_starter_model_has_a_name_that_stays(starter_model: Path, tmp_path: Path) -> None:
    # Given a volume in which the model was trained before, whose note was lost.
    models = tmp_path / "models"
    models.mkdir()
    shutil.copytree(starter_model, models / starter_model.name)
    make = [sys.executable, str(IMAGE / "starter_model.py"), str(models)]

    subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    first = (models / "current").readlink()
    # It is found again, and where the volume is mounted does not matter.
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL)
    models.rename(tmp_path / "mounted elsewhere")

    assert first == Path(starter_model.name)
    assert (tmp_path / "mounted elsewhere" / "current" / "manifest.json").exists()


def test_a_starter_model_that_cannot_be_made_leaves_no_name(tmp_path: Path) -> None:
    environment = os.environ | {"FRAUDLINE_BASE_CURRENCY": "XXX"}

    made = subprocess.run(
        [sys.executable, IMAGE / "starter_model.py", tmp_path / "models"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )

    assert made.returncode == 1
    assert "XXX" in made.stderr
    assert not (tmp_path / "models" / "current").exists()
