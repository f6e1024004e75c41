"""Hypothesis strategies for streams of events: in order, late, at equal times, years apart; labels and corrections.

Few keys make a past, many keys make a small kernel forget; 0 is no entity.
"""

import math
from typing import Any

from hypothesis import strategies as st

from kernel.builders import DAY, HOUR, NOON, Event, Label, Transaction, its_correction

KEYS = st.sampled_from([0, 1, 7, 2**63, 2**64 - 1])
FEW = st.sampled_from([0, 1, 2])
MANY = st.integers(0, 60)
TIMES = st.builds(
    lambda offset: NOON + offset,
    st.one_of(
        st.integers(0, 3 * HOUR),
        st.integers(0, 60 * DAY),
        st.sampled_from([0, 1, HOUR, 7 * DAY, 20 * 365 * DAY, -30 * 365 * DAY]),
    ),
)
AMOUNTS = st.one_of(
    st.sampled_from([0.0, 0.01, 9.99, 1e15, float("nan")]),
    st.integers(0, 1_000_000).map(lambda cents: cents / 100),
)
LATITUDES = st.sampled_from([math.nan, 0.0, 48.2, 48.3, 90.0, -90.0, 90.1, math.inf])
LONGITUDES = st.sampled_from([math.nan, 0.0, 16.4, 180.0, -180.0, -163.6, 1e300])
FLAGS = st.sampled_from([math.nan, 0.0, 1.0])


def transactions(keys: st.SearchStrategy[int] = KEYS, others: st.SearchStrategy[int] = FEW) -> Any:
    return st.builds(
        Transaction,
        time=TIMES,
        amount=AMOUNTS,
        card=keys,
        merchant=keys,
        device=others,
        country=others,
        customer=others,
        latitude=LATITUDES,
        longitude=LONGITUDES,
        abroad=FLAGS,
        remote=FLAGS,
    )


def labels(keys: st.SearchStrategy[int] = KEYS, others: st.SearchStrategy[int] = FEW) -> Any:
    return st.builds(
        Label,
        time=TIMES,
        card=keys,
        merchant=keys,
        weight=st.just(1.0),
        device=others,
        country=others,
        customer=others,
        amount=AMOUNTS,
        transaction_time=TIMES,
    )


TRANSACTIONS = transactions()
_AS_THEY_COME = (TRANSACTIONS, labels())
_IN_A_CROWD = (transactions(MANY, MANY), labels(MANY, MANY))


@st.composite
def streams(draw: Any, *, max_size: int = 24) -> list[Event]:
    """Draw a stream whose corrections each take back a label that stands."""
    of_transactions, of_labels = draw(st.sampled_from([_AS_THEY_COME, _AS_THEY_COME, _IN_A_CROWD]))
    stream: list[Event] = []
    standing: list[Label] = []
    for _ in range(draw(st.integers(0, max_size))):
        kind = draw(st.sampled_from(["transaction", "transaction", "transaction", "label", "correction"]))
        if kind == "correction" and standing:
            stream.append(its_correction(standing.pop(draw(st.integers(0, len(standing) - 1)))))
        elif kind == "label":
            label = draw(of_labels)
            standing.append(label)
            stream.append(label)
        else:
            stream.append(draw(of_transactions))
    return stream
