"""Writing a file so that it is there whole or not at all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fraudline.models.errors import FileRefused


def check_place(file: Path, *, read: Sequence[Path] = ()) -> None:
    """Raise `FileRefused` where a file cannot be written, before anything is computed for it.

    Nothing that is there already is written over, what is `read` least of all.
    """
    if file.is_dir():
        raise FileRefused(file, "is a folder; name a file in it.")
    if not file.parent.is_dir():
        raise FileRefused(file, "its folder does not exist; make it first or choose another place.")
    if any(file.resolve() == one.resolve() for one in read):
        raise FileRefused(file, "is what is read; give what is written another name.")
    if file.exists():
        raise FileRefused(file, "is there already; choose another name or remove it first.")


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """Give a place to write to; what is there at the end becomes `file`, unless something went wrong.

    Raises:
        FileRefused: It cannot be written.
    """
    partial = file.with_name(f".{file.name}.partial")
    try:
        yield partial
        partial.replace(file)
    except OSError as error:
        raise FileRefused(file, f"cannot be written ({error.strerror or error}); choose another place.") from error
    finally:
        partial.unlink(missing_ok=True)
