"""A Containerfile as a list of instructions, as far as ours needs to be understood."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTAINERFILE = ROOT / "deploy" / "Containerfile"


@dataclass(frozen=True)
class Instruction:
    """One instruction, its lines joined, without comments."""

    name: str
    text: str

    @property
    def exec_form(self) -> list[str] | None:
        """The arguments where they are given as a JSON list; None where a shell would have to read them."""
        return list(json.loads(self.text)) if self.text.startswith("[") else None

    @property
    def words(self) -> list[str]:
        return [word for word in self.text.split() if not word.startswith("--")]


def instructions(text: str) -> list[Instruction]:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines()]


def stages(text: str) -> list[list[Instruction]]:
    """Return the instructions of each stage, the FROM first."""
    found: list[list[Instruction]] = []
    for instruction in instructions(text):
        if instruction.name == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def is_exact(image: str) -> bool:
    """Whether an image is named with its registry and a tag that says the whole version."""
    return re.fullmatch(r"[\w.]+\.\w+/[\w./-]+:v?\d+\.\d+(\.\d+)?(-[a-z]+)*", image) is not None
