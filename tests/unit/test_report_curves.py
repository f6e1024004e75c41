"""The numbers behind the plots: curves, costs, histograms."""

import numpy as np
import pytest

from fraudline.domain.policy import Thresholds
from fraudline.models.evaluation.metrics import auc_roc, average_precision
from fraudline.models.evaluation.scored import Scored
from fraudline.models.report.costs import Costs, Ledger, cost_of_decisions
from fraudline.models.report.curves import by_week, histogram, precision_recall_points, roc_points, thinned
from fraudline.models.report.probability_plots import wilson
from report_builders import THRESHOLDS, a_scored

COSTS = Costs(review=3.0, decline=10.0)


@pytest.fixture(scope="module")
def scored() -> Scored:
    return a_scored(rows=20_000)


def test_the_roc_curve_goes_from_nothing_to_all_over_the_area_that_the_figure_says(scored: Scored) -> None:
    false, true = roc_points(scored)
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(true, false) == pytest.approx(auc_roc(scored.score, scored.is_fraud))
    thin = np.array(thinned(false, true))
    assert len(thin) <= 402
    assert thin[0].tolist() == [0, 0]
    assert thin[-1].tolist() == [1, 1]
    assert np.trapezoid(thin[:, 1], thin[:, 0]) == pytest.approx(auc_roc(scored.score, scored.is_fraud), abs=0.002)


def test_the_area_under_precision_and_recall_is_the_average_precision(scored: Scored) -> None:
    recall, precision = precision_recall_points(scored)
    expected = average_precision(scored.score, scored.is_fraud)
    assert (recall[0], recall[-1]) == (0, 1)
    assert float(np.sum(np.diff(recall) * precision[1:])) == pytest.approx(expected)
    thin = np.array(thinned(recall, precision))
    assert np.trapezoid(thin[:, 1], thin[:, 0]) == pytest.approx(expected, abs=0.01)


def test_the_cost_at_the_thresholds_is_that_of_the_decisions_they_make(scored: Scored) -> None:
    ledger = Ledger(scored, COSTS)
    at = ledger.cost_a_day(np.array([THRESHOLDS.review]), np.array([THRESHOLDS.decline]))[0]
    assert at == pytest.approx(cost_of_decisions(scored, COSTS))


@pytest.mark.parametrize("thresholds", [Thresholds(0.01, 0.2), Thresholds(0.5, 0.5), Thresholds(1.0, 1.0)])
def test_costs_are_those_of_each_transaction_added_up(thresholds: Thresholds) -> None:
    scored = a_scored(rows=400)
    scored.amount[::7] = np.nan
    scored.score[::11] = np.nan
    cost = 0.0
    for amount, score, is_fraud in zip(scored.amount, scored.score, scored.is_fraud, strict=True):
        if np.isnan(amount) or np.isnan(score) or thresholds.review <= score < thresholds.decline:
            cost += COSTS.review
        elif score < thresholds.review:
            cost += amount * is_fraud
        else:
            cost += COSTS.decline * (not is_fraud)
    tried = np.array([thresholds.review])
    assert Ledger(scored, COSTS).by_review(tried, thresholds.decline)[0] == pytest.approx(cost / scored.days)


def test_a_histogram_counts_every_score_once_those_beyond_the_ends_too() -> None:
    assert histogram(np.array([0.0, 1e-9, 0.05, 0.5, 1.0]), np.array([0.01, 0.1, 1.0])) == [3, 2]


def test_weeks_hold_seven_days_and_all_transactions(scored: Scored) -> None:
    weeks = by_week(scored)
    assert [(week.last - week.first).days + 1 for week in weeks] == [7, 7, 1]
    assert sum(week.transactions for week in weeks) == len(scored)
    assert sum(week.alerts for week in weeks) == int(scored.is_flagged.sum())


def test_wilsons_interval_holds_the_share_and_stays_within_0_and_1() -> None:
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(10, 10)[1] <= 1
