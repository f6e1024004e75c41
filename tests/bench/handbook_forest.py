"""The handbook's random forest on its own 15 features, in two ways: a program for an environment with scikit-learn.

`python handbook_forest.py TRANSACTIONS.npz SCORES.npz JOBS`. What goes in: `time` (microseconds, ascending), `card`,
`terminal`, `cents`, `is_fraud`, and `days`: the first and last day to train on and the first and last day to score,
counted from 1970. What comes out, a probability for each transaction of the days to score: `score` by the handbook's
own features, `score_at_midnight` by those with labels known when production knows them.

The features are those of "Reproducible Machine Learning for Credit Card Fraud Detection" (chapter 3, baseline feature
transformation): windows of 1, 7 and 30 days that end with the transaction itself, which is in them; those of the
terminal end 7 days before it, since no outcome is known sooner. Production takes outcomes in at midnight (UTC), the
first that is at least 7 days after the transaction: for the second forest the terminal's windows, as long as before,
end 7 days before the midnight that the transaction's day begins with.
"""

import sys

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier

DAY = 86_400_000_000
WINDOWS_DAYS = (1, 7, 30)
DELAY_DAYS = 7
TREES, DEPTH = 100, 20
_HOUR = 3_600_000_000
_LAST_HOUR_OF_NIGHT = 6
_SATURDAY = 5
_WEEKDAY_OF_DAY_0 = 3  # 1970-01-01 was a Thursday

Whole = NDArray[np.int64]


def handbook_features(
    time: Whole, card: Whole, terminal: Whole, cents: Whole, is_fraud: Whole, *, labels_at_midnight: bool
) -> NDArray[np.float32]:
    """Return a row of the 15 features for each transaction."""
    weekday = (time // DAY + _WEEKDAY_OF_DAY_0) % 7
    columns = [cents / 100, weekday >= _SATURDAY, time % DAY // _HOUR <= _LAST_HOUR_OF_NIGHT]
    of_card = Windows(card, time)
    for days in WINDOWS_DAYS:
        count = of_card.count(days * DAY)
        columns += [count, of_card.total(cents, days * DAY) / 100 / count]
    of_terminal = Windows(terminal, time)
    end = DELAY_DAYS * DAY + (time % DAY if labels_at_midnight else np.zeros_like(time))
    for days in WINDOWS_DAYS:
        begin = end + days * DAY
        count = of_terminal.count(begin) - of_terminal.count(end)
        frauds = of_terminal.total(is_fraud, begin) - of_terminal.total(is_fraud, end)
        columns += [count, np.divide(frauds, count, out=np.zeros(len(time)), where=count > 0)]
    return np.column_stack(columns).astype(np.float32)


class Windows:
    """Counts and sums over an entity's transactions of the last `span`, the present one included.

    A span is in microseconds, one for all transactions or one for each; it may last up to a day longer than the
    longest window and the delay together.
    """

    def __init__(self, entity: Whole, time: Whole) -> None:
        self._order = np.argsort(entity, kind="stable")
        _, code = np.unique(entity, return_inverse=True)
        # Entities lie so far apart on one axis that no window reaches into the one before.
        apart = int(time[-1] - time[0]) + (DELAY_DAYS + max(WINDOWS_DAYS) + 1) * DAY
        self._place = (code * apart + time - time[0])[self._order]

    def count(self, span: int | Whole) -> Whole:
        """Return the number of transactions in the window of each."""
        return self._in_file_order(np.arange(1, len(self._place) + 1) - self._start(span))

    def total(self, value: Whole, span: int | Whole) -> Whole:
        """Return the sum of a whole-numbered value over the window of each."""
        running = np.concatenate([[0], np.cumsum(value[self._order])])
        return self._in_file_order(running[1:] - running[self._start(span)])

    def _start(self, span: int | Whole) -> Whole:
        back = np.broadcast_to(span, self._place.shape)[self._order]
        return np.searchsorted(self._place, self._place - back, side="right")

    def _in_file_order(self, values: Whole) -> Whole:
        found = np.empty_like(values)
        found[self._order] = values
        return found


def main() -> int:
    """Train and score; return the exit code."""
    source, target, jobs = sys.argv[1:]
    with np.load(source) as arrays:
        time, card, terminal, cents, is_fraud, days = (
            arrays[name] for name in ("time", "card", "terminal", "cents", "is_fraud", "days")
        )
    train_from, train_until, score_from, score_until = days.tolist()
    day = time // DAY
    training, scoring = (day >= train_from) & (day <= train_until), (day >= score_from) & (day <= score_until)
    scores = {}
    for name, labels_at_midnight in (("score", False), ("score_at_midnight", True)):
        features = handbook_features(time, card, terminal, cents, is_fraud, labels_at_midnight=labels_at_midnight)
        forest = RandomForestClassifier(n_estimators=TREES, max_depth=DEPTH, random_state=0, n_jobs=int(jobs))
        forest.fit(features[training], is_fraud[training])
        scores[name] = forest.predict_proba(features[scoring])[:, 1]
    np.savez(target, **scores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
