"""A scorer with a fault put into it from outside: `python -m system.scorer_that_fails`; the code has no door for it.

FAIL_AT names the moment: the process is killed there by SIGKILL, the first time it gets there. The others wait for a
merchant that FAIL_ON names: `score_raises` and `score_kills` fail whenever its transaction is computed, alone or among
others; `commit_freezes` stops the process by SIGSTOP, once, right before the commit that would hold its verdict.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from unittest.mock import patch

from aiormq.channel import Channel

from fraudline.amqp.consumer import Inbox
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.keys import entity_key
from fraudline.postgres.commit import ScoredTransaction
from fraudline.service.run import run
from fraudline.service.settings import ScorerSettings
from fraudline.state.partition_state import PartitionState
from fraudline_scorer import batch, line
from fraudline_scorer.announcer import Announcer
from fraudline_scorer.app import main
from fraudline_scorer.plan import Planner
from fraudline_scorer.replies import Replies
from fraudline_scorer.session import PREFETCH_MESSAGES

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


def _dying_with_a_message(take: Callable[[Inbox], Any]) -> Callable[[Inbox], Any]:
    def wrapped(inbox: Inbox) -> Any:
        message = take(inbox)
        if message is not None:
            _die()
        return message

    return wrapped


def _dying_once_acknowledged(ack: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def wrapped(channel: Channel, *args: Any, **kwargs: Any) -> None:
        await ack(channel, *args, **kwargs)
        # The same channel's next answer says that the broker has read the acknowledgement too.
        await channel.basic_qos(prefetch_count=PREFETCH_MESSAGES)
        _die()

    return wrapped


def _freezing_before(commit: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
    has_frozen = False

    async def wrapped(*args: Any, scored: Sequence[ScoredTransaction], **kwargs: Any) -> bool:
        nonlocal has_frozen
        if not has_frozen and MERCHANT in {entry.accepted.data.merchant_id for entry in scored}:
            has_frozen = True
            os.kill(os.getpid(), signal.SIGSTOP)
        return await commit(*args, scored=scored, **kwargs)

    return wrapped


def _failing_on_merchant(fail: Callable[[], None]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    key = entity_key("merchant", MERCHANT)

    def faulty(score: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(state: PartitionState, events: Any) -> Any:
            if key in events.keys:
                fail()
            return score(state, events)

        return wrapped

    return faulty


def _raise() -> None:
    raise ArithmeticError("the model cannot take this")


# Where each moment's fault is put in, and what stands there instead.
FAULTS: dict[str, tuple[Any, str, Callable[[Any], Any]]] = {
    "received": (Inbox, "take", _dying_with_a_message),
    "decoded": (batch, "decode_delivery", _dying_after),
    "unseen": (Planner, "plan", _dying_after),
    "featured": (Kernel, "apply", _dying_after),
    "scored": (PartitionState, "score", _dying_after),
    "decided": (line, "compute", _dying_after),
    "committed": (line, "commit_batch", _dying_after_await),
    "told": (Replies, "send", _dying_after_await),
    "announced": (Announcer, "announce", _dying_after_await),
    "acknowledged": (Channel, "basic_ack", _dying_once_acknowledged),
    "commit_freezes": (line, "commit_batch", _freezing_before),
    "score_kills": (PartitionState, "score", _failing_on_merchant(_die)),
    "score_raises": (PartitionState, "score", _failing_on_merchant(_raise)),
}


def put_fault_in() -> None:
    target, name, fault = FAULTS[MOMENT]
    patch.object(target, name, fault(target.__dict__[name])).start()


if __name__ == "__main__":
    put_fault_in()
    run("scorer", ScorerSettings, main)
