"""An event is convicted by processes that went down over it, never by those that live."""

import subprocess
import sys
from pathlib import Path

import pytest

from fraudline_scorer.suspects import SuspectNotes

KEY = b"k" * 32
OTHER = b"o" * 32

_NOTE_AND_DIE = """
import os, signal, sys
from pathlib import Path
from fraudline_scorer.suspects import SuspectNotes
SuspectNotes.open(Path(sys.argv[1]), 0).working_on(sys.argv[2].encode() * 32)
os.kill(os.getpid(), signal.SIGKILL)
"""


def crash_over(folder: Path, letter: str) -> None:
    ended = subprocess.run([sys.executable, "-c", _NOTE_AND_DIE, str(folder), letter], check=False)
    assert ended.returncode == -9


def test_an_event_that_took_a_process_down_twice_is_convicted(tmp_path: Path) -> None:
    for crashes in (1, 2):
        crash_over(tmp_path, "k")
        notes = SuspectNotes.open(tmp_path, 0)
        notes.settle_accounts()
        assert notes.is_convicted(KEY) == (crashes == 2)
        assert not notes.is_convicted(OTHER)
        notes.close()


def test_one_crash_is_counted_once_however_often_it_is_looked_at(tmp_path: Path) -> None:
    crash_over(tmp_path, "k")
    for _ in range(3):
        notes = SuspectNotes.open(tmp_path, 0)
        notes.settle_accounts()
        assert not notes.is_convicted(KEY)
        notes.close()


def test_a_takeover_from_a_process_that_lives_convicts_nothing(tmp_path: Path) -> None:
    script = _NOTE_AND_DIE.replace(
        "os.kill(os.getpid(), signal.SIGKILL)", "print('noted', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, str(tmp_path), "k"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "noted\n"
        notes = SuspectNotes.open(tmp_path, 0)
        for _ in range(3):
            notes.settle_accounts()
        assert not notes.is_convicted(KEY)
        notes.close()
        other.communicate()


def test_work_that_was_done_is_no_crash(tmp_path: Path) -> None:
    notes = SuspectNotes.open(tmp_path, 0)
    notes.working_on(KEY)
    notes.done()
    notes.settle_accounts()
    assert not notes.is_convicted(KEY)
    notes.close()


@pytest.mark.parametrize("content", [b"", b"no such file", b"\0" * 10_000])
def test_files_of_another_form_are_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "crashes-0.bin").write_bytes(content)
    (tmp_path / "working-0-other.bin").write_bytes(content)
    notes = SuspectNotes.open(tmp_path, 0)
    notes.settle_accounts()
    assert not notes.is_convicted(KEY)
    notes.close()


def test_a_process_that_leaves_in_order_leaves_no_note(tmp_path: Path) -> None:
    SuspectNotes.open(tmp_path, 0).close()
    assert [path.name for path in tmp_path.iterdir()] == ["crashes-0.bin"]


def test_the_files_stay_small_and_remembers_the_worst(tmp_path: Path) -> None:
    for _ in range(2):
        crash_over(tmp_path, "k")
        notes = SuspectNotes.open(tmp_path, 0)
        notes.settle_accounts()
        notes.close()
    size = (tmp_path / "crashes-0.bin").stat().st_size
    crash_over(tmp_path, "o")
    notes = SuspectNotes.open(tmp_path, 0)
    notes.settle_accounts()
    assert notes.is_convicted(KEY)
    assert (tmp_path / "crashes-0.bin").stat().st_size == size < 8192
    notes.close()
