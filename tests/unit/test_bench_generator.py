"""The load generator against a server that does what the test tells it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from fraudline.bench.answers import Answers
from fraudline.bench.generator import Generator
from fraudline.bench.load import Form, Load
from fraudline.bench.payments import PartlyFlagged, PopulationPayments, RecordedPayments, record
from model_builders import a_simulated_history

RUN = "0123abcd"
ACCEPTED = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}"
FULL = b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 15\r\n\r\n{"code":"full"}'
AWAY = b'HTTP/1.1 503 Service Unavailable\r\nContent-Length: 22\r\n\r\n{"code":"unavailable"}'
HANG_UP = b""


@dataclass
class Server:
    """Answers requests in their order; `answer` is given the number of the request and its body."""

    answer: Callable[[int, bytes], bytes]
    stalled_at: int = -1
    stall_seconds: float = 0.0
    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, load: Load) -> Answers:
        server = await asyncio.start_server(self._talk, load.host, 0)
        try:
            port = server.sockets[0].getsockname()[1]
            return await Generator(
                Load(**{name: getattr(load, name) for name in load.__slots__} | {"port": port})
            ).run()
        finally:
            server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                number = len(self.bodies)
                self.heads.append(head)
                self.bodies.append(await reader.readexactly(length))
                if number == self.stalled_at:
                    await asyncio.sleep(self.stall_seconds)
                answer = self.answer(number, self.bodies[number])
                if answer == HANG_UP:
                    return
                writer.write(answer)
        except asyncio.IncompleteReadError:
            return
        finally:
            writer.close()


def a_load(**how: object) -> Load:
    usual = {
        "host": "127.0.0.1", "port": 0, "api_key": "flk_key", "form": Form.SINGLE, "seconds": 0.2, "connections": 1,
        "run": RUN, "population": 3,
    }  # fmt: skip
    return Load(**usual | how)  # type: ignore[arg-type] # the usual ones, and what the test says


async def test_a_stall_is_felt_by_all_that_fell_due_meanwhile() -> None:
    # given: a system that takes everybody one after the other, and the fifth for a tenth of a second
    server = Server(lambda *_: ACCEPTED, stalled_at=4, stall_seconds=0.1)

    answers = await server.serve(a_load(rate=200.0, seconds=0.3))

    # then: a request was due every 5 ms, whatever went on, and some twenty of them waited, not one
    assert len(answers) == 60
    assert np.allclose(np.diff(answers.due), 1 / 200, atol=1e-6)
    assert (answers.answer_seconds() > 0.02).sum() >= 10
    assert answers.accepted_payments == 60
    assert not answers.in_doubt.any()


async def test_without_a_rate_a_connection_posts_when_it_has_its_answer() -> None:
    answers = await Server(lambda *_: ACCEPTED).serve(a_load(most=25, seconds=5.0))

    assert len(answers) == 25
    assert (answers.due[1:] >= answers.answered[:-1]).all()
    assert answers.first.tolist() == list(range(25))


async def test_a_request_whose_connection_is_lost_stays_in_doubt_and_another_connection_takes_its_place() -> None:
    answers = await Server(lambda number, _: HANG_UP if number == 2 else ACCEPTED).serve(a_load(most=5, seconds=5.0))

    assert answers.status.tolist() == [202, 202, 0, 202, 202]
    assert answers.in_doubt.tolist() == [0, 0, 1, 0, 0]
    assert np.isinf(answers.answer_seconds()[2])


async def test_what_is_refused_counts_as_not_taken_in() -> None:
    answers = await Server(lambda number, _: FULL if number == 1 else ACCEPTED).serve(a_load(most=3, seconds=5.0))

    assert answers.status.tolist() == [202, 503, 202]
    assert answers.accepted_payments == 2
    assert not answers.in_doubt.any()


async def test_what_failed_for_want_of_a_server_may_have_been_taken_in() -> None:
    answers = await Server(lambda *_: AWAY).serve(a_load(most=1, seconds=5.0))

    assert (answers.accepted_payments, answers.in_doubt.tolist()) == (0, [1])


async def test_what_had_left_when_time_was_up_is_waited_for_and_what_had_not_is_never_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fraudline.bench.generator.LAST_ANSWER_SECONDS", 0.1)
    server = Server(lambda *_: ACCEPTED, stalled_at=4, stall_seconds=0.25)

    answers = await server.serve(a_load(rate=200.0, seconds=0.1))

    assert answers.status.tolist() == [202] * 5 + [0] * 15
    assert (answers.unsent, answers.in_doubt.any()) == (15, False)


async def test_a_batch_is_a_thousand_lines_and_counts_as_many_as_the_answer_says() -> None:
    body = json.dumps({"accepted": 998, "rejected": [{}, {}]}).encode()
    server = Server(lambda *_: b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))

    answers = await server.serve(a_load(form=Form.BATCH, most=1000, first=7, seconds=5.0))

    lines = server.bodies[0].splitlines()
    assert [json.loads(line)["transaction_id"] for line in (lines[0], lines[-1])] == [
        f"{RUN}-000000007",
        f"{RUN}-000001006",
    ]
    assert answers.accepted_payments == 998


async def test_who_waits_says_so_and_shows_the_key() -> None:
    server = Server(lambda *_: ACCEPTED)
    await server.serve(a_load(form=Form.WAIT, most=1, seconds=5.0))

    assert b"\r\nprefer: wait=3\r\n" in server.heads[0]
    assert b"\r\nauthorization: Bearer flk_key\r\n" in server.heads[0]


def test_recorded_payments_come_again_under_other_ids(tmp_path: Path) -> None:
    history = a_simulated_history(days=1, customers=5)
    count = record(history, tmp_path / "payments")
    payments = RecordedPayments.read(tmp_path / "payments")

    first, again = (json.loads(payments.document(RUN.encode(), number)) for number in (0, count))

    assert first == history.rows(0, 1)[0] | {"transaction_id": f"{RUN}-000000000"}
    assert again == first | {"transaction_id": f"{RUN}-{count:09d}"}


def test_one_in_so_many_payments_has_a_currency_without_a_rate() -> None:
    payments = PartlyFlagged(PopulationPayments(10), every=4)
    currencies = [json.loads(payments.document(b"run", number))["currency"] for number in range(8)]
    assert currencies == ["XCD", "EUR", "EUR", "EUR"] * 2


def test_a_load_is_the_same_after_it_was_written_and_read() -> None:
    load = a_load(form=Form.BATCH, rate=12.5, flagged_every=2)
    assert Load.read(load.written()) == load


@pytest.mark.parametrize("size", [1, 1000])
def test_answers_are_the_same_after_they_were_saved_and_loaded(tmp_path: Path, size: int) -> None:
    ones = np.ones(3)
    answers = Answers(
        ones, ones, ones, np.full(3, 202), np.full(3, size), np.zeros(3, int), np.arange(3) * size, size, 0.5
    )
    answers.save(tmp_path / "answers.npz")
    loaded = Answers.load(tmp_path / "answers.npz")
    assert loaded.accepted_payments == 3 * size
    assert (loaded.size, loaded.cpu_seconds) == (size, 0.5)
