"""What can go wrong, by what the one who meets it can do.

FraudlineError
├── ConfigurationError   a setting or file is wrong: say which, exit at start
├── DependencyAway       a broker or database is away: wait, answer 503
├── Unroutable           the broker is there, the queue's binding is not: answer 503, page somebody
└── Fenced               another process owns the partition: take back, leave
"""


class FraudlineError(Exception):
    """The root of all errors that Fraudline raises on purpose."""


class ConfigurationError(FraudlineError):
    """A setting cannot be used; `variable` is its name, `reason` says what is wrong and the way out."""

    def __init__(self, variable: str, reason: str) -> None:
        super().__init__(f"{variable}: {reason}")
        self.variable = variable
        self.reason = reason


class DependencyAway(FraudlineError):  # noqa: N818 - a state of the world, told as one
    """A server that we need does not answer, refuses or is read-only; it may be back in `retry_after_seconds`."""

    def __init__(self, name: str, reason: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(f"{name} is away: {reason}")
        self.name = name
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


class Unroutable(DependencyAway):
    """The broker returned a message: no queue is bound for it."""


class Fenced(FraudlineError):  # noqa: N818 - a state of the world, told as one
    """Another process has taken the partition over; what was not committed must be taken back."""
