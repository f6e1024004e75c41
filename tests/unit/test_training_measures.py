"""Metrics, calibration and thresholds against what they are defined as."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from fraudline.models.calibration import Calibration, fit_calibration
from fraudline.models.metrics import auc_roc, average_precision
from fraudline.models.thresholds import ALERT_BUDGET, choose_thresholds


@st.composite
def scored(draw: DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, and outcomes of both kinds."""
    scores = draw(st.lists(st.integers(0, 5), min_size=2, max_size=30))
    outcomes = draw(
        st.lists(st.booleans(), min_size=len(scores), max_size=len(scores)).filter(lambda o: 0 < sum(o) < len(o))
    )
    return np.array(scores, dtype=np.float64), np.array(outcomes)


@given(scored())
def test_auc_is_the_share_of_pairs_in_the_right_order(rows: tuple[np.ndarray, np.ndarray]) -> None:
    score, is_fraud = rows

    pairs = [
        1.0 if fraud > other else 0.5 if fraud == other else 0.0
        for fraud in score[is_fraud]
        for other in score[~is_fraud]
    ]

    assert auc_roc(score, is_fraud) == pytest.approx(sum(pairs) / len(pairs))


@given(scored())
def test_average_precision_is_the_precision_at_each_threshold_weighted_by_the_recall_it_adds(
    rows: tuple[np.ndarray, np.ndarray],
) -> None:
    score, is_fraud = rows

    total, before = 0.0, 0.0
    for threshold in sorted(set(score.tolist()), reverse=True):
        taken = score >= threshold
        recall = is_fraud[taken].sum() / is_fraud.sum()
        total += (recall - before) * is_fraud[taken].mean()
        before = recall

    assert average_precision(score, is_fraud) == pytest.approx(total)


def test_a_probability_lies_between_0_and_1_for_any_raw_score() -> None:
    raw = np.array([-1e308, -1000.0, -1.0, 0.0, 1.0, 1000.0, 1e308, math.inf, -math.inf])

    probabilities = Calibration(1.0, 0.0).probabilities(raw)

    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert probabilities[3] == 0.5
    assert math.isnan(Calibration(1.0, 0.0).probabilities(np.array([math.nan]))[0])


def test_calibration_finds_the_sigmoid_that_made_the_outcomes() -> None:
    random = np.random.default_rng(1)
    raw = random.normal(-3, 2, 200_000)
    outcomes = random.random(len(raw)) < 1 / (1 + np.exp(-(1.5 * raw + 0.5)))

    fitted = fit_calibration(raw, outcomes)

    assert fitted.slope == pytest.approx(1.5, abs=0.05)
    assert fitted.intercept == pytest.approx(0.5, abs=0.1)


def test_calibration_of_a_perfect_model_is_no_certainty() -> None:
    raw = np.array([-5.0] * 1000 + [5.0] * 3)

    fitted = fit_calibration(raw, raw > 0)

    assert fitted.slope > 0
    assert fitted.probabilities(np.array([5.0]))[0] == pytest.approx(4 / 5, abs=0.01)


def test_calibration_keeps_the_order() -> None:
    raw = np.linspace(-10, 10, 1001)

    assert (np.diff(Calibration(0.7, -1.0).probabilities(raw)) > 0).all()


def test_review_begins_where_the_expected_loss_exceeds_a_review() -> None:
    probability = np.array([0.001] * 10_000)

    assert choose_thresholds(probability, mean_fraud_amount=100.0).review == pytest.approx(0.03)


def test_no_more_is_flagged_than_the_budget_allows() -> None:
    probability = np.random.default_rng(1).random(10_000)

    thresholds = choose_thresholds(probability, mean_fraud_amount=100.0)

    assert (probability >= thresholds.review).sum() == ALERT_BUDGET * 10_000
    assert thresholds.review <= thresholds.decline <= 1


def test_equal_probabilities_at_the_edge_of_the_budget_are_left_out_together() -> None:
    probability = np.array([0.5] * 1000 + [0.9] * 5)

    thresholds = choose_thresholds(probability, mean_fraud_amount=100.0)

    assert (probability >= thresholds.review).sum() == 5


@pytest.mark.parametrize("mean_fraud_amount", [0.0, 0.01, 3.0, 1e12])
def test_thresholds_are_probabilities_whatever_fraud_costs(mean_fraud_amount: float) -> None:
    thresholds = choose_thresholds(np.array([0.1] * 50), mean_fraud_amount)

    assert 0 < thresholds.review <= thresholds.decline <= 1
