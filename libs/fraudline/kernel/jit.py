"""The border to numba, whose types are published in part.

Every function is compiled without fast-math and without threads, so its arithmetic is done in the order written: the
same events give the same bits however they are cut into batches.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import NullCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.sigutils import normalize_signature

_Function = TypeVar("_Function", bound=Callable[..., Any])


def part(function: _Function) -> _Function:
    """Mark a function that is compiled into the entries which call it."""
    return cast("_Function", numba.njit(nogil=True, error_model="numpy")(function))


def entry(function: _Function) -> _Function:
    """Mark a function that Python calls; its machine code is kept on disk where a place for it can be written."""
    try:
        return cast("_Function", numba.njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:  # neither the package's folder nor the user's cache folder takes a file: compile at each start
        return part(function)


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
