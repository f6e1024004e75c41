"""Metrics, calibration and thresholds against what they are defined as."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from fraudline.models.calibration import Isotonic, Sigmoid, fit_isotonic, fit_sigmoid
from fraudline.models.errors import TrainingRefused
from fraudline.models.evaluation.metrics import auc_roc, average_precision
from fraudline.models.training.calibrating import Method, calibrate
from fraudline.models.training.costs import ALERT_SHARE, Budget
from fraudline.models.training.thresholds import choose_thresholds

LINE = Isotonic((-2.0, 0.0, 3.0), (-4.0, -1.0, 1.0))


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


@pytest.mark.parametrize("calibration", [Sigmoid(1.0, 0.0), Isotonic((-2.0, 3.0), (-2.0, 3.0))])
def test_a_probability_lies_between_0_and_1_for_any_raw_score(calibration: Sigmoid | Isotonic) -> None:
    raw = np.array([-1e308, -1000.0, -1.0, 0.0, 1.0, 1000.0, 1e308, math.inf, -math.inf])

    probabilities = calibration.probabilities(raw)

    assert ((probabilities >= 0) & (probabilities <= 1)).all()
    assert probabilities[3] == 0.5
    assert math.isnan(calibration.probabilities(np.array([math.nan]))[0])


def test_calibration_finds_the_sigmoid_that_made_the_outcomes() -> None:
    random = np.random.default_rng(1)
    raw = random.normal(-3, 2, 200_000)
    outcomes = random.random(len(raw)) < 1 / (1 + np.exp(-(1.5 * raw + 0.5)))

    fitted = fit_sigmoid(raw, outcomes)

    assert fitted.slope == pytest.approx(1.5, abs=0.05)
    assert fitted.intercept == pytest.approx(0.5, abs=0.1)


def test_a_sigmoid_of_a_perfect_model_is_no_certainty() -> None:
    raw = np.array([-5.0] * 1000 + [5.0] * 3)

    fitted = fit_sigmoid(raw, raw > 0)

    assert fitted.slope > 0
    assert fitted.probabilities(np.array([5.0]))[0] == pytest.approx(4 / 5, abs=0.01)


@pytest.mark.parametrize("calibration", [Sigmoid(0.7, -1.0), LINE])
def test_calibration_keeps_the_order(calibration: Sigmoid | Isotonic) -> None:
    raw = np.linspace(-10, 10, 1001)

    assert (np.diff(calibration.probabilities(raw)) > 0).all()


def test_an_isotonic_line_goes_through_its_knots_straight_and_beyond_them_as_the_raw_score_does() -> None:
    raw = np.array([-3.0, -2.0, -1.0, 0.0, 3.0, 5.0])

    probability = LINE.probabilities(raw)

    assert np.log(probability / (1 - probability)) == pytest.approx([-5.0, -4.0, -2.5, -1.0, 1.0, 3.0])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-8, 8), st.booleans()), min_size=1, max_size=60))
def test_an_isotonic_line_is_the_closest_of_all_that_rise(rows: list[tuple[int, bool]]) -> None:
    raw = np.array([score for score, _ in rows], dtype=np.float64)
    is_fraud = np.array([outcome for _, outcome in rows])

    fitted = fit_isotonic(raw, is_fraud)

    # The definition, in plain Python: at each level the largest of the smallest means around it.
    levels = sorted(set(raw.tolist()))
    means = []
    for at in range(len(levels)):
        from_here = [
            min(is_fraud[(raw >= levels[low]) & (raw <= levels[high])].mean() for high in range(at, len(levels)))
            for low in range(at + 1)
        ]
        means.append(max(from_here))
    pieces = {mean: [level for level, own in zip(levels, means, strict=True) if own == mean] for mean in means}
    if fitted is not None:
        assert all(one < other for one, other in pairwise(fitted.raw))
        assert all(one < other for one, other in pairwise(fitted.log_odds))
        assert len(fitted.raw) <= len(pieces)
        least = min(pieces)
        if len(fitted.raw) == len(pieces):
            is_lowest = np.isin(raw, pieces[least])
            assert fitted.raw[0] == pytest.approx(raw[is_lowest].mean())
            share = (is_fraud[is_lowest].sum() + 0.5) / (is_lowest.sum() + 1)
            assert fitted.log_odds[0] == pytest.approx(math.log(share / (1 - share)))


def test_three_frauds_of_three_are_no_piece_of_their_own() -> None:
    raw = np.array([*range(1000), 5000.0, 5001.0, 5002.0])
    is_fraud = (raw >= 5000) | (raw % 100 == 99)

    fitted = fit_isotonic(raw, is_fraud)

    assert fitted is not None
    assert fitted.raw[-1] < 5000


def outcomes_of(raw: np.ndarray, probability: np.ndarray) -> np.ndarray:
    return np.random.default_rng(2).random(len(raw)) < probability


def test_the_calibration_with_the_lower_loss_on_other_days_wins() -> None:
    raw = np.random.default_rng(1).normal(-3, 2, 40_000)
    straight = 1 / (1 + np.exp(-raw))
    bent = np.where(raw > -1, 0.6, np.where(raw > -3, 0.05, 0.001))

    by_line = calibrate(raw, outcomes_of(raw, straight), 20_000)
    by_steps = calibrate(raw, outcomes_of(raw, bent), 20_000)

    assert (by_line.method, by_steps.method) == (Method.SIGMOID, Method.ISOTONIC)
    assert by_steps.log_loss[Method.ISOTONIC] < by_steps.log_loss[Method.SIGMOID]


def test_without_days_to_compare_on_a_sigmoid_is_taken() -> None:
    raw = np.random.default_rng(1).normal(-3, 2, 5_000)

    calibrated = calibrate(raw, outcomes_of(raw, 1 / (1 + np.exp(-raw))), None)

    assert (calibrated.method, dict(calibrated.log_loss)) == (Method.SIGMOID, {})


def test_scores_that_are_higher_for_the_honest_are_refused() -> None:
    raw = np.random.default_rng(1).normal(-3, 2, 5_000)

    with pytest.raises(TrainingRefused, match="no better than chance"):
        calibrate(raw, outcomes_of(raw, 1 / (1 + np.exp(raw + 3))), None)


def cost_of(review: float, decline: float, rows: list[tuple[float, bool, float]], budget: Budget) -> tuple[float, int]:
    """The cost of decisions and how many are flagged, in plain Python."""
    cost, flagged = 0.0, 0
    for score, is_fraud, amount in rows:
        flagged += score >= review
        if score >= decline:
            cost += 0 if is_fraud else budget.decline_cost
        elif score >= review:
            cost += budget.review_cost
        else:
            cost += amount if is_fraud else 0
    return cost, flagged


@settings(deadline=None)
@given(
    rows=st.lists(
        st.tuples(st.integers(1, 9).map(lambda n: n / 10), st.booleans(), st.integers(0, 50).map(float)),
        min_size=1,
        max_size=25,
    ),
    alerts=st.integers(1, 30),
)
def test_no_other_pair_of_thresholds_would_have_cost_less(rows: list[tuple[float, bool, float]], alerts: int) -> None:
    budget = Budget(3.0, 10.0, alerts / 5)
    score, is_fraud, amount = (np.array(column) for column in zip(*rows, strict=True))

    choice = choose_thresholds(score, is_fraud, amount, days=5, budget=budget)

    cost, flagged = cost_of(choice.thresholds.review, choice.thresholds.decline, rows, budget)
    assert flagged <= alerts
    assert choice.alerts == pytest.approx(flagged / 5)
    assert choice.cost == pytest.approx(cost / 5)
    assert choice.cost_without == pytest.approx(cost_of(2, 2, rows, budget)[0] / 5)
    tried = [*(n / 10 for n in range(1, 10)), 2.0]
    for review in tried:
        for decline in (other for other in tried if other >= review):
            other_cost, other_flagged = cost_of(review, decline, rows, budget)
            assert other_flagged > alerts or other_cost >= cost - 1e-9


def test_without_a_number_of_alerts_a_share_of_the_transactions_is_flagged_at_most() -> None:
    score = np.random.default_rng(1).random(10_000)
    everything_is_fraud = np.ones(10_000, np.bool_)

    choice = choose_thresholds(score, everything_is_fraud, np.full(10_000, 100.0), days=4, budget=Budget())

    assert (score >= choice.thresholds.review).sum() == ALERT_SHARE * 10_000
    assert choice.alerts_allowed == ALERT_SHARE * 10_000 / 4


def test_what_has_no_rate_takes_its_place_in_the_budget_and_tells_nothing_else() -> None:
    score = np.array([0.9, 0.8, 0.7, 0.6])
    amount = np.array([math.nan, 100.0, 100.0, 100.0])

    choice = choose_thresholds(score, np.ones(4, np.bool_), amount, days=1, budget=Budget(alerts_per_day=3))

    assert 0.6 < choice.thresholds.review <= 0.7
    assert choice.alerts == 3


def test_thresholds_without_a_single_known_amount_are_refused() -> None:
    with pytest.raises(TrainingRefused, match="--rates"):
        choose_thresholds(np.array([0.5]), np.array([True]), np.array([math.nan]), days=1, budget=Budget())


@pytest.mark.parametrize("amount", [0.0, 0.01, 3.0, 1e12])
def test_thresholds_are_probabilities_whatever_fraud_costs(amount: float) -> None:
    score = np.concatenate([np.zeros(10), np.full(40, 0.1)])

    choice = choose_thresholds(score, score > 0, np.full(50, amount), days=1, budget=Budget(alerts_per_day=1e9))

    assert 0 < choice.thresholds.review <= choice.thresholds.decline <= 1


@pytest.mark.parametrize(
    ("costs", "option"),
    [
        ({"review_cost": -1.0}, "--review-cost"),
        ({"decline_cost": math.nan}, "--decline-cost"),
        ({"alerts_per_day": 0.0}, "--alerts-per-day"),
        ({"alerts_per_day": math.inf}, "--alerts-per-day"),
    ],
)
def test_costs_that_make_no_sense_are_refused_by_the_name_of_their_option(costs: dict[str, float], option: str) -> None:
    with pytest.raises(ValueError, match=option):
        Budget(**costs)
