"""A reader of the live feed, as a browser is one: it remembers where it stands, and comes back there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SILENCE_SECONDS = 15.0


@dataclass
class FeedReader:
    """What was read so far, in order."""

    key: str
    events: list[dict[str, Any]] = field(default_factory=list)
    last_event_id: str = "0"

    @property
    def numbers(self) -> list[int]:
        return [event["number"] for event in self.events]

    async def read(self, url: str) -> AsyncIterator[dict[str, Any]]:
        """Read on at a process until the stream ends or is cut; what it says of dropping is given too."""
        headers = {"Authorization": f"Bearer {self.key}", "Last-Event-ID": self.last_event_id}
        timeout = httpx2.Timeout(SILENCE_SECONDS)
        async with (
            httpx2.AsyncClient(timeout=timeout, headers=headers) as client,
            client.stream("GET", f"{url}/v1/alerts/stream") as answer,
        ):
            assert answer.status_code == 200, await answer.aread()
            assert answer.headers["content-type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                    continue
                if "data" in fields:
                    event = json.loads(fields["data"])
                    if "id" in fields:
                        self.last_event_id = fields["id"]
                        self.events.append(event)
                    yield event
                fields = {}

    async def read_until(self, url: str, number: int) -> None:
        """Read on at a process up to and with the event of this number."""
        if self.events and self.events[-1]["number"] >= number:
            return
        stream = self.read(url)
        try:
            async for event in stream:
                if event.get("number", 0) >= number:
                    return
        finally:
            await stream.aclose()
