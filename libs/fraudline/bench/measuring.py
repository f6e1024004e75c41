"""One stretch of load on a subject, from the first request to the last verdict, and what it showed."""

import asyncio
import math
import secrets
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import asyncpg
import numpy as np

from fraudline.bench.answers import Answers, Floats
from fraudline.bench.latency import Latency
from fraudline.bench.ledger import Stored, check, count_so_far, stored_of, until_stored
from fraudline.bench.lives import Lives
from fraudline.bench.load import Form, Load
from fraudline.bench.payments import RUN_LETTERS
from fraudline.bench.processes import Usage
from fraudline.bench.subject import Subject
from fraudline.errors import FraudlineError

GENERATOR: Final = "generator"
# Steady loads wait for a free connection before they are unfair to nobody; as many as a payment system would open.
STEADY_CONNECTIONS: Final = 256
# What a generator needs to read its payments, before its first request.
_START_SECONDS: Final = 60.0
_MOST_NUMBERS: Final = 10**9
_REFUSALS: Final = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class GeneratorFailed(FraudlineError):  # noqa: N818 - what happened, told as such
    """The generating process ended in an error; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Supply:
    """Where payments come from: a file (`payments.record`), or so many invented payers."""

    recorded: Path | None = None
    population: int = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one stretch of load showed. Rates are payments a second, latencies milliseconds.

    Attributes:
        name: What it was.
        form: How payments were posted.
        offered: The rate that fell due; None where each connection posted as soon as it could.
        connections: How many there were.
        seconds: From the first request that was due to the last commit.
        requests: How many fell due.
        accepted: How many payments were taken in.
        stored: How many verdicts of theirs are in the database.
        flagged: How many of these are no approval.
        refused: Requests that were answered 429 or 503, and of which it is certain that nothing was taken in.
        failed: Requests with any other answer but 200 and 202, or with none.
        unsent: Requests that never found a free connection.
        waited: Of those that waited for their verdict: how many got it.
        sent_rate: Payments sent a second, from the first request to the last that left; NaN of less than two. A load
            that the connections or the generator hold back arrives at less than it is offered.
        rate: Stored a second, from the first request to the last commit.
        answer: From when a request was due to its answer, and where it waits for its verdict, to that; of all but the
            refused ones, and infinite for those that failed, were lost or never sent, or got a fallback.
        committed: From when a request was due to the commit of its last payment; of the same, and infinite likewise.
        sent_to_committed: From when a request was sent to the commit of its last payment, of those taken in.
        accepted_to_committed: From the service's own `accepted_at` to the commit. A batch waits for its turn before.
        cpu_microseconds: CPU a stored payment, by group of processes.
        memory_bytes: At the end, by group.
        others_share: The share of the machine that other programs took meanwhile.
    """

    name: str
    form: Form
    offered: float | None
    connections: int
    seconds: float
    requests: int
    accepted: int
    stored: int
    flagged: int
    refused: int
    failed: int
    unsent: int
    waited: int
    sent_rate: float
    rate: float
    answer: Latency
    committed: Latency
    sent_to_committed: Latency
    accepted_to_committed: Latency
    cpu_microseconds: dict[str, float]
    memory_bytes: dict[str, int]
    others_share: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether every request that fell due was sent and taken in."""
        return not (self.unsent or self.failed or self.refused)

    @property
    def arrived_share(self) -> float:
        """The share of the offered rate that was sent; NaN where none was offered."""
        return math.nan if self.offered is None else self.sent_rate / self.offered

    @property
    def cpu_microseconds_in_all(self) -> float:
        """CPU a stored payment of all that is measured: the generator is not part of it."""
        return sum(value for group, value in self.cpu_microseconds.items() if group != GENERATOR)

    def document(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return asdict(self) | {"cpu_microseconds_in_all": self.cpu_microseconds_in_all}


class Measuring:
    """Puts load on one subject.

    Args:
        subject: What is measured.
        supply: Where its payments come from; numbers go on from stretch to stretch.

    Raises:
        ProcessDied: One of the subject's processes is not there.
    """

    def __init__(self, subject: Subject, supply: Supply) -> None:
        self.subject = subject
        self._supply = supply
        self._first = 0
        self._lives = Lives.of(subject.processes)

    async def post(
        self,
        name: str,
        form: Form,
        *,
        seconds: float,
        rate: float | None = None,
        connections: int = STEADY_CONNECTIONS,
        flagged_every: int = 0,
        supply: Supply | None = None,
        most: int = 0,
    ) -> Stretch:
        """Post for a while, wait until all that was accepted is stored, and count.

        Raises:
            CountsDisagree: What is stored is not what was accepted.
            ProcessDied: One of the subject's processes ended since the first stretch began.
            GeneratorFailed: The load could not be made.
        """
        supply = supply or self._supply
        load = Load(
            host=self.subject.host,
            port=self.subject.port,
            api_key=self.subject.api_key,
            form=form,
            seconds=seconds,
            connections=connections,
            run=secrets.token_hex(RUN_LETTERS // 2),
            rate=rate,
            first=self._first,
            recorded="" if supply.recorded is None else str(supply.recorded),
            population=supply.population,
            flagged_every=flagged_every,
            most=most,
        )
        connection = await asyncpg.connect(self.subject.database_url)
        try:
            before = await count_so_far(connection, self.subject)
            used = Usage.of(self.subject.processes)
            answers = await _generated(load)
            await until_stored(connection, self.subject, before + answers.accepted_payments)
            # Before all else: nobody must look for lost payments where a process was lost.
            self._lives.check()
            now_used = Usage.of(self.subject.processes)
            stored = await stored_of(connection, self.subject, load.run)
        finally:
            await connection.close()
        check(answers, stored)
        self._first = (self._first + len(answers) * form.size) % _MOST_NUMBERS
        return shown(name, load, answers, stored, before=used, after=now_used)


async def _generated(load: Load) -> Answers:
    """Run the generating process."""
    with tempfile.TemporaryDirectory(prefix="fraudline-bench-") as folder:
        file = Path(folder) / "answers.npz"
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "fraudline.bench.generator",
            str(file),
            stdin=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(load.seconds + _START_SECONDS):
                _, said = await process.communicate(load.written().encode())
        except TimeoutError as error:
            process.kill()
            await process.wait()
            raise GeneratorFailed("the load generator did not come to its end in time") from error
        except BaseException:
            # Ctrl-C too: no load goes on that nobody measures.
            process.kill()
            await process.wait()
            raise
        if process.returncode:
            raise GeneratorFailed(f"the load generator failed: {said.decode(errors='replace').strip()[-400:]}")
        return Answers.load(file)


def shown(name: str, load: Load, answers: Answers, stored: Stored, *, before: Usage, after: Usage) -> Stretch:
    """Return what a stretch showed by its answers and what is stored of it, and by what was used of the machine."""
    committed = stored.committed_of(answers.first + answers.size - 1)
    is_accepted = answers.accepted > 0
    began = float(np.nanmin(answers.sent)) if len(answers) else time.time()
    ended = float(np.nanmax(stored.committed_at)) if len(stored) else began
    status = answers.status
    is_unsent = np.isnan(answers.sent)
    cpu_seconds = after.cpu_since(before) | {GENERATOR: answers.cpu_seconds}
    seconds = max(ended - began, 1e-9)
    # Without a doubt: a server that is away may have taken it in, which is a fault.
    is_refused = np.isin(status, _REFUSALS) & (answers.in_doubt == 0)
    # All that was due and not told at once to come again counts. What failed, was lost or never sent did not come to
    # its end: left out, a fault would look like speed. Nor did a wait that ended with a fallback.
    has_answer = status == HTTPStatus.OK if load.form is Form.WAIT else is_accepted
    answered = np.where(has_answer, answers.answer_seconds(), np.inf)
    is_committed = is_accepted & ~np.isnan(committed)
    until_commit = np.where(is_committed, committed - answers.due, np.inf)
    return Stretch(
        name=name,
        form=load.form,
        offered=load.rate,
        connections=load.connections,
        seconds=seconds,
        requests=len(answers),
        accepted=answers.accepted_payments,
        stored=len(stored),
        flagged=stored.flagged,
        refused=int(is_refused.sum()),
        failed=int((~is_accepted & ~is_unsent & ~is_refused).sum()),
        unsent=answers.unsent,
        waited=int((status == HTTPStatus.OK).sum()),
        sent_rate=_rate(answers.sent[~is_unsent]) * answers.size,
        rate=len(stored) / seconds,
        answer=Latency.of(answered[~is_refused]),
        committed=Latency.of(until_commit[~is_refused]),
        sent_to_committed=Latency.of((committed - answers.sent)[is_committed]),
        accepted_to_committed=Latency.of(stored.committed_at - stored.accepted_at),
        cpu_microseconds={group: 1e6 * value / max(len(stored), 1) for group, value in cpu_seconds.items()},
        memory_bytes=dict(after.memory_bytes),
        others_share=after.others_share_since(before),
    )


def _rate(moments: Floats) -> float:
    """Return how many came a second; NaN of one or none."""
    return (len(moments) - 1) / max(float(np.ptp(moments)), 1e-9) if len(moments) > 1 else math.nan
