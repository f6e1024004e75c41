"""A snapshot's file: whole or refused, and bounded in what it takes of the disk."""

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from fraudline.kernel.kernel import Kernel
from fraudline.state import snapshot_writing
from fraudline.state.snapshot_folder import Snapshot, SnapshotFolder, read_header
from fraudline.state.snapshot_format import PAGE_BYTES, DamagedSnapshot, ForeignSnapshot, Kin, SnapshotHeader
from fraudline.state.snapshot_reading import restore_snapshot
from fraudline.state.snapshot_writing import SnapshotFailed, write_snapshot
from kernel.builders import A_CROWD, NOON, SMALL, a_label, a_transaction, events_of

PWRITE = os.pwrite
KIN = Kin.of(partition=0, max_entities=SMALL)


@pytest.fixture
def folder(tmp_path: Path) -> SnapshotFolder:
    return SnapshotFolder(tmp_path, KIN)


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    known = Kernel(SMALL)
    known.apply(events_of([*A_CROWD, a_label(), a_transaction(card=3, device=4), a_transaction(time=NOON + 1)]))
    known.settle()
    return known


@pytest.fixture(autouse=True)
def without_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_writing, "REST", 0.0)


def written(folder: SnapshotFolder, kernel: Kernel, position: int = 7) -> Path:
    write_snapshot(folder, kernel.copy(), position=position, log_mark="mark", stop=threading.Event())
    return folder.path / f"{position:020d}.snapshot"


def restored(path: Path) -> Kernel:
    kernel = Kernel(SMALL)
    restore_snapshot(kernel, Snapshot(path, read_header(path)))
    return kernel


def files(folder: SnapshotFolder) -> list[str]:
    return sorted(path.name.lstrip("0") for path in folder.path.iterdir())


def test_what_is_read_is_what_was_written(folder: SnapshotFolder, kernel: Kernel) -> None:
    path = written(folder, kernel)

    newest = folder.newest()
    assert newest is not None
    assert newest.path == path
    assert (newest.header.kin, newest.header.position, newest.header.log_mark) == (KIN, 7, "mark")
    assert (newest.header.entities, newest.header.evicted) == (kernel.entities, kernel.evicted)
    assert restored(path).digest() == kernel.digest()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_cut_short_or_grown_is_refused(folder: SnapshotFolder, kernel: Kernel) -> None:
    path = written(folder, kernel)
    whole = path.read_bytes()

    for size in {0, 1, PAGE_BYTES - 1, PAGE_BYTES, PAGE_BYTES + 1, *range(0, len(whole), 501), len(whole) - 1}:
        path.write_bytes(whole[:size])
        with pytest.raises(DamagedSnapshot):
            restored(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(DamagedSnapshot, match=f"it has {len(whole) + 1:,} bytes, not {len(whole):,}"):
        restored(path)


def test_a_flipped_bit_anywhere_is_refused(folder: SnapshotFolder, kernel: Kernel) -> None:
    path = written(folder, kernel)
    whole = path.read_bytes()
    page = whole[:PAGE_BYTES]
    for at in range(PAGE_BYTES):
        with pytest.raises(DamagedSnapshot):
            SnapshotHeader.of_page(page[:at] + bytes([page[at] ^ 1 << at % 8]) + page[at + 1 :])

    again = Kernel(SMALL)
    # Odd, so that every byte of a word and every word of a row is met.
    for at in (*range(PAGE_BYTES, len(whole), 37), len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1 :])
        with pytest.raises(DamagedSnapshot):
            restore_snapshot(again, Snapshot(path, read_header(path)))
        assert again.entities == 0

    path.write_bytes(whole)
    restore_snapshot(again, Snapshot(path, read_header(path)))
    assert again.digest() == kernel.digest()


@pytest.mark.parametrize(
    "other",
    [
        replace(KIN, partition=1),
        replace(KIN, max_entities=SMALL + 1),
        replace(KIN, kernel_version="0"),
        replace(KIN, words="others"),
        replace(KIN, target="another processor"),
        replace(KIN, byte_order="big"),
    ],
)
def test_a_snapshot_of_another_kernel_is_not_taken(folder: SnapshotFolder, kernel: Kernel, other: Kin) -> None:
    written(folder, kernel, 5)
    folder.kin = other
    written(folder, kernel, 9)
    folder.kin = KIN

    newest = folder.newest()
    assert newest is not None
    assert newest.header.position == 5


def test_a_snapshot_of_another_format_is_whole_and_not_read(folder: SnapshotFolder, kernel: Kernel) -> None:
    header = read_header(written(folder, kernel))

    with pytest.raises(ForeignSnapshot, match="its format is 99"):
        SnapshotHeader.of_page(replace(header, kin=replace(KIN, format=99)).page())


def test_the_two_that_were_written_last_are_kept_whatever_their_positions(
    folder: SnapshotFolder, kernel: Kernel
) -> None:
    for number, position in enumerate((500, 600, 20)):
        os.utime(written(folder, kernel, position), ns=(number, number))
    assert files(folder) == ["20.snapshot", "600.snapshot"]

    written(folder, kernel, 30)
    assert files(folder) == ["20.snapshot", "30.snapshot"]


def test_what_a_dead_writer_left_is_cleared_up_and_what_a_living_one_writes_is_not(
    folder: SnapshotFolder, kernel: Kernel
) -> None:
    with folder.new_file(3) as living:
        os.write(living, b"half")
        (folder.path / "dead.unfinished").write_bytes(b"half")
        written(folder, kernel)
        assert [name.partition(".")[2].partition("-")[0] for name in files(folder)] == ["unfinished", "snapshot"]


class Unwilling:
    """Takes a little, then has no room."""

    def __init__(self, takes: int) -> None:
        self._takes = takes

    def pwrite(self, file: int, data: memoryview, at: int) -> int:
        if not self._takes:
            raise OSError(28, "No space left on device")
        self._takes -= 1
        return PWRITE(file, data[:100], at)


@pytest.mark.parametrize("takes", [0, 3])
def test_a_disk_that_fills_up_fails_the_snapshot_and_leaves_nothing(
    folder: SnapshotFolder, kernel: Kernel, monkeypatch: pytest.MonkeyPatch, takes: int
) -> None:
    written(folder, kernel, 1)
    monkeypatch.setattr(snapshot_writing.os, "pwrite", Unwilling(takes).pwrite)

    with pytest.raises(SnapshotFailed, match=r"does not take it: No space left on device"):
        written(folder, kernel, 2)
    assert files(folder) == ["1.snapshot"]
    monkeypatch.undo()
    written(folder, kernel, 2)


def test_a_disk_that_takes_a_little_at_a_time_gets_it_all(
    folder: SnapshotFolder, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_writing.os, "pwrite", Unwilling(1_000_000).pwrite)

    assert restored(written(folder, kernel)).digest() == kernel.digest()


def test_no_snapshot_is_begun_where_the_disk_may_be_too_full(
    folder: SnapshotFolder, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1_000_000))

    with pytest.raises(SnapshotFailed, match=r"has 1,000,000 bytes free, and 268,464,128 may be needed"):
        written(folder, kernel)
    assert files(folder) == []


def test_a_writer_that_is_to_stop_leaves_nothing(folder: SnapshotFolder, kernel: Kernel) -> None:
    stop = threading.Event()
    stop.set()

    with pytest.raises(SnapshotFailed, match="the process is to stop"):
        write_snapshot(folder, kernel.copy(), position=1, log_mark="", stop=stop)
    assert files(folder) == []
    written(folder, kernel)


def test_a_folder_that_cannot_be_made_fails_the_snapshot(tmp_path: Path, kernel: Kernel) -> None:
    (tmp_path / "snapshots").write_text("in the way")

    with pytest.raises(SnapshotFailed, match="does not take it: Not a directory"):
        written(SnapshotFolder(tmp_path, KIN), kernel)
    kernel.copy().give_up()


def test_a_snapshot_is_none_before_it_is_whole(
    folder: SnapshotFolder, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Snapshot | None] = []

    def watching(write: Callable[..., int]) -> Callable[..., int]:
        def pwrite(*args: object) -> int:
            seen.append(folder.newest())
            return write(*args)

        return pwrite

    monkeypatch.setattr(snapshot_writing.os, "pwrite", watching(PWRITE))
    written(folder, kernel)

    assert seen
    assert set(seen) == {None}
    assert folder.newest() is not None
