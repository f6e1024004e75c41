"""Hypothesis strategies for streams of events: in order, late, at equal times, years apart; labels and corrections."""

from typing import Any

from hypothesis import strategies as st

from kernel.builders import DAY, HOUR, NOON, Event, Label, Transaction, its_correction

KEYS = st.sampled_from([0, 1, 7, 2**63, 2**64 - 1])
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
TRANSACTIONS = st.builds(Transaction, time=TIMES, amount=AMOUNTS, card=KEYS, merchant=KEYS)
LABELS = st.builds(Label, time=TIMES, card=KEYS, merchant=KEYS, weight=st.just(1.0))


@st.composite
def streams(draw: Any, *, max_size: int = 24) -> list[Event]:
    """Draw a stream whose corrections each take back a label that stands."""
    stream: list[Event] = []
    standing: list[Label] = []
    for _ in range(draw(st.integers(0, max_size))):
        kind = draw(st.sampled_from(["transaction", "transaction", "transaction", "label", "correction"]))
        if kind == "correction" and standing:
            stream.append(its_correction(standing.pop(draw(st.integers(0, len(standing) - 1)))))
        elif kind == "label":
            label = draw(LABELS)
            standing.append(label)
            stream.append(label)
        else:
            stream.append(draw(TRANSACTIONS))
    return stream
