"""Who works for a subject, so that a death is noticed though another took the dead one's place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

import psutil

from fraudline.errors import FraudlineError
from fraudline.local.processes import SAME_START_SECONDS, is_alive


class ProcessDied(FraudlineError):  # noqa: N818 - what happened, told as such
    """A process of the measured system ended meanwhile: the figures of the run are worth nothing."""


@dataclass(frozen=True, slots=True)
class Lives:
    """Processes by group and number, with the moment at which each began, in seconds since 1970."""

    began_at: Mapping[str, Mapping[int, float]]

    @classmethod
    def of(cls, groups: Mapping[str, Iterable[int]]) -> Self:
        """Look at all that work.

        Raises:
            ProcessDied: One is gone already.
        """
        return cls({name: {pid: _began_at(name, pid) for pid in pids} for name, pids in groups.items()})

    def check(self) -> None:
        """Look again.

        Raises:
            ProcessDied: One is gone, or its number is another's now.
        """
        for name, processes in self.began_at.items():
            for pid, began_at in processes.items():
                if abs(_began_at(name, pid) - began_at) > SAME_START_SECONDS:
                    raise ProcessDied(_said(name, pid))


def _began_at(name: str, pid: int) -> float:
    try:
        process = psutil.Process(pid)
        if is_alive(process):
            return process.create_time()
    except psutil.NoSuchProcess:
        pass
    raise ProcessDied(_said(name, pid))


def _said(name: str, pid: int) -> str:
    return f"process {pid} of {name} died under the load"
