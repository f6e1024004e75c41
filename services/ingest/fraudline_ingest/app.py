"""Ingest, put together: settings → metrics → keys → broker → streams → handlers → two ports → run."""

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from fraudline.amqp.topology import LABELS, TRANSACTIONS
from fraudline.postgres.api_keys import read_live_keys
from fraudline.postgres.database import Database
from fraudline.service.admin import admin_app, new_registry
from fraudline.service.http_server import HttpServer, bind
from fraudline.service.log import LogEvent, get_logger
from fraudline.service.readiness import Readiness
from fraudline.service.run import supervise
from fraudline.web.bound import Bound
from fraudline.web.key_ring import KeyRing
from fraudline_ingest.admission import Admission
from fraudline_ingest.api import build_api
from fraudline_ingest.backlog import Backlog
from fraudline_ingest.fallbacks import Fallbacks
from fraudline_ingest.group_commit import GroupCommit
from fraudline_ingest.handlers import Handlers
from fraudline_ingest.metrics import IngestMetrics
from fraudline_ingest.publisher import Publisher, Stream
from fraudline_ingest.replies import Replies
from fraudline_ingest.waiters import Waiters
from fraudline_ingest.waiting import Waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraudline.domain.api_key import Client
    from fraudline.service.settings import IngestSettings

MAX_BODY_BYTES_IN_FLIGHT = 64 << 20
MAX_READS_IN_FLIGHT = 256
MAX_WAITS_IN_FLIGHT = 4_096
POOL_SIZE = 4

TRANSACTION_STREAM = Stream(name="0", exchange=TRANSACTIONS, routing_key="0")
LABEL_STREAM = Stream(name="labels", exchange=LABELS, routing_key="")


def _now() -> datetime:
    return datetime.now(UTC)


async def main(settings: "IngestSettings", stop: "asyncio.Event") -> None:
    """Be the ingest service until `stop` is set."""
    registry = new_registry("ingest")
    metrics = IngestMetrics(registry)
    readiness = Readiness()
    listener = bind(settings.host, settings.port, variable="FRAUDLINE_INGEST_PORT")
    admin_listener = bind(settings.admin_host, settings.admin_port, variable="FRAUDLINE_INGEST_ADMIN_PORT")

    database = await Database.connect(
        settings.database_url.get_secret_value(), name="fraudline ingest", pool_size=POOL_SIZE
    )

    # A connection that nothing else may take: a revoked key must die in time however slow the look-ups are.
    keys_database = await Database.connect(
        settings.database_url.get_secret_value(), name="fraudline ingest keys", pool_size=1
    )

    async def read_keys() -> "Mapping[bytes, Client]":
        async with keys_database.acquire() as connection:
            return await read_live_keys(connection)

    keys = KeyRing(read_keys)
    metrics.keys_age_seconds.set_function(lambda: keys.age_seconds)
    publisher = Publisher(settings.amqp_url.get_secret_value(), metrics)
    waiters = Waiters()
    backlogs = {stream: Backlog(stream.name) for stream in (TRANSACTION_STREAM, LABEL_STREAM)}
    admission = Admission([*backlogs.values()], metrics)
    replies = Replies(settings.amqp_url.get_secret_value(), publisher.producer, waiters, admission)
    transactions, labels = (
        GroupCommit(stream, publisher, metrics, backlog=backlog, admission=admission, reply_queue=lambda: replies.queue)
        for stream, backlog in backlogs.items()
    )
    fallbacks = Fallbacks(transactions, metrics.fallbacks_given_up)
    handlers = Handlers(
        keys=keys,
        database=database,
        transactions=transactions,
        labels=labels,
        admission=admission,
        waiting=Waiting(
            stream=transactions,
            waiters=waiters,
            fallbacks=fallbacks,
            decision=settings.fallback_decision,
            bound=Bound(MAX_WAITS_IN_FLIGHT, "clients waiting", metrics.waits_in_flight),
            metrics=metrics,
            now=_now,
        ),
        events=Bound(settings.max_events_in_flight, "events", metrics.events_in_flight),
        body_bytes=Bound(MAX_BODY_BYTES_IN_FLIGHT, "bytes", metrics.body_bytes_in_flight),
        reads=Bound(MAX_READS_IN_FLIGHT, "reads", metrics.reads_in_flight),
        metrics=metrics,
        now=_now,
    )
    server = HttpServer(build_api(handlers, metrics), listener)
    admin = HttpServer(admin_app(registry, readiness), admin_listener)
    readiness.add("http", server.unready_reason)
    readiness.add("broker", publisher.unready_reason)
    readiness.add("keys", keys.unready_reason)

    get_logger().info(LogEvent.SERVICE_STARTED, port=server.port, admin_port=admin.port)
    jobs = {
        "admin": admin.run,
        "keys": keys.run,
        "publisher": publisher.run,
        "transactions": transactions.run,
        "labels": labels.run,
        "replies": replies.run,
        "fallbacks": fallbacks.run,
        "http": server.run,
    }
    try:
        await supervise(jobs, stop=stop, readiness=readiness)
    finally:
        await asyncio.gather(database.close(), keys_database.close())
