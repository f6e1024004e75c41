"""Builds the explainer: settings → model → pool → explainer; nothing is built anywhere else."""

import asyncio
from typing import TYPE_CHECKING

from fraudline.postgres.database import Database
from fraudline.service.admin import admin_app, new_registry
from fraudline.service.http_server import HttpServer, bind
from fraudline.service.log import LogEvent, get_logger
from fraudline.service.readiness import Readiness
from fraudline.service.run import supervise
from fraudline_scorer.explainer.explainer import Explainer
from fraudline_scorer.explainer.metrics import ExplainerMetrics
from fraudline_scorer.explainer.priority import give_way
from fraudline_scorer.model import load_bundle
from fraudline_scorer.standing import Standing

if TYPE_CHECKING:
    from fraudline.service.settings import ExplainerSettings


async def main(settings: "ExplainerSettings", stop: asyncio.Event) -> None:
    """Run one explainer process until `stop`.

    Raises:
        ConfigurationError: The model bundle or the database cannot be used.
        JobDied: One of its jobs ended unasked.
    """
    give_way()
    bundle = await asyncio.to_thread(load_bundle, settings)
    await asyncio.to_thread(bundle.prepare_to_explain)
    database = await Database.connect(settings.database_url.get_secret_value(), name="fraudline explainer", pool_size=1)
    registry = new_registry("explainer")
    standing = Standing()
    readiness = Readiness()
    readiness.add("database", lambda: standing.database)
    explainer = Explainer(bundle=bundle, database=database, standing=standing, metrics=ExplainerMetrics(registry))
    listener = bind(settings.admin_host, settings.admin_port, variable="FRAUDLINE_EXPLAINER_ADMIN_PORT")
    admin = HttpServer(admin_app(registry, readiness), listener)
    get_logger().info(LogEvent.SERVICE_STARTED, admin_port=admin.port, model=bundle.label)
    try:
        await supervise({"admin": admin.run, "explainer": explainer.run}, stop=stop, readiness=readiness)
    finally:
        await database.close()
