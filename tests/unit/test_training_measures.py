"""Metrics, calibration and thresholds against what they are defined as."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from fraudline.models.calibration import (
    FEWEST_FRAUDS_A_KNOT,
    MAX_KNOTS,
    Isotonic,
    Sigmoid,
    fit_isotonic,
    fit_sigmoid,
    log_loss,
)
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


def pooled(raw: np.ndarray, is_fraud: np.ndarray) -> list[np.ndarray]:
    """Which rows each piece has, by the definition: at each level the largest of the smallest means around it."""
    levels = sorted(set(raw.tolist()))
    means = []
    for at in range(len(levels)):
        from_here = [
            min(is_fraud[(raw >= levels[low]) & (raw <= levels[high])].mean() for high in range(at, len(levels)))
            for low in range(at + 1)
        ]
        means.append(max(from_here))
    # From the highest down, what has too few frauds is joined with the next.
    pieces: list[np.ndarray] = []
    for mean in sorted(set(means), reverse=True):
        piece = np.isin(raw, [level for level, own in zip(levels, means, strict=True) if own == mean])
        if pieces and is_fraud[pieces[-1]].sum() < FEWEST_FRAUDS_A_KNOT:
            pieces[-1] |= piece
        else:
            pieces.append(piece)
    return pieces[::-1]


def pieces_of(fitted: Isotonic, raw: np.ndarray) -> list[np.ndarray]:
    """Which rows each knot is the mean raw score of, from the lowest up: a higher end has a higher mean."""
    pieces, left = [], np.ones(len(raw), np.bool_)
    for knot in fitted.raw:
        ends = [end for end in np.unique(raw[left]) if raw[left & (raw <= end)].mean() <= knot + 1e-9]
        pieces.append(left & (raw <= ends[-1]))
        left = left & (raw > ends[-1])
    assert not left.any()
    return pieces


def share_of(is_fraud: np.ndarray) -> float:
    return (is_fraud.sum() + 0.5) / (len(is_fraud) + 1)


def two_heaps(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Raw scores as of trees sure of themselves: most about -7, a tail to 4, and too many of the honest in it."""
    random = np.random.default_rng(3)
    is_fraud = random.random(rows) < 0.008
    honest = np.where(random.random(rows) < 0.996, random.normal(-7, 0.5, rows), random.normal(2.5, 1, rows))
    frauds = np.where(random.random(rows) < 0.3, random.normal(3, 0.7, rows), random.normal(-6, 1, rows))
    return np.where(is_fraud, frauds, honest), is_fraud


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=20, max_size=80))
def test_an_isotonic_line_rises_and_gives_each_piece_its_share(rows: list[tuple[int, bool]]) -> None:
    raw = np.array([score for score, _ in rows], dtype=np.float64)
    is_fraud = np.array([outcome for _, outcome in rows])

    fitted = fit_isotonic(raw, is_fraud)

    definition = pooled(raw, is_fraud)
    assert fitted is None or len(definition) >= len(fitted.raw) > 1
    assume(fitted is not None)
    assert fitted is not None
    assert (np.diff(fitted.raw) > 0).all()
    assert (np.diff(fitted.log_odds) > 0).all()
    probability = fitted.probabilities(raw)
    for piece in pieces_of(fitted, raw):
        assert probability[piece].mean() == pytest.approx(share_of(is_fraud[piece]), abs=1e-6)
        # It is one of the definition's pieces, or neighbours joined.
        assert all(piece[own].all() or not piece[own].any() for own in definition)


@given(st.lists(st.tuples(st.integers(5, 30), st.integers(0, 30)), min_size=2, max_size=6))
def test_pieces_of_one_score_each_have_their_share_as_it_is(counts: list[tuple[int, int]]) -> None:
    counts = sorted(counts, key=lambda count: count[0] / sum(count))
    raw = np.repeat(np.arange(len(counts), dtype=np.float64), [sum(count) for count in counts])
    is_fraud = np.concatenate([np.arange(frauds + honest) < frauds for frauds, honest in counts])
    pieces = pooled(raw, is_fraud)
    shares = [share_of(is_fraud[piece]) for piece in pieces]
    assume(len(pieces) == len(counts) and (np.diff(shares) > 0).all())

    fitted = fit_isotonic(raw, is_fraud)

    assert fitted is not None
    assert fitted.raw == pytest.approx([raw[piece].mean() for piece in pieces])
    assert fitted.log_odds == pytest.approx([math.log(share / (1 - share)) for share in shares])


def test_an_isotonic_line_of_skewed_scores_gives_each_piece_its_share() -> None:
    raw, is_fraud = two_heaps(20_000)

    fitted = fit_isotonic(raw, is_fraud)

    assert fitted is not None
    assert len(fitted.raw) > 5
    probability = fitted.probabilities(raw)
    assert (np.diff(probability[np.argsort(raw)]) > 0).all()
    assert probability.mean() == pytest.approx(is_fraud.mean(), rel=0.05)
    for piece in pieces_of(fitted, raw):
        assert probability[piece].mean() == pytest.approx(share_of(is_fraud[piece]), abs=1e-6)


def test_on_skewed_scores_the_loss_is_not_above_that_of_a_line_through_the_shares_that_rise() -> None:
    raw, is_fraud = two_heaps(20_000)
    raw = np.round(raw * 4) / 4
    knots: list[tuple[float, float]] = []
    for piece in pooled(raw, is_fraud):
        share = share_of(is_fraud[piece])
        knot = (raw[piece].mean(), math.log(share / (1 - share)))
        if not knots or knot[1] > knots[-1][1]:
            knots.append(knot)
    through = Isotonic(tuple(place for place, _ in knots), tuple(value for _, value in knots))

    fitted = fit_isotonic(raw, is_fraud)

    assert fitted is not None
    assert log_loss(fitted.probabilities(raw), is_fraud) <= log_loss(through.probabilities(raw), is_fraud)


def test_a_line_of_more_knots_than_a_bundle_takes_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, is_fraud = two_heaps(20_000)
    fitted = fit_isotonic(raw, is_fraud)
    assert fitted is not None
    assert len(fitted.raw) <= MAX_KNOTS

    monkeypatch.setattr("fraudline.models.calibration.MAX_KNOTS", len(fitted.raw) - 1)

    assert fit_isotonic(raw, is_fraud) is None


def test_scores_that_no_rising_line_gives_the_shares_of_have_no_line() -> None:
    raw = np.array([*range(1000), 5000.0, 5001.0, 5002.0])

    assert fit_isotonic(raw, (raw >= 5000) | (raw % 100 == 99)) is None


def test_three_frauds_of_three_are_no_piece_of_their_own() -> None:
    raw = np.array([*range(1000), 5000.0, 5001.0, 5002.0]) / 1000
    is_fraud = (raw >= 5) | (np.arange(len(raw)) % 100 == 99)

    fitted = fit_isotonic(raw, is_fraud)

    assert fitted is not None
    assert fitted.raw[-1] < 5


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
