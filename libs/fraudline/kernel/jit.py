"""The border to numba, whose types are published in part.

Every function is compiled without fast-math and without threads, so its arithmetic is done in the order written: the
same events give the same bits however they are cut into batches. None counts references to its arrays, which would
take a fifth of its time: so none makes an array, and the caller keeps those that it hands over.
"""

import platform
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import numba
from numba.core.caching import NullCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.sigutils import normalize_signature

_Function = TypeVar("_Function", bound=Callable[..., Any])

_OPTIONS: Final[dict[str, Any]] = {"nogil": True, "error_model": "numpy", "_nrt": False}


def part(function: _Function) -> _Function:
    """Mark a function that is compiled into the entries which call it."""
    return cast("_Function", numba.njit(**_OPTIONS)(function))


def entry(function: _Function) -> _Function:
    """Mark a function that Python calls; its machine code is kept on disk where a place for it can be written.

    What is kept is thrown away when any Python file beside that of the function changes, not only its own: the parts
    compiled into it, and their numbers, stand in those.
    """
    try:
        compiled = numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:  # neither the package's folder nor the user's cache folder takes a file: compile at each start
        return part(function)
    stamp = digest_of(Path(function.__code__.co_filename).parent)
    compiled._cache._cache_file._source_stamp = stamp  # noqa: SLF001 - numba shows no other way to it
    return cast("_Function", compiled)


def prepare(function: Callable[..., Any], signature: str) -> None:
    """Load or compile an entry for exactly one signature and refuse every other from then on.

    Without the refusal an array of an unforeseen type would not fail: it would stop the caller for the seconds that
    compiling for it takes.
    """
    dispatcher = cast("Any", function)
    types, _ = cast("Any", normalize_signature)(signature)
    with global_compiler_lock:
        if dispatcher.signatures:
            return
        try:
            dispatcher.compile(types)
        except Exception:  # noqa: BLE001 - a damaged cache can raise anything; a true fault is raised again below
            _clear_cache(dispatcher)
            dispatcher.compile(types)
        dispatcher.disable_compile()


def _clear_cache(dispatcher: Any) -> None:
    """Drop what is kept on disk of an entry: a file cut short by a power loss must not stop every start after it."""
    try:
        dispatcher._cache.flush()  # noqa: SLF001 - numba shows no other way to its cache
    except OSError:  # nothing can be written: do without
        dispatcher._cache = NullCache()  # noqa: SLF001 - the same


@cache
def digest_of(folder: Path) -> str:
    """Return the SHA-256 over the Python files of a folder."""
    digest = sha256()
    for file in sorted(folder.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()


def target() -> str:
    """Return what the bits of compiled arithmetic depend on beside the code: compiler, processor, C library."""
    triple, processor, features = cast("Any", cpu_target).target_context.codegen().magic_tuple()
    able_to = sha256(features.encode()).hexdigest()[:12]
    return f"numba {numba.__version__}, {triple}, {processor} {able_to}, {' '.join(platform.libc_ver())}"
