"""Exchanges, queues and bindings, under the names that operators and consumers hold on to."""

from dataclasses import dataclass
from typing import Any, Final

from aio_pika import ExchangeType
from aio_pika.abc import AbstractChannel, AbstractQueue

from fraudline.domain.partition import PARTITIONS
from fraudline.domain.policy import Decision

TRANSACTIONS: Final = "fraudline.transactions"
LABELS: Final = "fraudline.labels"
VERDICTS: Final = "fraudline.verdicts"
DEAD: Final = "fraudline.dead"

ALERTS_QUEUE: Final = "alerts.verdicts"

# Over the limit the broker dead-letters. It is high because every lost connection counts towards it, and never -1:
# RabbitMQ 3.10 then drops a message at its first redelivery.
DELIVERY_LIMIT: Final = 1_000
MAX_QUEUE_BYTES: Final = 8 << 30
MAX_DEAD_BYTES: Final = 1 << 30

# Message headers: who published it, under which number of which stream, without gaps.
PRODUCER_HEADER: Final = "fraudline-producer"
STREAM_HEADER: Final = "fraudline-stream"
NUMBER_HEADER: Final = "fraudline-number"

# What a message's `reply_to` is for; without this header it is for verdicts alone.
REPLY_HEADER: Final = "fraudline-reply"
PROGRESS: Final = "progress"
VERDICTS_AND_PROGRESS: Final = "verdicts and progress"

# What a reply says of a transaction that somebody waits for.
SCORED: Final = "scored"
CONFLICT: Final = "conflict"
# What it says of a producer's stream: all up to a number is committed.
COMMITTED: Final = "committed"
# Those who wait do so for three seconds: more than this is told to nobody.
REPLY_SECONDS: Final = 5
MAX_REPLIES: Final = 1_000


def events_queue(partition: int) -> str:
    """Return the name of the queue that is a partition's log."""
    return f"scorer.events.{partition}"


def verdict_key(decision: Decision) -> str:
    """Return the routing key under which verdicts with this decision are announced."""
    return f"verdict.{decision.value}"


def reply_queue(producer: str, number: int) -> str:
    """Return the name of the queue in which an ingest process hears, on its so-manieth connection, of verdicts."""
    return f"ingest.replies.{producer}.{number}"


def dead_queue(queue: str) -> str:
    """Return the name of the dead queue of `queue`."""
    return f"{queue}.dead"


@dataclass(frozen=True, slots=True)
class Queues:
    """A queue with its dead queue, declared on one channel."""

    events: AbstractQueue
    dead: AbstractQueue


async def declare_all(channel: AbstractChannel) -> None:
    """Declare everything that events, verdicts and dead letters pass through; what is there already stays as it is.

    Raises:
        aio_pika.exceptions.ChannelPreconditionFailed: A queue or exchange of that name has other properties.
    """
    for partition in range(PARTITIONS):
        await declare_partition(channel, partition)
    await declare_alerts(channel)


async def declare_partition(channel: AbstractChannel, partition: int) -> Queues:
    """Declare everything that one partition's events pass through; does nothing where it is there already.

    Raises:
        aio_pika.exceptions.ChannelPreconditionFailed: A queue or exchange of that name has other properties.
    """
    transactions = await channel.declare_exchange(TRANSACTIONS, ExchangeType.DIRECT, durable=True)
    labels = await channel.declare_exchange(LABELS, ExchangeType.FANOUT, durable=True)
    await channel.declare_exchange(VERDICTS, ExchangeType.TOPIC, durable=True)
    # In the order in which they came: one consumer at a time.
    queues = await _declare(channel, events_queue(partition), {"x-single-active-consumer": True})
    await queues.events.bind(transactions, routing_key=str(partition))
    await queues.events.bind(labels)
    return queues


async def declare_alerts(channel: AbstractChannel) -> Queues:
    """Declare the queue of flagged verdicts, which all processes of alerts share.

    Raises:
        aio_pika.exceptions.ChannelPreconditionFailed: A queue or exchange of that name has other properties.
    """
    verdicts = await channel.declare_exchange(VERDICTS, ExchangeType.TOPIC, durable=True)
    queues = await _declare(channel, ALERTS_QUEUE, {})
    for decision in Decision:
        if decision is not Decision.APPROVE:
            await queues.events.bind(verdicts, routing_key=verdict_key(decision))
    return queues


async def declare_replies(channel: AbstractChannel, name: str) -> AbstractQueue:
    """Declare an ingest process's own queue of replies, which goes with its connection; the oldest give way."""
    return await channel.declare_queue(
        name,
        exclusive=True,
        auto_delete=True,
        arguments={
            "x-max-length": MAX_REPLIES,
            "x-overflow": "drop-head",
            "x-message-ttl": REPLY_SECONDS * 1_000,
        },
    )


async def _declare(channel: AbstractChannel, name: str, arguments: dict[str, Any]) -> Queues:
    """Declare a queue and its dead queue.

    At-least-once dead-lettering needs all of: its strategy, `overflow=reject-publish`, a dead-letter exchange.
    """
    dead = await channel.declare_exchange(DEAD, ExchangeType.DIRECT, durable=True)
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
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-max-length-bytes": MAX_QUEUE_BYTES,
            "x-overflow": "reject-publish",
            "x-dead-letter-exchange": DEAD,
            "x-dead-letter-routing-key": name,
            "x-dead-letter-strategy": "at-least-once",
            **arguments,
        },
    )
    return Queues(events=events, dead=graveyard)
