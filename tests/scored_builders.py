"""Scored transactions for the tests: what does not matter is filled in, what does is named."""

from collections.abc import Sequence

import numpy as np

from fraudline.models.evaluation.scored import APPROVED, DAY_MICROSECONDS, Scored


def some_scored(
    score: Sequence[float],
    is_fraud: Sequence[bool | int],
    *,
    card: Sequence[int] | None = None,
    day: Sequence[int] | None = None,
    amount: Sequence[float] | None = None,
    decision: Sequence[int] | None = None,
) -> Scored:
    """Transactions of a card each, on one day, of 10 each, approved, where nothing else is said."""
    size = len(score)
    cards = np.arange(size) if card is None else np.array(card)
    return Scored(
        time=np.array([20_000] * size if day is None else day, np.int64) * DAY_MICROSECONDS,
        card=cards.astype(np.int64),
        amount=np.array([10.0] * size if amount is None else amount, np.float64),
        is_fraud=np.array(is_fraud, np.bool_),
        score=np.array(score, np.float64),
        decision=np.array([APPROVED] * size if decision is None else decision, np.uint8),
        cards=int(cards.max(initial=-1)) + 1,
    )


def many_scored(cards: int = 400, days: int = 7, seed: int = 1) -> Scored:
    """Two transactions a card and day, scores that tell something, ties among them, a few without a score."""
    random = np.random.default_rng(seed)
    size = 2 * cards * days
    is_fraud = random.random(size) < 0.03
    score = np.clip(np.round(random.beta(1, 20, size) + 0.2 * is_fraud * random.random(size), 3), 0, 1)
    score[random.random(size) < 0.01] = np.nan
    return some_scored(
        score.tolist(),
        is_fraud.tolist(),
        card=random.integers(cards, size=size).tolist(),
        day=np.sort(random.integers(days, size=size)).tolist(),
        amount=random.gamma(2, 30, size).tolist(),
        decision=np.digitize(np.nan_to_num(score, nan=0.15), [0.1, 0.25]).tolist(),
    )
