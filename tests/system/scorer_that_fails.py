"""A scorer with a fault put into it from outside: `python -m system.scorer_that_fails`; the code has no door for it.

FAIL_AT names the moment: the process is killed there by SIGKILL, once the batch holds what FAIL_ON names (a merchant).
`score_raises` and `score_kills` fail whenever that merchant's transaction is computed, alone or among others.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

from fraudline.kernel.keys import entity_key
from fraudline.service.run import run
from fraudline.service.settings import ScorerSettings
from fraudline.state.partition_state import PartitionState
from fraudline_scorer import line, session
from fraudline_scorer.announcer import Announcer
from fraudline_scorer.app import main
from fraudline_scorer.plan import Planner

MOMENT = os.environ["FAIL_AT"]
MERCHANT = os.environ.get("FAIL_ON", "poison")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _dying_after(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        _die()
        return result

    return wrapped


def _dying_after_await(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    async def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = await function(*args, **kwargs)
        _die()
        return result

    return wrapped


def _failing_on_merchant(fail: Callable[[], None]) -> Callable[..., Any]:
    key = entity_key("merchant", MERCHANT)
    score = PartitionState.score

    def wrapped(state: PartitionState, events: Any) -> Any:
        if key in events.merchant.tolist():
            fail()
        return score(state, events)

    return wrapped


def _raise() -> None:
    raise ArithmeticError("the model cannot take this")


def put_fault_in() -> None:
    match MOMENT:
        case "decoded":
            target, name, fault = session, "decode_delivery", _dying_after(session.__dict__["decode_delivery"])
        case "unseen":
            target, name, fault = Planner, "plan", _dying_after(Planner.plan)
        case "scored":
            target, name, fault = PartitionState, "score", _dying_after(PartitionState.score)
        case "decided":
            target, name, fault = line, "compute", _dying_after(line.__dict__["compute"])
        case "committed":
            target, name, fault = line, "commit_batch", _dying_after_await(line.__dict__["commit_batch"])
        case "announced":
            target, name, fault = Announcer, "announce", _dying_after_await(Announcer.announce)
        case "score_kills":
            target, name, fault = PartitionState, "score", _failing_on_merchant(_die)
        case "score_raises":
            target, name, fault = PartitionState, "score", _failing_on_merchant(_raise)
        case _:
            raise ValueError(MOMENT)
    patch.object(target, name, fault).start()


if __name__ == "__main__":
    put_fault_in()
    run("scorer", ScorerSettings, main)
