"""The codes cover every feature, and whatever the values: each sentence is one, and true where it leaves no doubt."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudline.domain.policy import POLICY_CODES
from fraudline.domain.reasons import CODES, NOT_EXPLAINED, NOTHING_STANDS_OUT, REGISTRY, Facts, code_of
from fraudline.domain.reasons.entity import ENTITIES
from fraudline.domain.reasons.feature_name import parse
from fraudline.domain.reasons.window import window_of
from fraudline.kernel.kernel import Kernel
from fraudline.kernel.registry import ENTITIES as KINDS
from fraudline.kernel.registry import HALF_LIFE_SECONDS
from kernel.builders import NAMES, Event, Transaction, by_name, events_of
from kernel.oracles import Past, past
from kernel.streams import streams
from reason_builders import FEATURES_OF, all_sentences, assert_is_sentence, values

HALF_LIFE_DAYS = {name: seconds / 86_400 for name, seconds in HALF_LIFE_SECONDS.items()}


def test_every_feature_has_exactly_one_code_and_every_code_has_features() -> None:
    gathered = Counter(stem for code in CODES for stem in code.stems)

    assert set(gathered.values()) == {1}
    assert {parse(name).stem for name in NAMES} <= set(gathered)
    assert all(FEATURES_OF[code.code] for code in CODES)


def test_the_codes_know_every_kind_of_entity_that_has_features() -> None:
    assert set(ENTITIES) == set(KINDS)


@pytest.mark.parametrize("half_life", ["5m", "10m", "2h", "3d", "120d", "365d"])
def test_a_new_half_life_of_a_known_statistic_has_a_code_and_a_sentence(half_life: str) -> None:
    for name in NAMES:
        entity, statistic, half_life_there = parse(name)
        if half_life_there:
            new = f"{entity}_{statistic}_{half_life}"
            assert code_of(new) is code_of(name)
            assert_is_sentence(code_of(new).sentence(Facts(values() | {new: 3.0}, new, "EUR")))


def test_a_feature_that_no_code_gathers_is_named() -> None:
    with pytest.raises(LookupError, match="card_mood_30d has no reason code: let one gather card_mood"):
        code_of("card_mood_30d")


def test_the_registry_holds_what_the_model_says_and_what_others_say() -> None:
    model = [code.code for code in CODES]

    assert [*REGISTRY][: len(model)] == model
    assert set(REGISTRY) - set(model) == {*POLICY_CODES, NOT_EXPLAINED, NOTHING_STANDS_OUT.code}


@pytest.mark.parametrize(
    ("half_life", "name", "length"),
    [
        ("1m", "minute", "a minute"),
        ("10m", "ten minutes", "ten minutes"),
        ("1h", "hour", "an hour"),
        ("1d", "day", "a day"),
        ("3d", "three days", "three days"),
        ("7d", "week", "a week"),
        ("14d", "two weeks", "two weeks"),
        ("30d", "month", "a month"),
        ("120d", "four months", "four months"),
        ("365d", "365 days", "365 days"),
    ],
)
def test_a_half_life_is_told_in_the_largest_unit_that_fits(half_life: str, name: str, length: str) -> None:
    window = window_of(half_life)

    assert (window.name, window.length) == (name, length)
    assert window.days == pytest.approx(HALF_LIFE_DAYS.get(half_life, window.days))


@pytest.mark.parametrize("value", [math.nan, 0.0, -1.0, math.inf, -math.inf, 1e18, 1e308, 5e-324, 0.5, 1.0])
def test_every_feature_has_a_sentence_for_every_kind_of_value(value: float) -> None:
    for _, _, sentence in all_sentences(dict.fromkeys(NAMES, value)):
        assert_is_sentence(sentence)


@given(st.fixed_dictionaries({name: st.floats() for name in NAMES}))
@settings(max_examples=100)
def test_no_float_breaks_a_sentence(features: dict[str, float]) -> None:
    for code, strongest, sentence in all_sentences(features):
        assert_is_sentence(sentence)
        assert sentence == code.sentence(Facts(dict(features), strongest, "EUR"))


@given(
    st.fixed_dictionaries({name: st.one_of(st.just(math.nan), st.floats(0, 1e6, width=32)) for name in NAMES}),
    st.sampled_from(["EUR", "JPY", "BHD"]),
)
def test_no_plausible_value_breaks_a_sentence(features: dict[str, float], currency: str) -> None:
    for _, _, sentence in all_sentences(features, currency):
        assert_is_sentence(sentence)


@given(streams(max_size=12))
@settings(max_examples=150, deadline=None)
def test_what_a_sentence_says_outright_is_so(stream: list[Event]) -> None:
    rows = Kernel().apply(events_of(stream))
    transactions = [(n, event) for n, event in enumerate(stream) if isinstance(event, Transaction)]
    for (n, event), row in zip(transactions, rows, strict=True):
        for kind in ("card", "merchant"):
            assert_is_true(kind, past(stream[:n], event, kind), by_name(row))


def assert_is_true(kind: str, own: Past, features: dict[str, float]) -> None:
    """Hold the sentences that leave no doubt against the full history of one card or merchant."""
    ages = [own.age_seconds(transaction.time) for transaction in own.transactions]
    for _, strongest, sentence in all_sentences(features):
        if parse(strongest).entity != kind:
            continue
        half_life = HALF_LIFE_SECONDS.get(parse(strongest).half_life, 0)
        if "first payment" in sentence:
            assert not ages
        if sentence.startswith("No payment"):
            assert not any(age <= half_life for age in ages)
        if sentence.startswith("Next to nothing"):
            recent = [t.amount for t, age in zip(own.transactions, ages, strict=True) if age <= half_life]
            assert math.fsum(amount for amount in recent if not math.isnan(amount)) < 2
        if "more than any known amount" in sentence:
            recent = [t.amount for t, age in zip(own.transactions, ages, strict=True) if age <= half_life]
            assert not any(amount >= math.expm1(features["amount_log"]) for amount in recent)
        standing = [label for label in own.labels if label.weight > 0]
        if any(label.weight < 0 for label in own.labels) or any(label.time > own.now for label in standing):
            continue
        if half_life and ("recent fraud is known" in sentence or "became known more than" in sentence):
            assert not any(own.age_seconds(label.time) < half_life for label in standing)
        if "became known in the last" in sentence or "latest fraud" in sentence or "began to become" in sentence:
            assert standing
