"""`python -m baseline.worker`: a message, its features, one prediction, one insert, then the acknowledgement."""

import asyncio
import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aio_pika
import asyncpg
import lightgbm
import numpy as np
import uvloop
from baseline.messages import Accepted
from baseline.settings import Settings
from numpy.typing import NDArray

from fraudline.domain.moment import microseconds
from fraudline.domain.money import base_amount
from fraudline.domain.policy import Decision, decide
from fraudline.kernel.kernel import Kernel
from fraudline.models.bundle import Bundle
from fraudline.models.manifest import MODEL_FILE
from fraudline.postgres.log import LoggedEvent
from fraudline.state.event_columns import events_of

INSERT = """
insert into fraudline.verdicts (transaction_id, fingerprint, posted_by, partition, position, accepted_at, decision,
                                score, reasons, reasons_status, model, policy, scored_at, features)
values ($1, $2, 'bench', 0, $3, $4, $5, $6, '[]', 'ready', $7, $8, $9, $10) on conflict do nothing
"""


class Worker:
    """Scores what the queue delivers, in its order, and stores it as fast as the database's connections allow."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._bundle = Bundle.load(Path(settings.model))
        self._booster = lightgbm.Booster(model_file=str(Path(settings.model) / MODEL_FILE))
        self._calibration = self._bundle.manifest.calibration.calibration()
        self._kernel = Kernel(known_after_days=self._bundle.known_after_days)
        self._position = 0
        self._pool: Any = None
        self._replies: Any = None

    async def run(self) -> None:
        """Work until the process ends."""
        pool = self._settings.pool
        # Without the round trip that cleans a connection between two users: here each leaves it as it was.
        self._pool = await asyncpg.create_pool(
            self._settings.database_url, min_size=pool, max_size=pool, reset=_leave_as_it_is
        )
        connection = await aio_pika.connect_robust(self._settings.amqp_url)
        channel = await connection.channel(publisher_confirms=False)
        await channel.set_qos(prefetch_count=self._settings.prefetch)
        self._replies = channel.default_exchange
        queue = await channel.declare_queue(
            self._settings.queue, durable=True, arguments={"x-queue-type": self._settings.queue_type}
        )
        # The library runs one task a message: as many at once as are prefetched.
        await queue.consume(self._work)
        await asyncio.Future()

    async def _work(self, message: Any) -> None:
        accepted = Accepted.model_validate_json(message.body)
        self._position += 1
        position = self._position
        # Nothing is awaited before the state has changed: it changes in the queue's order.
        features, amount = self._features(accepted)
        score = self._score(features)
        decision, _ = decide(score, has_rate=amount is not None, thresholds=self._bundle.thresholds)
        scored_at = datetime.now(UTC)
        is_flagged = decision is not Decision.APPROVE
        await self._pool.execute(
            INSERT,
            accepted.transaction_id,
            hashlib.sha256(message.body).digest(),
            position,
            accepted.accepted_at,
            decision.value,
            score,
            self._bundle.label,
            self._bundle.policy,
            scored_at,
            features.tobytes() if is_flagged else None,
        )
        # After the commit, so that a crash before it has the message delivered again.
        await message.ack()
        if message.reply_to:
            verdict = {
                "transaction_id": accepted.transaction_id,
                "decision": decision.value,
                "score": score,
                "model": self._bundle.label,
                "scored_at": scored_at.isoformat(),
            }
            reply = aio_pika.Message(json.dumps(verdict).encode(), correlation_id=message.correlation_id)
            await self._replies.publish(reply, message.reply_to)

    def _features(self, accepted: Accepted) -> tuple[NDArray[np.float64], float | None]:
        amount = base_amount(accepted.amount, self._bundle.rate(accepted.currency, accepted.occurred_at.date()))
        event = LoggedEvent(
            is_transaction=True,
            microseconds=microseconds(min(accepted.occurred_at, accepted.accepted_at)),
            weight=0,
            base_amount=amount,
            card_id=accepted.card_id,
            merchant_id=accepted.merchant_id,
            device_id=accepted.device_id,
            merchant_country=accepted.merchant_country,
            customer_id=accepted.customer_id,
            latitude=accepted.latitude,
            longitude=accepted.longitude,
            billing_country=accepted.billing_country,
            channel=accepted.channel,
        )
        features = self._kernel.apply(events_of([event]))
        self._kernel.settle()
        return features, amount

    def _score(self, features: NDArray[np.float64]) -> float:
        # On one thread: with more a single prediction takes longer, and now and then thirty times as long.
        raw = np.asarray(self._booster.predict(features, raw_score=True, num_threads=1), dtype=np.float64)
        return float(self._calibration.probabilities(raw)[0])


async def _leave_as_it_is(_: Any) -> None:
    return


if __name__ == "__main__":
    uvloop.run(Worker(Settings.read()).run())
