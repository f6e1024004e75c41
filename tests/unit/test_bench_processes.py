"""What processes use of the machine, and what others took of it meanwhile."""

import os

from fraudline.bench.processes import Usage


def test_the_work_of_a_process_is_seen_and_its_memory() -> None:
    before = Usage.of({"us": [os.getpid()]})
    while (after := Usage.of({"us": [os.getpid()]})).cpu_since(before)["us"] < 0.02:
        sum(range(100_000))
    assert after.memory_bytes["us"] > 1 << 20


def test_a_process_that_is_gone_uses_nothing() -> None:
    nobody = 2**22 + 1
    assert Usage.of({"gone": [nobody]}).cpu_seconds == {"gone": 0}


def test_what_is_neither_measured_nor_measuring_is_what_others_took() -> None:
    before = Usage({"ingest": 1.0}, {}, own_seconds=2.0, busy_seconds=10.0, machine_seconds=20.0)
    after = Usage({"ingest": 4.0}, {}, own_seconds=3.0, busy_seconds=19.0, machine_seconds=40.0)
    # 9 seconds of work in 20: 3 of ingest, 1 of the measuring process.
    assert after.others_share_since(before) == 0.25
