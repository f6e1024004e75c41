"""What can go wrong with data and models, each one sentence: what, where, and the way out.

FraudlineError
├── FileRefused        a file of transactions cannot be used
├── TrainingRefused    nothing useful can be learned from these days
├── BacktestRefused    these days hold nothing to judge
├── EvaluationRefused  these verdicts cannot be measured
└── BundleError        a model bundle is missing, damaged or made for something else: at start exit, at a swap keep
                       the old one
"""

from pathlib import Path

from fraudline.errors import FraudlineError


class FileRefused(FraudlineError):  # noqa: N818 - told as one word: the file was refused
    """A file cannot be used; `file` is its path, `reason` says what is wrong, where, and the way out."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class TrainingRefused(FraudlineError):  # noqa: N818 - told as one word: the training was refused
    """These transactions do not make a model; the message says why and the way out."""


class BundleError(FraudlineError):
    """A bundle cannot be used; `file` is what is wrong with it, `reason` why, with the way out."""

    def __init__(self, file: str, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class BacktestRefused(FraudlineError):  # noqa: N818 - told as one word: the backtest was refused
    """These days hold nothing to judge; the message says why and the way out."""


class EvaluationRefused(FraudlineError):  # noqa: N818 - told as one word: the evaluation was refused
    """These verdicts cannot be measured; the message says why and the way out."""
