"""The system that `fraudline bench` measures: what `fraudline up` starts, over servers of the measurement's own."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

from fraudline.bench.servers import Servers
from fraudline.bench.subject import Subject
from fraudline.cli.running import RunningSystem
from fraudline.errors import FraudlineError
from fraudline.local.processes import ORDERLY, Child
from fraudline.local.state_folder import tail

NAME: Final = "fraudline"
START_SECONDS: Final = 600.0
LOOK_SECONDS: Final = 0.1
_PORTS: Final = ("INGEST", "INGEST_ADMIN", "SCORER_ADMIN", "EXPLAINER_ADMIN", "ALERTS", "ALERTS_ADMIN")


class SystemFailed(FraudlineError):  # noqa: N818 - what happened, told as such
    """The system did not come up; the end of what it said is in the message."""


@contextmanager
def running_system(servers: Servers, given: Mapping[str, str]) -> Iterator[Subject]:
    """Run all services until the block ends; `given` are settings that are to be other than the default ones.

    Raises:
        SystemFailed: It did not come up.
    """
    state = servers.folder / "state"
    log = servers.folder / "up.log"
    up = Child(
        "up",
        [sys.executable, "-m", "fraudline.cli.main", "up"],
        environment=_environment(servers, given) | {"FRAUDLINE_STATE_DIR": str(state)},
        folder=servers.folder,
        log=log,
    )
    try:
        give_up_at = time.monotonic() + START_SECONDS
        while (system := RunningSystem.read(state) if state.exists() else None) is None:
            if up.wait(LOOK_SECONDS) or time.monotonic() > give_up_at:
                raise SystemFailed(f"the system did not come up:\n{tail(log)}")
        address = urlsplit(system.ingest_url)
        yield Subject(
            name=NAME,
            host=address.hostname or "",
            port=address.port or 0,
            api_key=system.api_key,
            database_url=system.database_url,
            processes={name: [pid] for name, pid in system.pids.items()} | servers.processes(),
            admin_urls=system.admin_urls,
        )
    finally:
        with contextlib.suppress(FraudlineError):
            up.stop(ORDERLY)


def _environment(servers: Servers, given: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which nothing of ours is set but what the measurement sets."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("FRAUDLINE_")}
    return (
        own
        | {f"FRAUDLINE_{name}_PORT": "0" for name in _PORTS}
        | {"FRAUDLINE_DATABASE_URL": servers.postgres.url(), "FRAUDLINE_AMQP_URL": servers.broker.url}
        | dict(given)
    )
