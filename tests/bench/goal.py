"""A goal: a figure, and what it is to be."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that is to be at least `wanted`, or at most where `at_most` says so; NaN where it was not measured."""

    name: str
    figure: float
    wanted: float
    at_most: bool = False

    @property
    def is_measured(self) -> bool:
        """Whether there is a figure."""
        return not math.isnan(self.figure)

    @property
    def is_reached(self) -> bool:
        """Whether the figure is what it is to be; one that was not measured is not."""
        return self.reserve >= 0

    @property
    def reserve(self) -> float:
        """How far the figure is on the right side; below 0 on the wrong one."""
        return self.wanted - self.figure if self.at_most else self.figure - self.wanted

    def told(self, form: str) -> str:
        """Return whether it is reached, and by how much; numbers in the format `form`, like `.3f`."""
        wanted = f"{'≤' if self.at_most else '≥'} {self.wanted:{form}}"
        if not self.is_measured:
            return f"{wanted} missed: not measured"
        return f"{wanted} {'reached' if self.is_reached else 'missed'} by {abs(self.reserve):{form}}"
