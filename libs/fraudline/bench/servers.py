"""RabbitMQ and PostgreSQL of the measurement's own, durable as in production, in a folder that goes afterwards."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fraudline.local.broker import private_broker
from fraudline.local.container import RabbitMQContainer
from fraudline.local.postgres import Postgres
from fraudline.local.rabbitmq import RabbitMQ

BROKER: Final = "broker"
DATABASE: Final = "database"
# Settings are those of any installation but for this one, which writes down when a transaction was committed.
SETTINGS: Final = {"track_commit_timestamp": "on"}


@dataclass(frozen=True, slots=True)
class Servers:
    """Both servers, started, and the folder in which they are."""

    folder: Path
    broker: RabbitMQ | RabbitMQContainer
    postgres: Postgres

    def processes(self) -> dict[str, list[int]]:
        """Return the servers' processes by group; none of a broker that runs in a container.

        The first of each alone: what they start may end again, and is found as long as it is there.
        """
        return {
            BROKER: [self.broker.pid] if isinstance(self.broker, RabbitMQ) else [],
            DATABASE: [self.postgres.pid],
        }


@contextmanager
def servers(tell: Callable[[str], None]) -> Iterator[Servers]:
    """Start both, and remove them and all that they hold at the end.

    Raises:
        LocalServerError: One cannot be had or does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="fraudline-bench-"))
    # Passable for the account that PostgreSQL runs under where we are root.
    folder.chmod(0o711)
    postgres = Postgres(folder / "postgres", settings=SETTINGS)
    broker = None
    try:
        broker = private_broker(folder / "rabbitmq", tell=tell)
        with ThreadPoolExecutor(max_workers=2) as pool:
            for starting in [pool.submit(broker.start), pool.submit(postgres.start)]:
                starting.result()
        yield Servers(folder, broker, postgres)
    finally:
        if broker is not None:
            broker.stop()
        postgres.remove()
        shutil.rmtree(folder, ignore_errors=True)
