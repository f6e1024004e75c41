"""Metrics, calibration and thresholds against what they are defined as."""

import math
from bisect import bisect_right
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from fraudline.domain.policy import NEVER
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
from fraudline.models.training.sentences import calibration_sentence
from fraudline.models.training.thresholds import choose_thresholds

Rows = Callable[[int, int], tuple[np.ndarray, np.ndarray]]

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


def by_definition(calibration: Sigmoid | Isotonic, raw: float) -> float:
    """A probability as it is defined, for one raw score alone, with Python's own numbers."""
    if isinstance(calibration, Sigmoid):
        log_odds = calibration.slope * raw + calibration.intercept
    else:
        knots, values = calibration.raw, calibration.log_odds
        place = bisect_right(knots, raw)
        if 0 < place < len(knots):
            share = (raw - knots[place - 1]) / (knots[place] - knots[place - 1])
            log_odds = min(values[place - 1] + (values[place] - values[place - 1]) * share, values[place])
        else:
            end = 0 if place == 0 else -1
            log_odds = values[end] + (raw - knots[end])
    return 1 / (1 + math.exp(-log_odds)) if log_odds >= 0 else math.exp(log_odds) / (1 + math.exp(log_odds))


@given(
    knots=st.lists(st.tuples(st.floats(1e-3, 5), st.floats(1e-3, 5)), min_size=2, max_size=20),
    raw=st.lists(st.floats(-40, 40), max_size=70),
)
def test_a_probability_has_the_bits_of_its_definition_in_any_batch(
    knots: list[tuple[float, float]], raw: list[float]
) -> None:
    places, log_odds = (tuple((np.cumsum(steps) - 20).tolist()) for steps in zip(*knots, strict=True))
    given_raw = np.array([*raw, *places, math.inf, -math.inf, -0.0])
    for calibration in (Isotonic(places, log_odds), Sigmoid(knots[0][0], log_odds[0])):
        expected = np.array([by_definition(calibration, value) for value in given_raw.tolist()])

        assert calibration.probabilities(given_raw).tobytes() == expected.tobytes()


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
    joined: list[np.ndarray] = []
    for mean in sorted(set(means), reverse=True):
        piece = np.isin(raw, [level for level, own in zip(levels, means, strict=True) if own == mean])
        if joined and is_fraud[joined[-1]].sum() < FEWEST_FRAUDS_A_KNOT:
            joined[-1] |= piece
        else:
            joined.append(piece)
    # From the lowest up, what does not have the higher share, with half a fraud more, is joined with the one before.
    pieces: list[np.ndarray] = []
    for piece in reversed(joined):
        pieces.append(piece)
        while len(pieces) > 1 and share_of(is_fraud[pieces[-1]]) <= share_of(is_fraud[pieces[-2]]):
            pieces[-2:] = [pieces[-2] | pieces[-1]]
    return pieces


def pieces_of(fitted: Isotonic, raw: np.ndarray) -> list[np.ndarray]:
    """Which rows each knot is the mean raw score of, from the lowest up: a higher end has a higher mean."""
    order, start, pieces = np.argsort(raw), 0, []
    for knot in fitted.raw:
        rest = raw[order[start:]]
        means = np.cumsum(rest) / np.arange(1, len(rest) + 1)
        length = int(np.searchsorted(means, knot + 1e-9, side="right"))
        pieces.append(order[start : start + length])
        start += length
    assert start == len(raw)
    return pieces


def share_of(is_fraud: np.ndarray) -> Fraction:
    return Fraction(2 * int(is_fraud.sum()) + 1, 2 * (len(is_fraud) + 1))


def log_odds_of(is_fraud: np.ndarray) -> float:
    share = share_of(is_fraud)
    return math.log(share / (1 - share))


def two_heaps(rows: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Raw scores as of trees sure of themselves: most about -7, a tail to 4, and too many of the honest in it."""
    random = np.random.default_rng(seed)
    is_fraud = random.random(rows) < 0.008
    honest = np.where(random.random(rows) < 0.996, random.normal(-7, 0.5, rows), random.normal(2.5, 1, rows))
    frauds = np.where(random.random(rows) < 0.3, random.normal(3, 0.7, rows), random.normal(-6, 1, rows))
    return np.where(is_fraud, frauds, honest), is_fraud


def long_tail(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Raw scores that thin out upwards, with a share of frauds that bends twice on the way."""
    random = np.random.default_rng(seed)
    raw = -7 + random.gamma(1, 1.5, rows)
    return raw, random.random(rows) < np.interp(raw, [-7, -5, -4, 0, 3], [0.0005, 0.002, 0.1, 0.15, 0.9])


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=20, max_size=80))
def test_an_isotonic_line_has_a_knot_for_each_piece_whose_share_rises(rows: list[tuple[int, bool]]) -> None:
    raw = np.array([score for score, _ in rows], dtype=np.float64)
    is_fraud = np.array([outcome for _, outcome in rows])

    fitted = fit_isotonic(raw, is_fraud)

    pieces = pooled(raw, is_fraud)
    assert (fitted is None) == (len(pieces) == 1)
    assume(fitted is not None)
    assert fitted is not None
    assert fitted.raw == pytest.approx([raw[piece].mean() for piece in pieces])
    assert (np.diff(fitted.raw) > 0).all()
    assert (np.diff(fitted.log_odds) > 0).all()


@given(st.lists(st.tuples(st.integers(5, 30), st.integers(0, 30)), min_size=2, max_size=6))
def test_pieces_of_one_score_each_have_their_share_as_it_is(counts: list[tuple[int, int]]) -> None:
    counts = sorted(counts, key=lambda count: count[0] / sum(count))
    raw = np.repeat(np.arange(len(counts), dtype=np.float64), [sum(count) for count in counts])
    is_fraud = np.concatenate([np.arange(frauds + honest) < frauds for frauds, honest in counts])
    pieces = pooled(raw, is_fraud)
    assume(len(pieces) == len(counts))

    fitted = fit_isotonic(raw, is_fraud)

    assert fitted is not None
    assert fitted.raw == pytest.approx([raw[piece].mean() for piece in pieces])
    assert fitted.log_odds == pytest.approx([log_odds_of(is_fraud[piece]) for piece in pieces])


@pytest.mark.parametrize(("made_of", "hair"), [(two_heaps, 1.0), (long_tail, 1.002)])
@pytest.mark.parametrize(
    ("rows", "seed"), [*((20_000, seed) for seed in range(10)), *((60_000, seed) for seed in range(4)), (100_000, 1)]
)
def test_an_isotonic_line_of_skewed_scores_says_what_was_there(
    made_of: Rows, hair: float, rows: int, seed: int
) -> None:
    raw, is_fraud = made_of(rows, seed)

    fitted = fit_isotonic(raw, is_fraud)

    assert fitted is not None
    assert 5 < len(fitted.raw) <= MAX_KNOTS
    assert (np.diff(fitted.raw) > 0).all()
    assert (np.diff(fitted.log_odds) > 0).all()
    probability = fitted.probabilities(raw)
    assert (np.diff(probability[np.argsort(raw)]) >= 0).all()
    # Half a fraud is added to each piece.
    assert probability.sum() == pytest.approx(is_fraud.sum(), rel=0.02, abs=len(fitted.raw) / 2)
    loss = log_loss(probability, is_fraud)
    assert loss < 1.005 * log_loss(fit_sigmoid(raw, is_fraud).probabilities(raw), is_fraud)
    # Better than a line through the shares themselves, which says too much where most of a piece is at its lower end.
    shares = np.maximum.accumulate([log_odds_of(is_fraud[piece]) for piece in pieces_of(fitted, raw)])
    assert loss < hair * log_loss(Isotonic(fitted.raw, tuple(shares.tolist())).probabilities(raw), is_fraud)


@pytest.mark.parametrize("seed", range(6))
def test_an_isotonic_line_gives_each_piece_its_share_and_those_it_cannot_tell_apart_theirs_together(seed: int) -> None:
    raw, is_fraud = two_heaps(20_000, seed)

    fitted = fit_isotonic(raw, is_fraud)

    assert fitted is not None
    probability = fitted.probabilities(raw)
    said: list[float] = []
    shares: list[float] = []
    rises = np.diff(fitted.log_odds, prepend=-math.inf)
    for piece, rise in zip(pieces_of(fitted, raw), rises.tolist(), strict=True):
        if rise > 0.001:
            said.append(0)
            shares.append(0)
        said[-1] += probability[piece].sum()
        shares[-1] += float(len(piece) * share_of(is_fraud[piece]))
    assert len(said) > 5
    assert said == pytest.approx(shares, rel=0.01)


def test_a_lowest_piece_without_a_fraud_is_as_rare_as_half_a_fraud_in_all_of_it() -> None:
    random = np.random.default_rng(1)
    raw = np.concatenate([random.normal(-14, 0.3, 200_000), random.normal(0, 1, 2_000)])
    is_fraud = np.concatenate([np.zeros(200_000, np.bool_), random.random(2_000) < 0.5])
    is_fraud[200_000 + raw[200_000:].argmin()] = True

    fitted = fit_isotonic(raw, is_fraud)

    assert fitted is not None
    lowest = pieces_of(fitted, raw)[0]
    assert len(lowest) >= 200_000
    assert fitted.probabilities(raw[lowest]).mean() == pytest.approx(float(share_of(is_fraud[lowest])), rel=0.001)


@pytest.mark.parametrize("seed", range(6))
def test_a_rounding_of_the_scores_does_not_change_the_number_of_knots(seed: int) -> None:
    raw, is_fraud = two_heaps(20_000, seed)

    fitted, shifted = fit_isotonic(raw, is_fraud), fit_isotonic(np.nextafter(raw, math.inf), is_fraud)

    assert fitted is not None
    assert shifted is not None
    assert shifted.raw == pytest.approx(fitted.raw)
    assert shifted.log_odds == pytest.approx(fitted.log_odds, abs=1e-4)


@pytest.mark.parametrize("most", [3, 7])
def test_a_line_has_no_more_knots_than_a_bundle_takes(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    raw, is_fraud = two_heaps(20_000)
    free = fit_isotonic(raw, is_fraud)
    monkeypatch.setattr("fraudline.models.calibration.MAX_KNOTS", most)

    fitted = fit_isotonic(raw, is_fraud)

    assert free is not None
    assert len(free.raw) > most
    assert fitted is not None
    assert 2 <= len(fitted.raw) <= most
    assert fitted.probabilities(raw).sum() == pytest.approx(is_fraud.sum(), rel=0.02)


@pytest.mark.parametrize("is_fraud", [[True, False] * 50, [True] * 50 + [False] * 50, [False] * 100, [True] * 100])
def test_shares_that_do_not_rise_have_no_line(is_fraud: list[bool]) -> None:
    raw = np.repeat(np.arange(50.0), 2)

    assert fit_isotonic(raw, np.array(is_fraud)) is None


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


@pytest.mark.parametrize("seed", range(6))
def test_the_method_that_is_told_is_the_one_that_ships_and_the_better_on_all_days(seed: int) -> None:
    raw, is_fraud = two_heaps(20_000, seed)

    calibrated = calibrate(raw, is_fraud, 10_000)

    assert calibrated.method is min(calibrated.log_loss, key=lambda name: calibrated.log_loss[name])
    assert not calibrated.is_overruled
    assert isinstance(calibrated.calibration, Isotonic if calibrated.method is Method.ISOTONIC else Sigmoid)
    loss = log_loss(calibrated.calibration.probabilities(raw), is_fraud)
    assert loss <= log_loss(fit_sigmoid(raw, is_fraud).probabilities(raw), is_fraud)
    assert "which had the lower log loss" in calibration_sentence(calibrated)


@pytest.mark.parametrize("refitted", [None, Isotonic((-7.0, 3.0), (-0.1, 0.1))])
def test_a_line_that_is_the_worse_on_all_days_does_not_ship_and_the_record_says_so(
    monkeypatch: pytest.MonkeyPatch, refitted: Isotonic | None
) -> None:
    raw, is_fraud = two_heaps(20_000)
    monkeypatch.setattr(
        "fraudline.models.training.calibrating.fit_isotonic",
        lambda raw, is_fraud: refitted if len(raw) == 20_000 else fit_isotonic(raw, is_fraud),
    )

    calibrated = calibrate(raw, is_fraud, 10_000)

    assert calibrated.log_loss[Method.ISOTONIC] < calibrated.log_loss[Method.SIGMOID]
    assert calibrated.method is Method.SIGMOID
    assert isinstance(calibrated.calibration, Sigmoid)
    assert calibrated.is_overruled
    assert "a sigmoid" in calibration_sentence(calibrated)
    assert "did not keep it" in calibration_sentence(calibrated)


def test_where_no_line_could_be_fitted_nothing_is_said_to_have_been_beaten() -> None:
    raw = np.concatenate([np.arange(100.0), np.arange(1000.0)])
    is_fraud = np.concatenate([np.arange(100) < 50, np.arange(1000) >= 500])

    calibrated = calibrate(raw, is_fraud, 100)

    assert set(calibrated.log_loss) == {Method.SIGMOID}
    assert "no other way could be fitted" in calibration_sentence(calibrated)


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
        st.tuples(st.integers(1, 10).map(lambda n: n / 10), st.booleans(), st.integers(0, 50).map(float)),
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
    tried = [*(n / 10 for n in range(1, 11)), 2.0]
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

    assert 0 < choice.thresholds.review <= choice.thresholds.decline <= NEVER


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
