"""`python -m fraudline.bench.generator FILE`: posts the load that standard input tells of, and saves the answers.

A process of its own, so that its CPU time is told apart and its pauses are nobody else's. With a rate, requests fall
due at even distances whatever the answers take, and every latency counts from the moment at which a request was due: a
stall of the system is felt by all that fell due meanwhile, as it is by real payers ("coordinated omission" would hide
it). A request that finds no idle connection waits for one, and that time counts too.
"""

import asyncio
import contextlib
import gc
import json
import sys
import time
from array import array
from collections import deque
from http import HTTPStatus
from pathlib import Path
from typing import Final

import numpy as np
import uvloop

from fraudline.bench.answers import Answers
from fraudline.bench.connection import LOST, Connection
from fraudline.bench.load import WAIT_SECONDS, Form, Load

# Timers are no finer, nor is the loop's own clock: times are read from another. What falls due between two ticks is
# sent at the second, and the delay counts.
TICK_SECONDS: Final = 0.001
# Who waits for the last answers; a service answers within five seconds or never.
LAST_ANSWER_SECONDS: Final = 10.0
# What a payer does who was told that there is no room.
REFUSED_PAUSE_SECONDS: Final = 0.02
_NAN: Final = float("nan")
# Whose answer holds this code took nothing in; any other fault of a server's leaves it open.
_FULL: Final = b'"full"'


class Generator:
    """Posts one load."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._payments = load.payments()
        self._run = load.run.encode()
        self._size = load.form.size
        self._head = _head(load)
        self._idle: list[Connection] = []
        self._waiting: deque[int] = deque()
        self._due, self._sent, self._answered = array("d"), array("d"), array("d")
        self._status, self._accepted, self._in_doubt = array("q"), array("q"), array("q")
        self._under_way = 0
        self._is_over = False
        self._all_answered = asyncio.Event()
        self._has_enough = asyncio.Event()
        self._connecting: set[asyncio.Task[None]] = set()
        self._clock_offset = 0.0
        self._loop: asyncio.AbstractEventLoop

    async def run(self) -> Answers:
        """Post until the time is over, wait for the last answers, and return all of them."""
        self._loop = asyncio.get_running_loop()
        await asyncio.gather(*(self._connect() for _ in range(self._load.connections)))
        self._clock_offset = time.time() - time.perf_counter()
        began = time.process_time()
        await (self._post_freely() if self._load.rate is None else self._post_steadily(self._load.rate))
        self._is_over = True
        await self._answers()
        # What is still due stays unsent, and counts as never answered; what has left may still be answered.
        self._waiting.clear()
        await self._answers()
        cpu_seconds = time.process_time() - began
        return Answers(
            due=np.array(self._due),
            sent=np.array(self._sent),
            answered=np.array(self._answered),
            status=np.array(self._status),
            accepted=np.array(self._accepted),
            in_doubt=np.array(self._in_doubt),
            first=self._load.first + self._size * np.arange(len(self._due)),
            size=self._size,
            cpu_seconds=cpu_seconds,
        )

    async def _answers(self) -> None:
        """Wait for the answers to all that is due, at most ten seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_ANSWER_SECONDS):
                while self._under_way or self._waiting:
                    self._all_answered.clear()
                    await self._all_answered.wait()

    async def _post_steadily(self, rate: float) -> None:
        """Let requests fall due at even distances."""
        distance = self._size / rate
        total = max(1, round(self._load.seconds / distance))
        if self._load.most:
            total = min(total, self._load.most // self._size)
        start = time.perf_counter() + TICK_SECONDS
        due = 0
        while due < total:
            now = time.perf_counter()
            until = min(total, int((now - start) / distance) + 1)
            for number in range(due, until):
                self._note(start + number * distance)
                self._waiting.append(number)
            due = max(due, until)
            self._send_waiting()
            await asyncio.sleep(max(TICK_SECONDS, start + due * distance - time.perf_counter()))

    async def _post_freely(self) -> None:
        """Let each connection post as soon as it has its answer."""
        for connection in [*self._idle]:
            self._post_next(connection)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._load.seconds):
                await self._has_enough.wait()

    def _post_next(self, connection: Connection) -> None:
        if self._is_over:
            return
        if self._load.most and len(self._due) * self._size >= self._load.most:
            self._has_enough.set()
            return
        if connection in self._idle:
            self._idle.remove(connection)
        self._note(time.perf_counter())
        self._send(connection, len(self._due) - 1)

    def _note(self, due: float) -> None:
        self._due.append(due + self._clock_offset)
        self._sent.append(_NAN)
        self._answered.append(_NAN)
        self._status.append(LOST)
        self._accepted.append(0)
        self._in_doubt.append(0)

    def _send_waiting(self) -> None:
        while self._waiting and self._idle:
            self._send(self._idle.pop(), self._waiting.popleft())

    def _send(self, connection: Connection, number: int) -> None:
        self._under_way += 1
        self._sent[number] = time.perf_counter() + self._clock_offset
        self._in_doubt[number] = 1
        connection.send(self._request(number), number)

    def _request(self, number: int) -> bytes:
        first = self._load.first + number * self._size
        document, run = self._payments.document, self._run
        if self._size == 1:
            body = document(run, first)
        else:
            body = b"\n".join([document(run, payment) for payment in range(first, first + self._size)])
        return b"%b%d\r\n\r\n%b" % (self._head, len(body), body)

    def _take(self, connection: Connection, number: int, status: int, body: bytes) -> None:
        self._under_way -= 1
        self._status[number] = status
        if status != LOST:
            self._answered[number] = time.perf_counter() + self._clock_offset
            self._accepted[number] = self._accepted_by(status, body)
            self._in_doubt[number] = int(status >= HTTPStatus.INTERNAL_SERVER_ERROR and _FULL not in body)
            if self._load.rate is not None:
                self._idle.append(connection)
            elif status < HTTPStatus.BAD_REQUEST:
                self._post_next(connection)
            else:
                self._loop.call_later(REFUSED_PAUSE_SECONDS, self._post_next, connection)
        self._send_waiting()
        if not self._under_way:
            self._all_answered.set()

    def _accepted_by(self, status: int, body: bytes) -> int:
        if status not in {HTTPStatus.OK, HTTPStatus.ACCEPTED}:
            return 0
        return int(json.loads(body)["accepted"]) if self._load.form is Form.BATCH else 1

    def _replace(self, connection: Connection) -> None:
        """Open a connection in the place of one that was closed."""
        if connection in self._idle:
            self._idle.remove(connection)
        self._begin_to_connect()

    def _begin_to_connect(self) -> None:
        if not self._is_over:
            task = self._loop.create_task(self._connect_again())
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    async def _connect_again(self) -> None:
        try:
            connection = await self._connect()
        except OSError:
            self._loop.call_later(REFUSED_PAUSE_SECONDS, self._begin_to_connect)
            return
        if self._load.rate is None:
            self._post_next(connection)
        else:
            self._send_waiting()

    async def _connect(self) -> Connection:
        _, connection = await self._loop.create_connection(
            lambda: Connection(self._take, self._replace), self._load.host, self._load.port
        )
        self._idle.append(connection)
        return connection


def _head(load: Load) -> bytes:
    """Return a request up to the number of its body's bytes."""
    path = "/v1/transactions/batch" if load.form is Form.BATCH else "/v1/transactions"
    kind = "application/x-ndjson" if load.form is Form.BATCH else "application/json"
    prefer = f"prefer: wait={WAIT_SECONDS}\r\n" if load.form is Form.WAIT else ""
    return (
        f"POST {path} HTTP/1.1\r\nhost: {load.host}:{load.port}\r\nauthorization: Bearer {load.api_key}\r\n"
        f"content-type: {kind}\r\n{prefer}content-length: "
    ).encode()


async def _run(load: Load) -> Answers:
    return await Generator(load).run()


def main(file: Path) -> None:
    """Read a load, post it, save the answers."""
    load = Load.read(sys.stdin.read())
    # A collection would be a stall of our own making.
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers = runner.run(_run(load))
    answers.save(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
