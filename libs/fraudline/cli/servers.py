"""RabbitMQ and PostgreSQL as `up` keeps them: those of this machine where no URL names others."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from fraudline.local.broker import private_broker
from fraudline.local.postgres import Postgres

if TYPE_CHECKING:
    from fraudline.local.container import RabbitMQContainer
    from fraudline.local.rabbitmq import RabbitMQ

Tell = Callable[[str], None]


class Broker:
    """RabbitMQ over a folder; what runs it is found, or installed, at the first start."""

    name = "RabbitMQ"

    def __init__(self, folder: Path, *, tell: Tell) -> None:
        self._folder = folder
        self._tell = tell
        self._server: RabbitMQ | RabbitMQContainer | None = None
        self.is_installing = False
        """Whether RabbitMQ is looked for and perhaps installed: cut short, that leaves the machine half done."""

    @property
    def url(self) -> str:
        """Where clients connect, once it was started."""
        if self._server is None:
            raise RuntimeError("a broker has its URL once it was started")
        return self._server.url

    @property
    def is_running(self) -> bool:
        """Whether the broker is there."""
        return self._server is not None and self._server.is_running

    def start(self) -> None:
        """Start it and return when it lets us in."""
        if self._server is None:
            self.is_installing = True
            try:
                self._server = private_broker(self._folder, tell=self._tell)
            finally:
                self.is_installing = False
        self._server.start()

    def stop(self) -> None:
        """End it in order."""
        if self._server is not None:
            self._server.stop()

    def epitaph(self) -> str:
        """Return where to read how it ended."""
        return f"its logs are in {self._folder}"

    def look_after(self) -> None:
        """RabbitMQ bounds its own log."""


class DatabaseServer:
    """PostgreSQL over a folder."""

    name = "PostgreSQL"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = Postgres(folder)

    @property
    def url(self) -> str:
        """Where clients connect, once it was started."""
        return self._server.url()

    @property
    def is_running(self) -> bool:
        """Whether the server is there."""
        return self._server.is_running

    def start(self) -> None:
        """Start it and return when it takes statements."""
        self._server.start()

    def stop(self) -> None:
        """End it in order."""
        self._server.stop()

    def epitaph(self) -> str:
        """Return where to read how it ended."""
        return f"its log is in {self._folder}"

    def look_after(self) -> None:
        """What it logs is bounded at each start; errors alone are logged."""
