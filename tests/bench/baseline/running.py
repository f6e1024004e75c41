"""The baseline as processes, over the same servers as the system it is compared with."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx2
from baseline.settings import Settings

from fraudline.bench.servers import Servers
from fraudline.bench.subject import Subject
from fraudline.local.ports import LOOPBACK, free_port
from fraudline.local.processes import Child, Step
from fraudline.local.state_folder import tail
from fraudline.postgres.migrations import migrate

NAME = "usual way"
DATABASE = "baseline"
START_SECONDS = 60.0
LOOK_SECONDS = 0.1
ORDERLY = (Step(15, 10.0),)
BENCH = Path(__file__).parents[1]

STORED = """
select substr(transaction_id, 10)::bigint as number, extract(epoch from accepted_at)::float8 as accepted_at,
       extract(epoch from pg_xact_commit_timestamp(xmin))::float8 as committed_at,
       (decision <> 'approve') as is_flagged
from fraudline.verdicts where transaction_id >= $1 and transaction_id < $2
"""
SO_FAR = "select count(*) from fraudline.verdicts"


class BaselineFailedError(Exception):
    """The baseline did not come up; the end of what it said is the message."""


@contextmanager
def running_baseline(servers: Servers, model: Path, settings: Settings | None = None) -> Iterator[Subject]:
    """Run API and worker until the block ends."""
    if DATABASE not in servers.postgres.execute("select datname from pg_database").split():
        servers.postgres.execute(f"create database {DATABASE}")
    url = servers.postgres.url(DATABASE)
    asyncio.run(migrate(url))
    settings = replace(
        settings or Settings(),
        amqp_url=servers.broker.url,
        database_url=url,
        api_key=secrets.token_hex(16),
        model=str(model),
    )
    port = free_port()
    environment = dict(os.environ) | settings.environment() | {"PYTHONPATH": _search_path()}
    uvicorn = [
        *("-m", "uvicorn", "baseline.api:app", "--host", LOOPBACK, "--port", str(port), "--loop", "uvloop"),
        *("--http", "httptools", "--no-access-log", "--log-level", "warning", "--backlog", "1024"),
        *("--workers", str(settings.api_processes)),
    ]
    log = servers.folder / "baseline.log"
    children = {
        name: Child(name, [sys.executable, *command], environment=environment, folder=servers.folder, log=log)
        for name, command in (("worker", ["-m", "baseline.worker"]), ("api", uvicorn))
    }
    try:
        _wait(port, children, log)
        yield Subject(
            name=NAME,
            host=LOOPBACK,
            port=port,
            api_key=settings.api_key,
            database_url=url,
            processes={name: [child.pid] for name, child in children.items()} | servers.processes(),
            stored=STORED,
            so_far=SO_FAR,
        )
    finally:
        for child in children.values():
            child.stop(ORDERLY)


def _wait(port: int, children: dict[str, Child], log: Path) -> None:
    give_up_at = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up_at:
        if any(child.wait(LOOK_SECONDS) for child in children.values()):
            break
        try:
            httpx2.get(f"http://{LOOPBACK}:{port}/openapi.json", timeout=2).raise_for_status()
        except httpx2.HTTPError:
            continue
        return
    raise BaselineFailedError(f"the baseline did not come up:\n{tail(log)}")


def _search_path() -> str:
    """Return where modules are found: beside ours, where they were found so far."""
    return os.pathsep.join(filter(None, (str(BENCH), os.environ.get("PYTHONPATH"))))
