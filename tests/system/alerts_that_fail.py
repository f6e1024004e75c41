"""Alerts with a fault put into it from outside: `python -m system.alerts_that_fail`; the code has no door for it.

FAIL_AT names the moment of a disposition's life, or of an alert's, at which the process is killed by SIGKILL.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

from aio_pika.exchange import Exchange

from fraudline.amqp.consumer import Message
from fraudline.service.run import run
from fraudline.service.settings import AlertsSettings
from fraudline_alerts import handlers
from fraudline_alerts.app import main
from fraudline_alerts.opening import Opening
from fraudline_alerts.relay import Relay

MOMENT = os.environ["FAIL_AT"]

Asynchronous = Callable[..., Awaitable[Any]]


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dying_before(_function: Asynchronous) -> Asynchronous:
    async def wrapped(*_args: Any, **_kwargs: Any) -> Any:
        _die()

    return wrapped


def _dying_after(function: Asynchronous) -> Asynchronous:
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = await function(*args, **kwargs)
        _die()
        return result

    return wrapped


def _dying_after_work(function: Asynchronous) -> Asynchronous:
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = await function(*args, **kwargs)
        if result:
            _die()
        return result

    return wrapped


# Where each moment's fault is put in, and what stands there instead.
FAULTS: dict[str, tuple[Any, str, Callable[[Asynchronous], Asynchronous]]] = {
    "asked": (handlers, "dispose", _dying_before),
    "disposed": (handlers, "dispose", _dying_after),
    "published": (Exchange, "publish", _dying_after),
    "marked": (Relay, "_publish_some", _dying_after_work),
    "delivered": (Opening, "store", _dying_before),
    "opened": (Opening, "store", _dying_after),
    "acknowledged": (Message, "ack", _dying_after),
}


def put_fault_in() -> None:
    target, name, fault = FAULTS[MOMENT]
    patch.object(target, name, fault(target.__dict__[name])).start()


if __name__ == "__main__":
    put_fault_in()
    run("alerts", AlertsSettings, main)
