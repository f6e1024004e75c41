"""What processes use of the machine, read from outside: CPU time and memory, by who uses it."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psutil

from fraudline.local.processes import family


@dataclass(frozen=True, slots=True)
class Usage:
    """What each group of processes has used so far.

    Attributes:
        cpu_seconds: By group: in user and system mode, of the processes, of their descendants, and of those of their
            children that have ended.
        memory_bytes: By group: proportional resident memory, so that what several share counts once; resident memory
            where the system does not tell.
        own_seconds: CPU of the measuring process, and of those of its children that have ended.
        busy_seconds: CPU of all processes of the machine, ours or not.
        machine_seconds: What all processors had to give.
    """

    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    memory_bytes: Mapping[str, int] = field(default_factory=dict)
    own_seconds: float = 0.0
    busy_seconds: float = 0.0
    machine_seconds: float = 0.0

    @classmethod
    def of(cls, groups: Mapping[str, Iterable[int]]) -> "Usage":
        """Read what processes, given by their numbers, and their descendants use now."""
        members = {
            name: {process.pid: process for pid in pids for process in family(pid)} for name, pids in groups.items()
        }
        machine = psutil.cpu_times()
        in_all = float(sum(machine)) - _counted_twice(machine)
        return cls(
            {name: sum(map(_cpu_seconds, processes.values())) for name, processes in members.items()},
            {name: sum(map(_memory_bytes, processes.values())) for name, processes in members.items()},
            own_seconds=sum(os.times()[:4]),
            busy_seconds=in_all - machine.idle - getattr(machine, "iowait", 0.0),
            machine_seconds=in_all,
        )

    def cpu_since(self, earlier: "Usage") -> dict[str, float]:
        """Return the CPU seconds that each group has used since an earlier reading."""
        return {name: seconds - earlier.cpu_seconds.get(name, 0.0) for name, seconds in self.cpu_seconds.items()}

    def others_share_since(self, earlier: "Usage") -> float:
        """Return the share of the machine that went to processes that are neither measured nor measuring."""
        measured = sum(self.cpu_since(earlier).values()) + self.own_seconds - earlier.own_seconds
        others = self.busy_seconds - earlier.busy_seconds - measured
        return max(0.0, others / max(self.machine_seconds - earlier.machine_seconds, 1e-9))


def _counted_twice(machine: Any) -> float:
    """Return what a guest system used: the user's time has it already."""
    return float(getattr(machine, "guest", 0.0) + getattr(machine, "guest_nice", 0.0))


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        # Gone meanwhile: its time is its parent's now.
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError):
        pass
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
