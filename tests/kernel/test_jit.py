"""The border to numba: what happens to the machine code that is kept on disk."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import pytest

from fraudline.kernel import jit
from fraudline.kernel.jit import entry, prepare


@pytest.fixture
def load(tmp_path: Path) -> Callable[[], Any]:
    """Load a module with one function as a process that has just started does."""
    source = tmp_path / "halving.py"
    source.write_text("def halved(x):\n    return x / 2\n")

    def load_anew() -> Any:
        spec = importlib.util.spec_from_file_location("halving", source)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return entry(module.halved)

    return load_anew


@pytest.mark.parametrize("pattern", ["*.nbc", "*.nbi"])
@pytest.mark.parametrize("left", [0, 100])
def test_a_damaged_cache_is_thrown_away_and_written_anew(
    load: Callable[[], Any], tmp_path: Path, pattern: str, left: int
) -> None:
    first = load()
    prepare(first, "float64(float64)")
    (damaged,) = tmp_path.rglob(pattern)
    damaged.write_bytes(damaged.read_bytes()[:left])

    second = load()
    prepare(second, "float64(float64)")
    assert second(3.0) == 1.5

    third = load()
    prepare(third, "float64(float64)")
    assert third(3.0) == 1.5
    assert sum(third.stats.cache_hits.values()) == 1


def test_without_a_place_for_the_cache_the_code_is_compiled_all_the_same(
    load: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def njit(**options: Any) -> Any:
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        return compiler(**options)

    compiler = numba.njit
    monkeypatch.setattr(numba, "njit", njit)
    halved = load()
    prepare(halved, "float64(float64)")

    assert halved(3.0) == 1.5


def test_a_type_that_was_not_prepared_for_is_refused_instead_of_compiled(load: Callable[[], Any]) -> None:
    halved = load()
    prepare(halved, "float64(float64)")

    with pytest.raises(TypeError, match="No matching definition"):
        halved("3")


def test_a_true_fault_of_the_code_is_not_taken_for_a_damaged_cache(load: Callable[[], Any]) -> None:
    with pytest.raises(numba.errors.TypingError):
        prepare(load(), "float64(unicode_type)")


def test_what_is_kept_is_thrown_away_when_a_file_beside_the_function_changes(
    load: Callable[[], Any], tmp_path: Path
) -> None:
    for kept, content in enumerate(["HALF = 2\n", "HALF = 2\n", "HALF = 3\n"]):
        (tmp_path / "numbers.py").write_text(content)
        jit.digest_of.cache_clear()
        halved = load()
        prepare(halved, "float64(float64)")

        assert sum(halved.stats.cache_hits.values()) == kept % 2
