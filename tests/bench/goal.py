"""A goal: a figure, and what it is to be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure that is to be at least `wanted`, or at most where `at_most` says so."""

    name: str
    figure: float
    wanted: float
    at_most: bool = False

    @property
    def is_reached(self) -> bool:
        """Whether the figure is what it is to be."""
        return self.reserve >= 0

    @property
    def reserve(self) -> float:
        """How far the figure is on the right side; below 0 on the wrong one."""
        return self.wanted - self.figure if self.at_most else self.figure - self.wanted

    def told(self, form: str) -> str:
        """Return whether it is reached, and by how much; numbers in the format `form`, like `.3f`."""
        said = "reached" if self.is_reached else "missed"
        return f"{'≤' if self.at_most else '≥'} {self.wanted:{form}} {said} by {abs(self.reserve):{form}}"
