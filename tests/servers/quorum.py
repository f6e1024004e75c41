"""What a test has to know of RabbitMQ's quorum queues before it kills their node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from servers.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fraudline.local.rabbitmq import RabbitMQ


async def kill(node: RabbitMQ, queues: Iterable[str]) -> None:
    """Kill a node once these of its quorum queues can survive that.

    RabbitMQ 3.10 writes a new quorum queue into its directory up to three seconds late; killed before, it has a queue
    without a leader for ever.
    """
    # As Erlang writes a name: its length, then the text; so that no name is taken for the beginning of another.
    names = [bytes([len(queue)]) + queue.encode() for queue in queues]
    directory = node.folder / "data" / "node" / "quorum"

    def are_on_disk() -> bool:
        kept = b"".join(path.read_bytes() for path in directory.rglob("names.dets"))
        return all(name in kept for name in names)

    await eventually(are_on_disk)
    await asyncio.to_thread(node.kill)
