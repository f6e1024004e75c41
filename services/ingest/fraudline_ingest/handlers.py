"""What ingest does with each request.

A posted event's life: authenticated → admitted → read → validated → queued → published → confirmed → answered. Until
the answer the client holds the only copy that counts: a crash anywhere before it leaves a client that sends again, and
a scorer that knows the event by its id.

Posts are given what the server gives, with nothing of the framework around them (`direct_routes`).
"""

import asyncio
import json
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from starlette.requests import Request  # noqa: TC002 - FastAPI looks it up when it describes the routes
from starlette.responses import Response

from fraudline.domain.api_key import Role
from fraudline.domain.event import encode_label, encode_transaction
from fraudline.domain.posted import is_identifier
from fraudline.postgres.stored import stored_transaction
from fraudline.service.problem_kind import ProblemKind
from fraudline.service.settings import MAX_BATCH
from fraudline.web.body import MAX_BYTES, declared_size, read_body
from fraudline.web.direct_routes import Answer, first_values, json_answer, problem_answer
from fraudline.web.problems import Problem, faults_document, full
from fraudline_ingest.intake import Refusal, batch_documents, claimed_id, read_label, read_transaction
from fraudline_ingest.preference import preferred_wait

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from starlette.types import Receive, Scope

    from fraudline.domain.api_key import Client
    from fraudline.postgres.database import Connection, Database
    from fraudline.web.bound import Bound
    from fraudline.web.key_ring import KeyRing
    from fraudline_ingest.admission import Admission
    from fraudline_ingest.group_commit import GroupCommit
    from fraudline_ingest.metrics import IngestMetrics
    from fraudline_ingest.waiting import Waiting

# Everybody is answered within five seconds; what is left of them is for the way back.
ANSWER_SECONDS = 4.5
# Validating a whole batch in one go would hold up everybody else's requests.
TURN_SECONDS = 0.01

ALL_ROLES = frozenset(Role)
POSTING_ROLES = frozenset({Role.INGEST, Role.ADMIN})
NDJSON_TYPES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
# What a transaction takes in a batch at the least, as a rule: for how many one is taken before it is read.
USUAL_BYTES = 150

# Made once: in a flood there are many of them, and each costs those that are let in.
_TOO_MUCH = problem_answer(full("More is posted than can be scored in time"))


class Posted(NamedTuple):
    """What was posted, by whom, and until when on the event loop's clock it has to be answered.

    `headers` are the request's by their names in small letters, each as it was given first; `scope` has them all, and
    `receive` tells when the client leaves.
    """

    client: "Client"
    body: bytes
    answer_by: float
    headers: "Mapping[bytes, bytes]"
    scope: "Scope"
    receive: "Receive"


class Handlers:
    """The four calls, over what the composition root gives them."""

    def __init__(
        self,
        *,
        keys: "KeyRing",
        database: "Database",
        transactions: "GroupCommit",
        labels: "GroupCommit",
        admission: "Admission",
        waiting: "Waiting",
        events: "Bound",
        body_bytes: "Bound",
        reads: "Bound",
        metrics: "IngestMetrics",
        now: "Callable[[], datetime]",
    ) -> None:
        self._keys = keys
        self._database = database
        self._transactions = transactions
        self._labels = labels
        self._admission = admission
        self._waiting = waiting
        self._events = events
        self._body_bytes = body_bytes
        self._reads = reads
        self._accepted_transactions = metrics.events_accepted.labels(kind="transaction")
        self._accepted_labels = metrics.events_accepted.labels(kind="label")
        self._refused = metrics.events_refused
        self._refused_full = metrics.events_refused.labels(reason=ProblemKind.FULL.code)
        self._now = now

    async def post_transaction(self, scope: "Scope", receive: "Receive") -> Answer:
        """Take one transaction in; wait for its verdict, if the client would like that."""
        return await self._posted(scope, receive, self._take_transaction)

    async def post_label(self, scope: "Scope", receive: "Receive") -> Answer:
        """Take one label in."""
        return await self._posted(scope, receive, self._take_label)

    async def _posted(
        self, scope: "Scope", receive: "Receive", take_in: "Callable[[Posted], Awaitable[Answer]]"
    ) -> Answer:
        """Have `take_in` answer one event that was posted, holding room for it and its body meanwhile.

        Raises:
            Problem: The key may not post, there is no room, or the body did not come as it should.
        """
        headers = first_values(scope["headers"])
        client = self._keys.admit(_text(headers, b"authorization"), POSTING_ROLES)
        if not self._admission.admits_single():
            self._refused_full.inc()
            return _TOO_MUCH
        declared = _declared(headers)
        held_bytes = MAX_BYTES if declared is None else declared
        self._body_bytes.take(held_bytes)
        try:
            self._events.take(1)
            try:
                answer_by = asyncio.get_running_loop().time() + ANSWER_SECONDS
                self._admission.hold_single()
                try:
                    body = await read_body(receive, declared=declared)
                finally:
                    # From here to the stream, which counts it then, nothing is awaited.
                    self._admission.give_back_single()
                return await take_in(Posted(client, body, answer_by, headers, scope, receive))
            finally:
                self._events.give_back(1)
        finally:
            self._body_bytes.give_back(held_bytes)

    async def post_batch(self, scope: "Scope", receive: "Receive") -> Answer:
        """Take up to a thousand transactions in; a bad one is rejected alone.

        Raises:
            Problem: As for one event.
        """
        headers = first_values(scope["headers"])
        client = self._keys.admit(_text(headers, b"authorization"), POSTING_ROLES)
        declared = _declared(headers)
        answer_by = asyncio.get_running_loop().time() + ANSWER_SECONDS
        with self._body_bytes.hold(MAX_BYTES if declared is None else declared):
            expected = MAX_BATCH if declared is None else min(MAX_BATCH, declared // USUAL_BYTES + 1)
            if not await self._admission.admits_batch(expected):
                self._refused_full.inc()
                return _TOO_MUCH
            try:
                body = await read_body(receive, declared=declared)
            finally:
                self._admission.give_back(expected)
            return await self._take_batch(Posted(client, body, answer_by, headers, scope, receive))

    async def _take_transaction(self, posted: Posted) -> Answer:
        if b"prefer" in posted.headers and (wait := preferred_wait(_all_texts(posted.scope, b"prefer"))) is not None:
            return await self._take_transaction_and_wait(posted, wait)
        now = self._now()
        transaction = read_transaction(posted.body, now=now)
        line = encode_transaction(transaction, accepted_at=now, posted_by=posted.client.name)
        await put(self._transactions, [line], posted)
        self._accepted_transactions.inc()
        return json_answer(202, _accepted(transaction.transaction_id), _location(transaction.transaction_id))

    async def _take_transaction_and_wait(self, posted: Posted, wait: float) -> Answer:
        answer_by = asyncio.get_running_loop().time() + wait
        now = self._now()
        transaction = read_transaction(posted.body, now=now)
        transaction_id = transaction.transaction_id
        answer = await self._waiting.verdict_of(
            transaction,
            encode_transaction(transaction, accepted_at=now, posted_by=posted.client.name),
            posted_by=posted.client.name,
            answer_by=answer_by,
            receive=posted.receive,
        )
        self._accepted_transactions.inc()
        headers = ((b"preference-applied", f"wait={wait:g}".encode()), _location(transaction_id))
        if answer is not None:
            return json_answer(200, answer, *headers)
        return json_answer(202, self._waiting.pending(transaction_id), *headers)

    async def _take_label(self, posted: Posted) -> Answer:
        now = self._now()
        label = read_label(posted.body, now=now)
        await put(self._labels, [encode_label(label, accepted_at=now, posted_by=posted.client.name)], posted)
        self._accepted_labels.inc()
        return json_answer(202, _accepted(label.transaction_id))

    async def _take_batch(self, posted: Posted) -> Answer:
        media_type = (_text(posted.headers, b"content-type") or "").partition(";")[0].strip().lower()
        documents = batch_documents(posted.body, is_ndjson=media_type in NDJSON_TYPES)
        with self._events.hold(len(documents)):
            with self._admission.holding(len(documents)):
                lines, refusals = await self._validated(documents, posted)
            if lines:
                await put(self._transactions, lines, posted)
        self._accepted_transactions.inc(len(lines))
        for refusal in refusals:
            self._refused.labels(reason=refusal.reason).inc()
        rejected = [
            {
                "index": refusal.index,
                "transaction_id": refusal.transaction_id,
                "errors": faults_document(refusal.faults),
            }
            for refusal in refusals
        ]
        return json_answer(202, json.dumps({"accepted": len(lines), "rejected": rejected}).encode())

    async def _validated(self, documents: list[bytes], posted: "Posted") -> tuple[list[bytes], list[Refusal]]:
        lines: list[bytes] = []
        refusals: list[Refusal] = []
        turn_began = perf_counter()
        for index, document in enumerate(documents):
            if perf_counter() - turn_began > TURN_SECONDS:
                await asyncio.sleep(0)
                _check_time(posted)
                turn_began = perf_counter()
            now = self._now()
            try:
                transaction = read_transaction(document, now=now)
            except Problem as problem:
                refusals.append(Refusal(index, claimed_id(document), list(problem.faults), problem.kind.code))
            else:
                lines.append(encode_transaction(transaction, accepted_at=now, posted_by=posted.client.name))
        return lines, refusals

    async def get_transaction(self, request: "Request") -> Response:
        """Tell what became of a transaction."""
        client = self._keys.admit(request.headers.get("authorization"), ALL_ROLES)
        transaction_id: str = request.path_params["transaction_id"]
        found = None
        if is_identifier(transaction_id):
            posted_by = None if client.role.is_at_least(Role.ANALYST) else client.name
            with self._reads.hold(1):
                found = await self._stored(transaction_id, posted_by)
        if found is None:
            raise Problem(
                ProblemKind.NOT_YET_SCORED,
                "Nothing is stored under this transaction_id; if it was just accepted, ask again in a second.",
                headers={"Retry-After": "1"},
            )
        return Response(json.dumps(found).encode(), media_type="application/json")

    async def _stored(self, transaction_id: str, posted_by: str | None) -> "dict[str, Any] | None":
        async def read(connection: "Connection") -> "dict[str, Any] | None":
            return await stored_transaction(connection, transaction_id, posted_by=posted_by)

        return await self._database.ask(read, within_seconds=ANSWER_SECONDS)


def _declared(headers: "Mapping[bytes, bytes]") -> int | None:
    return declared_size(_text(headers, b"content-length"), _text(headers, b"content-encoding"))


def _check_time(posted: Posted) -> None:
    if asyncio.get_running_loop().time() > posted.answer_by:
        raise full("Ingest was too busy to check the body in time")


async def put(stream: "GroupCommit", lines: "Sequence[bytes]", posted: Posted) -> None:
    """Have the broker store every line before the answer is due.

    Raises:
        DependencyAway: It has not.
        Problem: The answer is due already.
    """
    _check_time(posted)
    await stream.put(lines, by=posted.answer_by)


def _text(headers: "Mapping[bytes, bytes]", name: bytes) -> str | None:
    value = headers.get(name)
    return None if value is None else value.decode("latin-1")


def _all_texts(scope: "Scope", name: bytes) -> "Iterator[str]":
    return (value.decode("latin-1") for key, value in scope["headers"] if key == name)


def _location(transaction_id: str) -> tuple[bytes, bytes]:
    return b"location", f"/v1/transactions/{quote(transaction_id, safe='')}".encode()


def _accepted(transaction_id: str) -> bytes:
    """Return the body of the answer to an event that the broker has confirmed."""
    return b'{"transaction_id":%b,"status":"accepted"}' % json.dumps(transaction_id).encode()
