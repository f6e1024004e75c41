"""Every measure under any weighting of the cards, against what it is defined as: cards written down again and again."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from fraudline.models.evaluation.card_precision import CardDays
from fraudline.models.evaluation.figures import FIGURES, Measures
from fraudline.models.evaluation.metrics import auc_roc, average_precision
from fraudline.models.evaluation.ranking import Ranking
from fraudline.models.evaluation.reliability import reliability
from fraudline.models.evaluation.scored import DECLINED, REVIEWED, Scored
from scored_builders import many_scored, some_scored


@st.composite
def weighted(draw: DrawFn) -> tuple[Scored, list[int]]:
    """Transactions of few cards on few days, with ties and missing scores; and how often each card counts."""
    scores = st.one_of(st.integers(0, 4).map(lambda tenths: tenths / 10), st.just(math.nan))
    rows = draw(
        st.lists(st.tuples(scores, st.booleans(), st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=30)
    )
    rows.sort(key=lambda row: row[3])
    score, is_fraud, card, day = zip(*rows, strict=True)
    scored = some_scored(score, is_fraud, card=card, day=day)
    return scored, draw(st.lists(st.integers(0, 3), min_size=scored.cards, max_size=scored.cards))


def written_again(scored: Scored, weights: list[int]) -> Scored:
    """Each card as often as it counts, each time as another card, the copies of a card beside each other."""
    rows = [(row, copy) for row in range(len(scored)) for copy in range(weights[scored.card[row]])]
    chosen = [row for row, _ in rows]
    return some_scored(
        scored.score[chosen].tolist(),
        scored.is_fraud[chosen].tolist(),
        card=[int(scored.card[row]) * 10 + copy for row, copy in rows],
        day=scored.day[chosen].tolist(),
    )


def card_precision_of(scored: Scored, k: int) -> float:
    """The handbook's definition, in plain Python."""
    blocked: set[int] = set()
    shares = []
    for day in sorted(set(scored.day[np.isfinite(scored.score)].tolist())):
        highest: dict[int, float] = {}
        frauds = set()
        for row in range(len(scored)):
            card = int(scored.card[row])
            if scored.day[row] == day and math.isfinite(scored.score[row]) and card not in blocked:
                highest[card] = max(highest.get(card, -1.0), float(scored.score[row]))
                if scored.is_fraud[row]:
                    frauds.add(card)
        looked_at = sorted(highest, key=lambda card: (-highest[card], card))[:k]
        found = frauds.intersection(looked_at)
        blocked |= found
        shares.append(len(found) / k)
    return sum(shares) / len(shares) if shares else math.nan


@given(weighted())
def test_a_card_that_counts_twice_ranks_as_two_cards(rows: tuple[Scored, list[int]]) -> None:
    scored, weights = rows
    again = written_again(scored, weights)
    again = again.where(np.isfinite(again.score))
    both_kinds = 0 < again.is_fraud.sum() < len(again)

    auc, precision = Ranking(scored).measure(np.array([weights], np.float64))

    assert auc[0] == pytest.approx(auc_roc(again.score, again.is_fraud) if both_kinds else math.nan, nan_ok=True)
    if again.is_fraud.any():
        assert precision[0] == pytest.approx(average_precision(again.score, again.is_fraud))
    else:
        assert math.isnan(precision[0])


@given(weighted(), st.integers(1, 8))
def test_card_precision_is_the_handbooks(rows: tuple[Scored, list[int]], k: int) -> None:
    scored, weights = rows
    again = written_again(scored, weights)

    measured = CardDays(scored).measure(np.array([weights], np.float64), k)[0]

    # A day whose cards were not drawn is a day on which nothing was found.
    days, days_again = ({*one.day[np.isfinite(one.score)].tolist()} for one in (scored, again))
    expected = card_precision_of(again, k) * len(days_again) / len(days) if days_again else 0.0
    assert measured == pytest.approx(expected if days else math.nan, nan_ok=True)


@settings(max_examples=20)
@given(st.integers(0, 2**31))
def test_figures_of_many_weightings_at_once_are_those_of_each_alone(seed: int) -> None:
    measures = Measures(many_scored(cards=40))
    weights = np.random.default_rng(seed).integers(3, size=(3, 40)).astype(np.float64)

    together = measures.measure(weights)

    for number in range(3):
        alone = measures.measure(weights[number : number + 1])
        for figure in FIGURES:
            assert together[figure.name][number] == pytest.approx(alone[figure.name][0], nan_ok=True)


def test_what_was_decided_is_counted_in_transactions_and_in_money() -> None:
    scored = some_scored(
        [0.9, 0.8, 0.3, 0.2, 0.1, 0.0],
        [True, False, True, False, True, False],
        amount=[100.0, 40.0, 30.0, 20.0, math.nan, 5.0],
        decision=[DECLINED, DECLINED, REVIEWED, 0, 0, 0],
        day=[1, 1, 1, 2, 2, 2],
    )

    value = {name: values[0] for name, values in Measures(scored).measure(np.ones((1, 6))).items()}

    assert value["precision"] == pytest.approx(2 / 3)
    assert value["recall"] == pytest.approx(2 / 3)
    assert value["false_positive_share"] == pytest.approx(1 / 3)
    assert (value["decline_precision"], value["decline_recall"]) == (pytest.approx(1 / 2), pytest.approx(1 / 3))
    assert value["alerts_per_day"] == 1.5
    assert (value["money_declined"], value["money_reviewed"], value["money_lost"]) == (100.0, 30.0, 0.0)
    assert value["money_caught_share"] == 1.0


def test_scores_are_held_against_what_came_true() -> None:
    scored = some_scored([0.75, 0.25, math.nan, 0.0], [True, False, True, True])

    value = {name: values[0] for name, values in Measures(scored).measure(np.ones((1, 4))).items()}

    assert value["brier"] == pytest.approx((0.25**2 + 0.25**2 + 1) / 3)
    assert value["log_loss"] == pytest.approx((-2 * math.log(0.75) - math.log(np.finfo(float).eps)) / 3)
    assert value["calibration_error"] == pytest.approx((0.25 + 0.25 + 1) / 3)


def test_the_bins_hold_every_score_once_and_equal_ones_together() -> None:
    scored = many_scored()
    bins = reliability(scored)

    assert sum(one.transactions for one in bins) == np.isfinite(scored.score).sum()
    assert all(lower.highest_score < higher.lowest_score for lower, higher in pairwise(bins))
    assert reliability(some_scored([0.5] * 9, [True] * 9))[0].transactions == 9
    assert reliability(some_scored([math.nan], [True])) == ()
