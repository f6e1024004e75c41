"""Builds the scorer: settings → pool → model → state → sessions; nothing is built anywhere else."""

import asyncio
import socket
from typing import TYPE_CHECKING
from uuid import uuid4

from fraudline.amqp.topology import events_queue
from fraudline.drain.graveyard import dead_letters_counter, graveyard
from fraudline.errors import ConfigurationError
from fraudline.postgres.database import Database
from fraudline.service.admin import admin_app, new_registry
from fraudline.service.http_server import HttpServer, bind
from fraudline.service.log import LogEvent, get_logger
from fraudline.service.readiness import Readiness
from fraudline.service.run import supervise
from fraudline.state.partition_state import PartitionState
from fraudline.state.snapshot_folder import SnapshotFolder
from fraudline.state.snapshot_format import Kin
from fraudline.state.starting import SnapshotStart
from fraudline_scorer.metrics import ScorerMetrics
from fraudline_scorer.model import load_bundle, warn_of_another_memory
from fraudline_scorer.months import keep_months
from fraudline_scorer.session import Sessions
from fraudline_scorer.snapshots import INTERVAL_POSITIONS, Snapshots
from fraudline_scorer.standing import Standing
from fraudline_scorer.suspects import SuspectNotes

if TYPE_CHECKING:
    from fraudline.service.settings import ScorerSettings

PARTITION = 0


async def main(settings: "ScorerSettings", stop: asyncio.Event) -> None:
    """Run one scorer process until `stop`.

    Raises:
        ConfigurationError: The model bundle or the state folder cannot be used, or so many entities find no room.
        JobDied: One of its jobs ended unasked.
    """
    bundle = await asyncio.to_thread(load_bundle, settings)
    registry = new_registry("scorer")
    metrics = ScorerMetrics(registry)
    folder = SnapshotFolder(settings.state_dir, Kin.of(partition=PARTITION, max_entities=settings.max_entities))
    start = SnapshotStart(folder, tell_refused=metrics.snapshots.note_refused)
    state = PartitionState(PARTITION, bundle, max_entities=settings.max_entities, start=start)
    notes = _notes(settings)
    database = await Database.connect(settings.database_url.get_secret_value(), name="fraudline scorer", pool_size=4)
    standing = Standing()
    metrics.follow(standing)
    readiness = Readiness()
    standing.report_to(readiness)
    amqp_url = settings.amqp_url.get_secret_value()
    sessions = Sessions(
        amqp_url=amqp_url,
        database=database,
        state=state,
        notes=notes,
        standing=standing,
        metrics=metrics,
        owner=f"{socket.gethostname()}/{uuid4()}",
    )
    snapshots = Snapshots(
        state=state,
        folder=folder,
        database=database,
        standing=standing,
        metrics=metrics.snapshots,
        interval_positions=INTERVAL_POSITIONS,
    )
    dead_letters = graveyard(amqp_url, database, events_queue(PARTITION), buried=dead_letters_counter(registry))
    listener = bind(settings.admin_host, settings.admin_port, variable="FRAUDLINE_SCORER_ADMIN_PORT")
    admin = HttpServer(admin_app(registry, readiness), listener)
    get_logger().info(LogEvent.SERVICE_STARTED, admin_port=admin.port, model=bundle.label)
    warn_of_another_memory(bundle, settings.max_entities)
    try:
        await supervise(
            {
                "admin": admin.run,
                "months": lambda ended: keep_months(database, ended),
                "graveyard": dead_letters.run,
                "snapshots": snapshots.run,
                "sessions": sessions.serve,
            },
            stop=stop,
            readiness=readiness,
        )
    finally:
        await database.close()
        notes.close()


def _notes(settings: "ScorerSettings") -> SuspectNotes:
    try:
        return SuspectNotes.open(settings.state_dir, PARTITION)
    except OSError as error:
        raise ConfigurationError("FRAUDLINE_STATE_DIR", f"cannot be written: {error.strerror}") from error
