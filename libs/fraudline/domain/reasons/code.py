"""One kind of reason that the model can give."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fraudline.domain.reasons.facts import Facts, Sentence


@dataclass(frozen=True, slots=True)
class ReasonCode:
    """A code, and which features it gathers: all whose stem it names, by whatever half-life.

    Attributes:
        code: As it stands in verdicts, the API and the documentation.
        about: What its sentences are about, in a few words.
        stems: Features' names without their half-lives; no stem is in two codes.
        sentences: The sentence of each of them.
    """

    code: str
    about: str
    stems: tuple[str, ...]
    sentences: Mapping[str, Sentence] = field(repr=False, compare=False)

    def sentence(self, facts: Facts) -> str:
        """Return what is told of the strongest feature, which is one of this code's."""
        return self.sentences[facts.stem](facts)
