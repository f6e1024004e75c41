"""Ingest's client: patient, idempotent, plain in its refusals."""

import json
from collections.abc import Callable

import httpx2
import pytest

from fraudline.cli.client import Client, Refused
from fraudline.cli.running import IngestTarget
from fraudline.errors import DependencyAway

TARGET = IngestTarget("http://ingest.test", "flk_key")
PROBLEM = {"detail": "2 faults were found; nothing was taken in.", "errors": [{"field": "amount", "message": "is bad"}]}

Answer = Callable[[httpx2.Request], httpx2.Response]


class Ingest:
    """Answers in the order given, the last one for ever; keeps what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self.asked: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return answer(request)


def says(status: int, body: object = None, **headers: str) -> Answer:
    return lambda _: httpx2.Response(status, json=body, headers={k.replace("_", "-"): v for k, v in headers.items()})


def is_away(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("connection refused", request=request)


def a_client(ingest: Ingest, *, patience_seconds: float = 5.0) -> Client:
    return Client(TARGET, patience_seconds=patience_seconds, transport=httpx2.MockTransport(ingest))


async def test_a_transaction_goes_out_with_the_key_and_as_it_is() -> None:
    ingest = Ingest(says(202, {"status": "accepted"}))
    async with a_client(ingest) as client:
        await client.post({"transaction_id": "t-1", "amount": "9.90"})
    [request] = ingest.asked
    assert request.url == "http://ingest.test/v1/transactions"
    assert request.headers["authorization"] == "Bearer flk_key"
    assert json.loads(request.content) == {"transaction_id": "t-1", "amount": "9.90"}


@pytest.mark.parametrize("first", [says(503, PROBLEM, retry_after="0"), says(429, PROBLEM), is_away])
async def test_the_same_is_posted_again_while_ingest_is_away_full_or_limits_us(first: Answer) -> None:
    ingest = Ingest(first, first, says(202, {"accepted": 1, "rejected": []}))
    async with a_client(ingest) as client:
        result = await client.post_batch([{"transaction_id": "t-1"}])
    assert result.accepted == 1
    assert len({request.content for request in ingest.asked}) == 1
    assert len(ingest.asked) == 3


@pytest.mark.parametrize("answer", [says(503, PROBLEM, retry_after="3"), is_away])
async def test_patience_has_an_end_and_the_error_names_ingest(answer: Answer) -> None:
    async with a_client(Ingest(answer), patience_seconds=0.1) as client:
        with pytest.raises(DependencyAway, match=r"ingest at http://ingest\.test is away"):
            await client.post({"transaction_id": "t-1"})


async def test_a_batch_tells_which_were_rejected_and_why() -> None:
    rejected = {"index": 1, "transaction_id": "t-2", "errors": [{"field": "amount", "message": "is missing"}]}
    ingest = Ingest(says(202, {"accepted": 1, "rejected": [rejected]}))
    async with a_client(ingest) as client:
        result = await client.post_batch([{"transaction_id": "t-1"}, {"transaction_id": "t-2"}])
    assert [(r.index, r.transaction_id, r.reason) for r in result.rejected] == [(1, "t-2", "amount is missing")]
    assert ingest.asked[0].content.count(b"\n") == 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (says(422, PROBLEM), "nothing was taken in. amount is bad"),
        (says(401, PROBLEM), "FRAUDLINE_API_KEY"),
        (says(403, PROBLEM), "FRAUDLINE_API_KEY"),
        (says(413, ["no problem document"]), "413"),
        (lambda _: httpx2.Response(500, content=b"<html>"), "500"),
    ],
)
async def test_a_refusal_is_a_sentence_and_not_tried_again(answer: Answer, sentence: str) -> None:
    ingest = Ingest(answer)
    async with a_client(ingest) as client:
        with pytest.raises(Refused) as refused:
            await client.post({"transaction_id": "t-1"})
    assert sentence in str(refused.value)
    assert len(ingest.asked) == 1


async def test_what_is_not_scored_yet_is_none_and_any_id_finds_its_way_into_the_address() -> None:
    ingest = Ingest(says(404, {"code": "not_found_or_not_yet_scored"}), says(200, {"transaction_id": "a/b?"}))
    async with a_client(ingest) as client:
        assert await client.get("a/b?") is None
        assert await client.get("a/b?") == {"transaction_id": "a/b?"}
    assert ingest.asked[0].url.raw_path == b"/v1/transactions/a%2Fb%3F"


async def test_an_address_that_is_not_ingests_is_not_taken_for_an_unscored_transaction() -> None:
    async with a_client(Ingest(says(404, {"detail": "There is nothing here."}))) as client:
        with pytest.raises(Refused, match="There is nothing here"):
            await client.get("t-1")
