"""Facts for reports: transactions of some weeks with scores that mean something; what matters is named."""

from dataclasses import replace
from datetime import date

import numpy as np

from fraudline.domain.policy import Thresholds
from fraudline.models.evaluation.evaluation import Comparison
from fraudline.models.evaluation.measuring import Candidate, compare, evaluate
from fraudline.models.evaluation.scored import DAY_MICROSECONDS, Scored, number_of
from fraudline.models.report.costs import Costs
from fraudline.models.report.facts import EvaluationReport, Importance, Period, Side, TrainingReport

FIRST_DAY = date(2018, 7, 18)
THRESHOLDS = Thresholds(0.05, 0.7)
RESAMPLES = 20
FEATURES = (
    "amount_log", "is_abroad", "card_amount_ratio_120d", "card_seconds_since_first", "merchant_risk_30d",
    "merchant_amount_deviation_120d", "pair_count_30d", "device_count_1d", "country_risk_30d", "customer_count_1d",
)  # fmt: skip


def a_scored(rows: int = 2_000, days: int = 15, seed: int = 1, *, noise: float = 1.0) -> Scored:
    """Transactions of which about one in forty is fraud, by calibrated scores; `noise` makes them worse."""
    random = np.random.default_rng(seed)
    first = number_of(FIRST_DAY) * DAY_MICROSECONDS
    time = np.sort(first + random.integers(0, days * DAY_MICROSECONDS, rows))
    time[0], time[-1] = first, first + days * DAY_MICROSECONDS - 1
    truth = 1 / (1 + np.exp(-(random.normal(-7.0, 2.6, rows))))
    is_fraud = random.random(rows) < truth
    worse = np.random.default_rng(seed + 1).normal(0.0, noise - 1.0 + 1e-9, rows)
    score = 1 / (1 + np.exp(-(np.log(truth / (1 - truth)) + worse)))
    decision = (score >= THRESHOLDS.review).astype(np.uint8) + (score >= THRESHOLDS.decline).astype(np.uint8)
    card = random.integers(0, 300, rows)
    amount = np.round(random.lognormal(3.5, 1.0, rows), 2)
    return Scored(time, card, amount, is_fraud, score, decision.astype(np.uint8), 300)


def a_side(scored: Scored | None = None, name: str = "model-0123456789ab", *, knows: bool = True) -> Side:
    scored = a_scored() if scored is None else scored
    evaluation = evaluate(Candidate(name, scored), base_currency="EUR", resamples=RESAMPLES)
    return Side(scored, evaluation, THRESHOLDS if knows else None)


def a_training(side: Side | None = None, **changes: object) -> TrainingReport:
    facts = TrainingReport(
        model="model-0123456789ab",
        measured=a_side() if side is None else side,
        is_in_sample=False,
        history_from=date(2018, 4, 1),
        periods=(
            Period("growing trees", date(2018, 5, 1), date(2018, 6, 30), 584_312, 4_711),
            Period("early stopping", date(2018, 7, 1), date(2018, 7, 9), 86_034, 702),
            Period("calibration and thresholds", date(2018, 7, 10), date(2018, 7, 17), 76_413, 633),
            Period("measuring", date(2018, 7, 18), date(2018, 8, 1), 143_700, 1_188),
        ),
        label_delay_seconds=7 * 86_400,
        labels_known_until="2018-08-09 00:00 UTC",
        amounts_without_rate=12,
        invented_amounts=0,
        costs=Costs(review=3.0, decline=10.0),
        most_alerts_per_day=95.3,
        growth="the trees were grown on the days of training, and all figures are theirs",
        is_refit=False,
        chosen_by="the least expected cost within what analysts can take",
        calibration="isotonic steps through 14 points, fitted on the calibration days",
        imbalance="none: all rows count once",
        trees=212,
        parameters={"learning_rate": 0.06, "num_leaves": 31, "seed": 1},
        features=FEATURES,
        importance=Importance(
            FEATURES, np.array([0.41, 0.02, 0.93, 0.2, 0.66, 0.18, 0.09, 0.0, 0.05, 0.0]), 20_000, "every 7th measured"
        ),
        kernel_version="2",
        max_entities=5_000_000,
        evicted=0,
        command="fraudline train handbook.parquet --mapping handbook --output model --until 2018-08-01",
        libraries={"lightgbm": "4.7.0", "numba": "0.68.0", "numpy": "2.4.0"},
    )
    return replace(facts, **changes)  # type: ignore[arg-type]


def a_comparison(first: Scored | None = None, second: Scored | None = None) -> EvaluationReport:
    scored = (a_scored() if first is None else first, a_scored(noise=2.0) if second is None else second)
    names = ("new.parquet", "old.parquet")
    candidates = [Candidate(name, one) for name, one in zip(names, scored, strict=True)]
    compared: Comparison = compare(candidates[0], candidates[1], base_currency="EUR", resamples=RESAMPLES)
    sides = tuple(Side(one, found) for one, found in zip(scored, (compared.first, compared.second), strict=True))
    return EvaluationReport(sides, compared, Costs(3.0, 10.0), ("Outcomes from handbook.parquet.",))
