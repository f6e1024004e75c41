"""Contributions add up to the score, code by code, and the strongest become reasons."""

import json
import math
from pathlib import Path

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudline.domain.reasons import CODES, code_of
from fraudline.kernel.registry import FEATURES
from fraudline.models.booster import load_booster, raw_scores
from fraudline.models.bundle import Bundle
from fraudline.models.explanation import (
    LEAST_SHARE,
    MOST_REASONS,
    contributions_by_code,
    explain,
    read_features,
    reasons_of,
)
from fraudline.models.manifest import MODEL_FILE

NAMES = tuple(feature.name for feature in FEATURES)
WIDTH = len(FEATURES)
VECTORS = st.lists(
    st.one_of(st.floats(), st.floats(0, 1e4), st.sampled_from([0.0, 1.0, math.nan])), min_size=WIDTH, max_size=WIDTH
)


@pytest.fixture(scope="module")
def bundle(trained: Path) -> Bundle:
    return Bundle.load(trained)


@pytest.fixture(scope="module")
def booster(trained: Path) -> lightgbm.Booster:
    return load_booster((trained / MODEL_FILE).read_bytes())


def some_vectors(count: int) -> np.ndarray:
    random = np.random.default_rng(3)
    vectors = random.lognormal(2, 2, size=(count, WIDTH))
    vectors[random.random(vectors.shape) < 0.1] = np.nan
    return vectors


def contributions(**of: float) -> np.ndarray:
    """What each feature contributes: nothing, but for those named; then the base value."""
    return np.array([of.get(name, 0.0) for name in (*NAMES, "base")])


ORDINARY = np.array([1.0] * WIDTH)


@given(vector=VECTORS)
@settings(max_examples=200, deadline=None)
def test_all_codes_and_the_base_value_add_up_to_the_raw_score(
    bundle: Bundle, booster: lightgbm.Booster, vector: list[float]
) -> None:
    features = np.array([vector])

    given_by_model = bundle.contributions(features)[0]

    total = math.fsum([*contributions_by_code(given_by_model).values(), float(given_by_model[-1])])
    size = float(np.abs(given_by_model).sum())
    assert math.isclose(total, raw_scores(booster, features)[0], rel_tol=1e-9, abs_tol=1e-9 * size)


def test_the_base_value_is_the_same_for_every_payment(bundle: Bundle) -> None:
    assert len(set(bundle.contributions(some_vectors(50))[:, -1].tolist())) == 1


def test_contributions_have_the_same_bits_whatever_the_batch(bundle: Bundle) -> None:
    vectors = some_vectors(65)

    whole = bundle.contributions(vectors)

    assert np.concatenate([bundle.contributions(vector[np.newaxis]) for vector in vectors]).tobytes() == whole.tobytes()
    assert whole.shape == (65, WIDTH + 1)
    assert bundle.contributions(np.empty((0, WIDTH))).shape == (0, WIDTH + 1)


@given(vector=VECTORS)
@settings(max_examples=100, deadline=None)
def test_any_payment_is_explained_by_what_raises_its_score_the_strongest_first(
    bundle: Bundle, vector: list[float]
) -> None:
    reasons = explain(bundle, np.array(vector))

    strengths = [reason.contribution for reason in reasons]
    assert all(strength is not None and strength > 0 for strength in strengths)
    assert strengths == sorted(strengths, key=lambda strength: -(strength or 0))
    assert len({reason.code for reason in reasons}) == len({reason.text for reason in reasons}) == len(reasons)
    assert len(reasons) <= MOST_REASONS
    assert explain(bundle, np.array(vector)) == reasons
    json.dumps([reason._asdict() for reason in reasons], allow_nan=False)


def test_a_codes_contribution_is_the_sum_of_its_features() -> None:
    given_by_model = contributions(card_count_1h=1.0, card_count_7d=0.5, card_count_30d=-0.25, base=-4.0)

    (reason,) = reasons_of(ORDINARY, given_by_model, currency="EUR")

    assert (reason.code, reason.contribution) == ("card_velocity", 1.25)


@pytest.mark.parametrize(("strongest", "window"), [("card_count_1h", "hour"), ("card_count_7d", "week")])
def test_the_sentence_tells_of_the_feature_that_weighed_the_most(strongest: str, window: str) -> None:
    given_by_model = contributions(card_count_1d=0.5) + contributions(**{strongest: 1.0})

    (reason,) = reasons_of(ORDINARY, given_by_model, currency="EUR")

    assert f"in the last {window} or so" in reason.text


def test_what_lowers_the_score_or_hardly_raises_it_is_no_reason() -> None:
    given_by_model = contributions(
        amount_log=1.0, card_frauds_30d=-3.0, weekday=0.9 * LEAST_SHARE, card_seconds_late=1.2 * LEAST_SHARE
    )

    codes = [reason.code for reason in reasons_of(ORDINARY, given_by_model, currency="EUR")]

    assert codes == ["amount", "late_arrival"]


def test_no_more_than_the_strongest_few_are_told() -> None:
    first_of = {code_of(name): name for name in reversed(NAMES)}
    by_strength = {first_of[code]: 1.0 + place / 10 for place, code in enumerate(CODES)}

    codes = [reason.code for reason in reasons_of(ORDINARY, contributions(**by_strength), currency="EUR")]

    assert codes == [code.code for code in CODES[: -MOST_REASONS - 1 : -1]]


def test_equal_contributions_are_told_in_the_registrys_order() -> None:
    given_by_model = contributions(hour_of_day=1.0, card_seconds_since_first=1.0, amount_log=1.0)

    codes = [reason.code for reason in reasons_of(ORDINARY, given_by_model, currency="EUR")]

    assert codes == ["amount", "card_age", "time_of_week"]


def test_one_fact_that_several_codes_speak_of_is_told_once() -> None:
    first_on_card = np.array([math.nan if name.startswith("card_seconds_since") else 0.0 for name in NAMES])
    given_by_model = contributions(card_seconds_since_first=1.0, card_seconds_since_last=2.0, card_count_30d=0.5)

    (reason,) = reasons_of(first_on_card, given_by_model, currency="EUR")

    assert reason == ("card_last_payment", "This is the first payment seen on this card.", 2.0)


def test_nothing_is_told_where_nothing_raises_the_score() -> None:
    assert reasons_of(ORDINARY, contributions(amount_log=-1.0, base=2.0), currency="EUR") == ()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_contributions_that_are_no_numbers_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        reasons_of(ORDINARY, contributions(amount_log=value), currency="EUR")


def test_a_stored_vector_is_read_bit_for_bit() -> None:
    vector = some_vectors(1)[0]

    features = read_features(vector.astype("<f8").tobytes())

    assert features is not None
    assert features.tobytes() == vector.tobytes()


@pytest.mark.parametrize("stored", [None, b"", b"\0" * 8, b"\0" * (8 * WIDTH - 1), b"\0" * (8 * WIDTH + 8)])
def test_a_vector_of_another_length_is_none(stored: bytes | None) -> None:
    assert read_features(stored) is None


def test_what_a_payment_was_flagged_for_does_not_depend_on_the_process_that_says_so(
    bundle: Bundle, trained: Path
) -> None:
    restarted = Bundle.load(trained)

    for vector in some_vectors(20):
        assert explain(restarted, vector) == explain(bundle, vector)
