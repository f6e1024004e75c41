"""The admin port of a service: its metrics, whether it lives, whether it can work."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, PlatformCollector, ProcessCollector
from prometheus_client.exposition import choose_encoder
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request

    from fraudline.service.readiness import Readiness


def new_registry(service: str) -> CollectorRegistry:
    """Return a registry that holds what every service measures: the process, the platform, the build."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    build = Gauge(
        "fraudline_build_info", "Always 1; its labels say what runs.", ["service", "version"], registry=registry
    )
    build.labels(service=service, version=version("fraudline")).set(1)
    return registry


def admin_app(registry: CollectorRegistry, readiness: "Readiness") -> Starlette:
    """Return the application of the admin port.

    `/livez` answers as long as the event loop turns; `/readyz` says 503 with what is not ready, and why.
    """

    async def metrics(request: "Request") -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), media_type=content_type)

    async def livez(_request: "Request") -> Response:
        return PlainTextResponse("alive\n")

    async def readyz(_request: "Request") -> Response:
        state = readiness.state()
        is_ready = all(reason is None for reason in state.values())
        checks = {name: {"ready": reason is None, "reason": reason} for name, reason in state.items()}
        return JSONResponse({"ready": is_ready, "checks": checks}, status_code=200 if is_ready else 503)

    return Starlette(
        routes=[
            Route("/metrics", metrics),
            Route("/livez", livez),
            Route("/readyz", readyz),
        ]
    )
