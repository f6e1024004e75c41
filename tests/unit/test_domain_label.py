import itertools
import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from fraudline.domain.event import LabelReported, decode, encode_label
from fraudline.domain.label import Label, LabelHistory, LabelSource, LabelValue

START = datetime(2026, 1, 1, tzinfo=UTC)


def a_label(value: str = "fraud", source: str = "analyst", day: int = 0) -> Label:
    return Label(
        transaction_id="t-1",
        label=LabelValue(value),
        source=LabelSource(source),
        reported_at=START + timedelta(days=day),
    )


labels = st.builds(
    a_label,
    st.sampled_from([value.value for value in LabelValue]),
    st.sampled_from([source.value for source in LabelSource]),
    st.integers(0, 3),
)


@given(labels)
def test_a_label_survives_its_journey_through_the_queue(label: Label) -> None:
    line = encode_label(label, accepted_at=START, posted_by="bank")
    event = decode(line)

    assert isinstance(event, LabelReported)
    assert (event.data, event.postedby) == (label, "bank")
    assert json.loads(line)["id"] == json.loads(encode_label(label, accepted_at=START, posted_by="x"))["id"]


@given(st.lists(labels, max_size=8))
def test_what_was_counted_and_not_taken_back_is_what_the_reports_say(reports: list[Label]) -> None:
    history = LabelHistory(is_known=True)
    counted = []
    for label in reports:
        history.take(label)
        effect = history.settle()
        if effect is not None:
            counted.append(effect)
        assert history.settle() is None

    assert [effect.weight for effect in counted] == list(itertools.islice(itertools.cycle([1, -1]), len(counted)))
    taken_back = zip(counted[::2], counted[1::2], strict=False)
    assert all(first.counted_at == second.counted_at for first, second in taken_back)
    assert (history.counted_at is not None) == (sum(effect.weight for effect in counted) == 1)


def test_a_chargeback_outranks_an_analyst_who_speaks_later() -> None:
    history = LabelHistory(is_known=True)
    history.take(a_label("fraud", "chargeback", day=0))
    assert history.settle() == (START, 1)

    history.take(a_label("legitimate", "analyst", day=3))

    assert history.settle() is None


def test_a_correction_takes_back_what_was_counted_where_it_was_counted() -> None:
    history = LabelHistory(is_known=True)
    history.take(a_label("fraud", day=1))
    assert history.settle() == (START + timedelta(days=1), 1)

    history.take(a_label("legitimate", day=2))

    assert history.settle() == (START + timedelta(days=1), -1)


def test_the_same_report_again_changes_nothing_and_another_word_at_the_same_time_is_a_contradiction() -> None:
    history = LabelHistory(is_known=True)

    assert history.take(a_label("fraud"))
    assert not history.take(a_label("fraud"))
    assert not history.contradicts(a_label("fraud"))
    assert history.contradicts(a_label("legitimate"))
    assert not history.take(a_label("legitimate"))


def test_reports_about_an_unknown_transaction_wait_for_it() -> None:
    history = LabelHistory()
    history.take(a_label("fraud"))
    assert history.settle() is None

    history.is_known = True

    assert history.settle() == (START, 1)
