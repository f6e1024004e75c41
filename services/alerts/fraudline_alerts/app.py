"""Alerts, put together: settings → metrics → keys → database → feed → relay → opening → pages → two ports → run."""

import asyncio
from typing import TYPE_CHECKING

from fraudline.amqp.topology import ALERTS_QUEUE
from fraudline.drain.drain import Drain
from fraudline.drain.graveyard import dead_letters_counter, graveyard
from fraudline.postgres.api_keys import read_live_keys
from fraudline.postgres.database import Database
from fraudline.service.admin import admin_app, new_registry
from fraudline.service.http_server import HttpServer, bind
from fraudline.service.log import LogEvent, get_logger
from fraudline.service.readiness import Readiness
from fraudline.service.run import supervise
from fraudline.web.bound import Bound
from fraudline.web.key_ring import KeyRing
from fraudline_alerts.api import build_api
from fraudline_alerts.doorkeeper import Doorkeeper
from fraudline_alerts.feed import Feed
from fraudline_alerts.handlers import Handlers
from fraudline_alerts.metrics import AlertsMetrics
from fraudline_alerts.opening import Opening
from fraudline_alerts.page.pages import Pages
from fraudline_alerts.page.static_files import StaticFiles
from fraudline_alerts.page_handlers import PageHandlers
from fraudline_alerts.relay import Relay
from fraudline_alerts.status.board import StatusBoard
from fraudline_alerts.sweep import Sweep
from fraudline_alerts.vitals import Vitals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fraudline.domain.api_key import Client
    from fraudline.service.settings import AlertsSettings

MAX_READERS = 250
# What people ask; what runs by itself has connections that no page can take away.
PAGE_POOL_SIZE = 6
# One for each of them: keys, vitals, relay, graveyard, sweep, intake, feed.
WORK_POOL_SIZE = 7


async def main(settings: "AlertsSettings", stop: "asyncio.Event") -> None:
    """Be the alerts service until `stop` is set."""
    registry = new_registry("alerts")
    metrics = AlertsMetrics(registry)
    readiness = Readiness()
    listener = bind(settings.host, settings.port, variable="FRAUDLINE_ALERTS_PORT")
    admin_listener = bind(settings.admin_host, settings.admin_port, variable="FRAUDLINE_ALERTS_ADMIN_PORT")

    database_url, amqp_url = settings.database_url.get_secret_value(), settings.amqp_url.get_secret_value()
    asked = await Database.connect(database_url, name="fraudline alerts pages", pool_size=PAGE_POOL_SIZE)
    working = await Database.connect(database_url, name="fraudline alerts", pool_size=WORK_POOL_SIZE)

    async def read_keys() -> "Mapping[bytes, Client]":
        async with working.acquire() as connection:
            return await read_live_keys(connection)

    keys = KeyRing(read_keys)
    metrics.keys_age_seconds.set_function(lambda: keys.age_seconds)
    feed = Feed(working, metrics, old_pages=asked)
    relay = Relay(amqp_url, working, metrics)
    buried = dead_letters_counter(registry)
    opening = Opening(metrics, buried=buried, poke_feed=feed.poke)
    intake = Drain(amqp_url, working, ALERTS_QUEUE, opening.store)
    dead_letters = graveyard(amqp_url, working, ALERTS_QUEUE, buried=buried)
    sweep = Sweep(working, opening, metrics, quiet_seconds=lambda: intake.quiet_seconds)
    vitals = Vitals(working, metrics)
    board = StatusBoard(tuple(settings.status_urls.split()))

    doors = Doorkeeper(keys, asked)
    readers = Bound(MAX_READERS, "readers of the feed", metrics.feed_readers)
    handlers = Handlers(doors=doors, database=asked, feed=feed, relay=relay, readers=readers, metrics=metrics)
    static = StaticFiles()
    pages = PageHandlers(
        doors=doors, database=asked, feed=feed, board=board, pages=Pages(static), static=static, metrics=metrics
    )
    server = HttpServer(build_api(handlers, pages, metrics), listener)
    admin = HttpServer(admin_app(registry, readiness), admin_listener)
    readiness.add("http", server.unready_reason)
    readiness.add("broker", intake.unready_reason)
    readiness.add("labels", relay.unready_reason)
    readiness.add("database", vitals.unready_reason)
    readiness.add("feed", feed.unready_reason)
    readiness.add("keys", keys.unready_reason)

    get_logger().info(LogEvent.SERVICE_STARTED, port=server.port, admin_port=admin.port)
    jobs = {
        "admin": admin.run,
        "keys": keys.run,
        "vitals": vitals.run,
        "status": board.run,
        "relay": relay.run,
        "graveyard": dead_letters.run,
        "sweep": sweep.run,
        "intake": intake.run,
        "http": server.run,
        # Stopped first: the streams that it feeds end, and the port can close.
        "feed": feed.run,
    }
    try:
        await supervise(jobs, stop=stop, readiness=readiness)
    finally:
        await asyncio.gather(asked.close(), working.close())
