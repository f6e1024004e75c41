"""What a batch's reply says, and to whom: verdicts to those who wait, progress to those who ask."""

import asyncio
import json
from typing import Any

from fraudline_scorer.batch import Batch
from fraudline_scorer.deliveries import decode_delivery
from fraudline_scorer.replies import Replies, replies_to


class Message:
    """A message without an event in it, which is committed all the same."""

    def __init__(self, number: int, *, reply_to: str | None, stream: str = "0", **headers: Any) -> None:
        self.body = b"{}"
        self.reply_to = reply_to
        self.headers = {
            "fraudline-producer": "p",
            "fraudline-stream": stream,
            "fraudline-number": number,
        } | {f"fraudline-{name}": value for name, value in headers.items()}


def told(*messages: Message) -> dict[str, list[Any]]:
    deliveries = tuple(decode_delivery(message, queue="q") for message in messages)  # type: ignore[arg-type] # the part that is used
    return {queue: [json.loads(line) for line in lines] for queue, lines in replies_to(Batch(deliveries), []).items()}


def test_each_stream_that_asks_is_told_the_highest_number_that_is_committed() -> None:
    replies = told(
        Message(7, reply_to="a", reply="progress"),
        Message(8, reply_to=None),
        Message(9, reply_to="a", reply="verdicts and progress"),
        Message(3, reply_to="a", stream="labels", reply="progress"),
        Message(5, reply_to="b", reply="progress"),
    )

    assert replies == {
        "a": [
            {"status": "committed", "stream": "0", "number": 9},
            {"status": "committed", "stream": "labels", "number": 3},
        ],
        "b": [{"status": "committed", "stream": "0", "number": 5}],
    }


def test_who_waits_for_verdicts_alone_is_told_no_progress() -> None:
    assert told(Message(7, reply_to="a"), Message(8, reply_to=None, reply="progress")) == {}


async def test_a_connection_that_is_given_up_while_a_reply_is_sent_costs_that_reply_alone() -> None:
    class Driver:
        sent = 0

        async def basic_publish(self, *_: object, **__: object) -> None:
            # As the driver does with whatever waits on a connection whose heartbeat was missed.
            self.sent += 1
            raise asyncio.CancelledError

    driver = Driver()
    message = Message(7, reply_to="a", reply="progress")
    batch = Batch((decode_delivery(message, queue="q"),))  # type: ignore[arg-type] # the part that is used

    await Replies(None, driver).send(batch, [])  # type: ignore[arg-type] # the same

    assert driver.sent == 1
