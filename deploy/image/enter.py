#!/usr/bin/env python3
"""`enter.py KERNEL COMMAND …`: lays out the compiled kernel where it can be written, then becomes the command.

The root of the container is read-only, and numba takes machine code only from a folder that it could also write to. So
what the image brings in KERNEL is copied into a folder below NUMBA_CACHE_DIR that is named after its content: another
release has another one, several containers over one volume share it, and what another CPU made numba compile is kept.
"""

import hashlib
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

VARIABLE = "NUMBA_CACHE_DIR"


def lay_out(kernel: Path, folder: Path) -> Path:
    """Return the copy of `kernel` inside `folder`, made first where it is not there; OSError where that cannot be."""
    copy = folder / f"kernel-{_digest(kernel)}"
    if not copy.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            whole = Path(scratch) / copy.name
            shutil.copytree(kernel, whole, copy_function=shutil.copyfile)
            try:
                whole.rename(copy)
            except OSError:
                # Another container over the same volume was first, with the same bytes.
                if not copy.is_dir():
                    raise
    return copy


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(str(file.relative_to(folder)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def main(kernel: str, command: list[str]) -> None:
    """Become the command; without a place for the kernel too, which then is compiled at this start."""
    # A core dump would hold whatever the process held, card tokens included.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What is written into a volume is for this account alone.
    os.umask(0o077)
    folder = os.environ.get(VARIABLE)
    try:
        if folder:
            os.environ[VARIABLE] = str(lay_out(Path(kernel), Path(folder)))
    except OSError as error:
        sys.stderr.write(f"fraudline: {VARIABLE} cannot be used, so this start compiles the kernel: {error}\n")
    os.execvp(command[0], command)  # noqa: S606 - to become the command, without a shell between, is the purpose


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
