"""Exchanges, queues and bindings, under the names that operators and consumers hold on to."""

from dataclasses import dataclass
from typing import Final

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractQueue

TRANSACTIONS: Final = "fraudline.transactions"
LABELS: Final = "fraudline.labels"
VERDICTS: Final = "fraudline.verdicts"
DEAD: Final = "fraudline.dead"

# Over the limit the broker dead-letters. It is high because every lost connection counts towards it, and never -1:
# RabbitMQ 3.10 then drops a message at its first redelivery.
DELIVERY_LIMIT: Final = 1_000
MAX_QUEUE_BYTES: Final = 8 << 30
MAX_DEAD_BYTES: Final = 1 << 30

# Message headers: who published it, under which number of which stream, without gaps.
PRODUCER_HEADER: Final = "fraudline-producer"
STREAM_HEADER: Final = "fraudline-stream"
NUMBER_HEADER: Final = "fraudline-number"


def events_queue(partition: int) -> str:
    """Return the name of the queue that is a partition's log."""
    return f"scorer.events.{partition}"


def dead_queue(queue: str) -> str:
    """Return the name of the dead queue of `queue`."""
    return f"{queue}.dead"


@dataclass(frozen=True, slots=True)
class PartitionQueues:
    """The queues of one partition, declared on one channel."""

    events: AbstractQueue
    dead: AbstractQueue


async def declare_partition(channel: AbstractChannel, partition: int) -> PartitionQueues:
    """Declare everything that one partition's events pass through; does nothing where it is there already.

    At-least-once dead-lettering needs all of: its strategy, `overflow=reject-publish`, a dead-letter exchange.

    Raises:
        aio_pika.exceptions.ChannelPreconditionFailed: A queue or exchange of that name has other properties.
    """
    transactions = await channel.declare_exchange(TRANSACTIONS, ExchangeType.DIRECT, durable=True)
    labels = await channel.declare_exchange(LABELS, ExchangeType.FANOUT, durable=True)
    await channel.declare_exchange(VERDICTS, ExchangeType.TOPIC, durable=True)
    dead = await channel.declare_exchange(DEAD, ExchangeType.DIRECT, durable=True)

    name = events_queue(partition)
    graveyard = await channel.declare_queue(
        dead_queue(name),
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-max-length-bytes": MAX_DEAD_BYTES,
            "x-overflow": "reject-publish",
        },
    )
    await graveyard.bind(dead, routing_key=name)
    events = await channel.declare_queue(
        name,
        durable=True,
        arguments={
            "x-queue-type": "quorum",
            "x-single-active-consumer": True,
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-max-length-bytes": MAX_QUEUE_BYTES,
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": DEAD,
            "x-dead-letter-routing-key": name,
            "x-dead-letter-strategy": "at-least-once",
        },
    )
    await events.bind(transactions, routing_key=str(partition))
    await events.bind(labels)
    return PartitionQueues(events=events, dead=graveyard)
