"""The measured part of a page: what was not taken in is told by what became of it."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

with pytest.MonkeyPatch.context() as patch:
    # Benches import what lies beside them.
    patch.syspath_prepend(str(Path(__file__).parents[1] / "bench"))
    from throughput_page import BEGIN, END, write

LATENCY = {"p50": 1.0, "p90": 2.0, "p99": 3.0, "p99_9": math.inf}


def written(folder: Path, goal: dict[str, Any], **stretch: Any) -> str:
    usual = {
        "form": "single", "offered": 1000.0, "sent_rate": 1000.0, "rate": 990.0, "answer": LATENCY,
        "committed": LATENCY, "sent_to_committed": LATENCY, "refused": 0, "failed": 0, "unsent": 0,
        "cpu_microseconds_in_all": 9.0, "cpu_microseconds": {"ingest": 9.0}, "memory_bytes": {"ingest": 5e6},
        "others_share": 0.0,
    }  # fmt: skip
    run = {
        "measured_at": "2026-01-01T00:00:00", "is_quick": False, "payments": "public", "predict_microseconds": 31.0,
        "goals": [{"name": "a goal", "wanted": 2.0, "at_most": True, "is_reached": False} | goal],
        "subjects": {"fraudline": {"a load": usual | stretch}}, "growth": {},
    }  # fmt: skip
    figures, page = folder / "bench.json", folder / "page.md"
    figures.write_text(json.dumps(run))
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write(figures, page)
    return page.read_text()


def test_the_rest_of_the_page_stays_and_the_old_figures_go(tmp_path: Path) -> None:
    page = written(tmp_path, {"figure": 3.0})
    assert page.startswith("before\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "old" not in page
    assert "| a goal | 3.00 | ≤ 2.00 | **missed** |" in page


def test_a_goal_without_a_figure_says_so(tmp_path: Path) -> None:
    assert "| a goal | not measured | ≤ 2.00 | **missed** |" in written(tmp_path, {"figure": math.nan})


def test_refused_failed_and_never_sent_are_told_apart_and_so_is_a_load_that_was_held_back(tmp_path: Path) -> None:
    page = written(tmp_path, {"figure": 3.0}, sent_rate=500.0, refused=7, failed=2, unsent=1)
    assert "| a load | 1,000 | 500 | 990 | 1.0 | 2.0 | 3.0 | never | 3.0 | 7 | 2 | 1 | **9**: ingest 9 |" in page
    assert "**a load**: 50 % of that load was sent" in page
