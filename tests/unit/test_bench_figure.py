"""What a measurement leaves behind: lines of text, and drawings that can be shown by themselves."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from fraudline.bench.course import Findings, steady_name
from fraudline.bench.figure import latency_figure
from fraudline.bench.latency import Latency
from fraudline.bench.load import Form
from fraudline.bench.measuring import Stretch
from fraudline.bench.table import line, memory_lines

QUICK = Latency(100, 1.0, 2.0, 3.0, 4.0)
A_STRETCH = Stretch(
    name="single, 50 % of it", form=Form.SINGLE, offered=500.0, connections=256, seconds=2.0, requests=1000,
    accepted=1000, stored=1000, flagged=3, refused=0, failed=0, unsent=0, waited=0, sent_rate=500.0, rate=499.0,
    answer=QUICK, committed=Latency(100, 10.0, 20.0, 30.0, float("inf")), sent_to_committed=QUICK,
    accepted_to_committed=QUICK,
    cpu_microseconds={"ingest": 123.4}, memory_bytes={"ingest": 50 << 20},
)  # fmt: skip


def findings(subject: str, *rates: float) -> Findings:
    shares = (0.25, 0.5, 0.75, 0.9)
    named = {
        steady_name(Form.SINGLE, share): replace(A_STRETCH, offered=rate)
        for share, rate in zip(shares, rates, strict=False)
    }
    return Findings(subject, named)


def test_a_line_shows_latencies_until_the_commit_and_what_never_ended() -> None:
    shown = line(A_STRETCH)
    assert shown.split()[5:11] == ["500", "499", "10.0", "20.0", "30.0", "never"]
    assert shown.endswith("ingest 123")


def test_a_line_of_those_that_wait_shows_latencies_until_the_answer_and_how_many_got_no_verdict() -> None:
    shown = line(replace(A_STRETCH, form=Form.WAIT, waited=990, refused=7))
    assert shown.split()[7:11] == ["1.0", "2.0", "3.0", "4.0"]
    assert shown.endswith("; 7 refused; 10 without a verdict in time")


def test_a_line_tells_of_a_load_that_was_held_back() -> None:
    assert line(replace(A_STRETCH, sent_rate=400.0)).endswith("; 80% of the load was sent")


def test_the_most_memory_counts() -> None:
    two = Findings("x", {"a": A_STRETCH, "b": replace(A_STRETCH, memory_bytes={"ingest": 60 << 20})})
    assert list(memory_lines(two)) == ["x: ingest 60 MiB at most"]


def test_a_drawing_has_two_lines_a_subject_and_a_key_that_names_them() -> None:
    drawing = latency_figure(Form.SINGLE, [findings("fraudline", 100, 200, 300), findings("usual way", 10, 20, 30)])
    assert drawing is not None
    root = ET.fromstring(drawing)  # noqa: S314 - our own drawing
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [text for text in texts if "p50" in text or "p99" in text] == [
        "fraudline, p50", "fraudline, p99", "usual way, p50", "usual way, p99",
    ]  # fmt: skip
    assert len(list(root.iter("{http://www.w3.org/2000/svg}circle"))) == 12


@pytest.mark.parametrize("form", [Form.BATCH, Form.WAIT])
def test_what_was_not_measured_is_not_drawn(form: Form) -> None:
    assert latency_figure(form, [findings("fraudline", 100)]) is None
