"""Looking into a virtual host of the tests' broker, and doing to it what an operator could do by mistake."""

from typing import Any
from urllib.parse import quote

import aio_pika
import httpx2


class BrokerView:
    """One virtual host through the management API. Statistics are seconds old: wait for them by `eventually`."""

    def __init__(self, client: httpx2.Client, virtual_host: str) -> None:
        self.virtual_host = virtual_host
        self._client = client

    def create_virtual_host(self, user: str) -> None:
        self._put(f"vhosts/{self.virtual_host}", {})
        self._put(f"permissions/{self.virtual_host}/{user}", {"configure": ".*", "write": ".*", "read": ".*"})

    def delete_virtual_host(self) -> None:
        self._delete(f"vhosts/{self.virtual_host}")

    def queues(self) -> dict[str, dict[str, Any]]:
        """Every queue by its name, as the API tells it: messages, messages_ready, consumers, arguments, ..."""
        return {queue["name"]: queue for queue in self._get(f"queues/{self.virtual_host}")}

    def messages(self) -> dict[str, int]:
        """How many messages each queue holds now, delivered but unacknowledged ones included; never an old count."""
        found = self._get(f"queues/{self.virtual_host}?disable_stats=true&enable_queue_totals=true")
        return {queue["name"]: int(queue.get("messages", 0)) for queue in found}

    def bindings(self, queue: str) -> list[tuple[str, str]]:
        """The queue's bindings as (exchange, routing key); the default exchange has an empty name."""
        found = self._get(f"queues/{self.virtual_host}/{_quoted(queue)}/bindings")
        return [(binding["source"], binding["routing_key"]) for binding in found]

    def delete_binding(self, exchange: str, queue: str, routing_key: str) -> None:
        path = f"bindings/{self.virtual_host}/e/{_quoted(exchange)}/q/{_quoted(queue)}"
        for binding in self._get(path):
            if binding["routing_key"] == routing_key:
                self._delete(f"{path}/{_quoted(binding['properties_key'])}")
                return
        message = f"no binding of {exchange} to {queue} by {routing_key!r} in {self.virtual_host}"
        raise LookupError(message)

    def delete_queue(self, queue: str) -> None:
        self._delete(f"queues/{self.virtual_host}/{_quoted(queue)}")

    def close_connections(self) -> int:
        """Have the broker close every connection into the virtual host; how many there were.

        A connection is listed from about a second after it was opened.
        """
        found = self._get(f"vhosts/{self.virtual_host}/connections")
        for connection in found:
            self._delete(f"connections/{_quoted(connection['name'])}")
        return len(found)

    def _get(self, path: str) -> list[dict[str, Any]]:
        answer = self._client.get(path)
        answer.raise_for_status()
        listed: list[dict[str, Any]] = answer.json()
        return listed

    def _put(self, path: str, body: dict[str, str]) -> None:
        self._client.put(path, json=body).raise_for_status()

    def _delete(self, path: str) -> None:
        self._client.delete(path).raise_for_status()


async def ready_messages(amqp_url: str, queue: str) -> int:
    """How many messages wait in a queue for delivery, exact at this moment; unacknowledged ones do not count."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        declared = await channel.declare_queue(queue, passive=True)
        return declared.declaration_result.message_count or 0


def _quoted(name: str) -> str:
    return quote(name, safe="")
