"""What the baseline is told, by environment variables; the defaults are what tuning found (see README.md)."""

import os
from dataclasses import asdict, dataclass, fields

PREFIX = "BASELINE_"


@dataclass(frozen=True, slots=True)
class Settings:
    """The baseline's settings.

    Attributes:
        amqp_url: The broker.
        database_url: The database, with the product's own schema.
        api_key: The key that callers send.
        model: The bundle.
        queue_type: `quorum` (as the product's) or `classic`.
        prefetch: How many messages the worker holds, and so works on, at once.
        pool: How many connections to the database it has.
        channels: Over how many channels the API publishes in turn.
        api_processes: How many processes uvicorn runs.
    """

    amqp_url: str = ""
    database_url: str = ""
    api_key: str = ""
    model: str = ""
    queue_type: str = "quorum"
    prefetch: int = 64
    pool: int = 16
    channels: int = 1
    api_processes: int = 1

    @classmethod
    def read(cls) -> "Settings":
        """Read them from the environment."""
        given = {field.name: os.environ.get(PREFIX + field.name.upper()) for field in fields(cls)}
        return cls(**{
            name: value if isinstance(getattr(cls(), name), str) else int(value)
            for name, value in given.items()
            if value is not None
        })  # fmt: skip

    @property
    def queue(self) -> str:
        """The queue's name; one of another type is another queue."""
        return f"baseline.transactions.{self.queue_type}"

    def environment(self) -> dict[str, str]:
        """Return the variables that say the same."""
        return {PREFIX + name.upper(): str(value) for name, value in asdict(self).items()}
