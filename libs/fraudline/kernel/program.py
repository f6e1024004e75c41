"""The registry as arrays of small numbers, which the compiled code is handed at run time.

So a change of the registry meets no machine code that was made for another one, and a kind of entity keeps up to date
only what some feature asks of it: the words of its rows follow from the features.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fraudline.kernel import layout
from fraudline.kernel.registry import ENTITIES, HALF_LIFE_SECONDS, Feature
from fraudline.kernel.statistic import STATISTICS

QUANTITIES: Final = (
    "count",
    "amount",
    "known",
    "log",
    "log_square",
    "hour_cos",
    "hour_sin",
    "week_cos",
    "week_sin",
    "peak",
)
"""What a transaction adds to the sums of its entities: 1, its amount, 1 where that is known, `amount_log` and its
square, the cosine and sine of the time of day and of the week; its amount once more, of which the largest is kept."""

KINDS: Final = tuple(ENTITIES)

_FRAUDS: Final = "frauds"
_PLACE: Final = "place"
_DAYS: Final = "days"
_WITHOUT_HALF_LIFE: Final = {_PLACE: layout.WORDS_OF_PLACE, _DAYS: layout.WORDS_OF_DAYS}  # with their words
_HABIT: Final = (("known", "120d"), ("log", "120d"))  # what a card usually pays
_HALF_LIVES: Final = tuple(HALF_LIFE_SECONDS)
_CODES: Final = {statistic.name: code for code, statistic in enumerate(STATISTICS)}

_Need = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """What to compute, and what to keep for it.

    Attributes:
        columns: A row a feature: its statistic, its kind of entity or -1, its half-life, and three words of the
            entity's row.
        kinds: A row a kind of entity, by the fields named in `layout`.
        sums: A row for each decayed sum, those of a kind together and by half-life: its quantity and its half-life.
        frauds: The half-life of each sum of frauds, those of a kind together.
        half_lives: Seconds, in the registry's order.
        words: How many words of 8 bytes a row has, whatever its kind: whole cache lines.
    """

    columns: NDArray[np.int64]
    kinds: NDArray[np.int64]
    sums: NDArray[np.int64]
    frauds: NDArray[np.int64]
    half_lives: NDArray[np.float64]
    words: int

    @classmethod
    def of(cls, features: Sequence[Feature]) -> "Program":
        """Derive the program of features, which are its columns in their order."""
        kinds = np.zeros((len(KINDS), layout.FIELDS_OF_KIND), np.int64)
        judges_frauds = any(need[0] == _DAYS for feature in features for need in _needs(feature))
        words: dict[tuple[str, _Need], int] = {}
        sums: list[tuple[int, int]] = []
        frauds: list[int] = []
        for code, kind in enumerate(KINDS):
            own = [feature for feature in features if feature.entity == kind]
            needs = {need for feature in own for need in _needs(feature)}
            is_judged = judges_frauds and code == layout.CARD
            needs |= set(_HABIT) if is_judged else set()
            own_sums = sorted((_HALF_LIVES.index(h), QUANTITIES.index(q)) for q, h in needs if q in QUANTITIES)
            own_frauds = sorted(_HALF_LIVES.index(h) for q, h in needs if q == _FRAUDS)
            kept: list[_Need] = [
                *((QUANTITIES[quantity], _HALF_LIVES[half_life]) for half_life, quantity in own_sums),
                *((_FRAUDS, _HALF_LIVES[half_life]) for half_life in own_frauds),
            ]
            words |= {(kind, need): layout.HEADER + n for n, need in enumerate(kept)}
            used = layout.HEADER + len(kept)
            for quantity, size in _WITHOUT_HALF_LIFE.items():
                if (quantity, "") in needs:
                    words[kind, (quantity, "")] = used
                    used += size
            kinds[code, layout.SUMS_FROM] = len(sums)
            kinds[code, layout.FRAUDS_FROM] = len(frauds)
            sums += [(quantity, half_life) for half_life, quantity in own_sums]
            frauds += own_frauds
            kinds[code, layout.SUMS_UNTIL] = len(sums)
            kinds[code, layout.FRAUDS_UNTIL] = len(frauds)
            kinds[code, layout.PLACE] = words.get((kind, (_PLACE, "")), 0)
            kinds[code, layout.DAYS] = words.get((kind, (_DAYS, "")), 0)
            kinds[code, layout.HABIT_KNOWN : layout.HABIT_LOG + 1] = [
                words[kind, n] if is_judged else 0 for n in _HABIT
            ]
            kinds[code, layout.USED] = used
            kinds[code, layout.TAKES_TRANSACTIONS] = bool(own) or is_judged
            kinds[code, layout.TAKES_LABELS] = is_judged or any(
                STATISTICS[_CODES[feature.statistic]].of_labels for feature in own
            )
        widest = int(kinds[:, layout.USED].max())
        return cls(
            columns=np.array([_column(feature, words) for feature in features], np.int64).reshape(-1, layout.FIELDS),
            kinds=kinds,
            sums=np.array(sums, np.int64).reshape(-1, layout.FIELDS_OF_SUM),
            frauds=np.array(frauds, np.int64),
            half_lives=np.array(list(HALF_LIFE_SECONDS.values()), np.float64),
            words=-(-widest // layout.WORDS_OF_CACHE_LINE) * layout.WORDS_OF_CACHE_LINE,
        )


def _needs(feature: Feature) -> Iterator[_Need]:
    """Yield the quantities that a feature needs, each with its half-life, "" where it has none."""
    for need in STATISTICS[_CODES[feature.statistic]].needs:
        quantity, _, fixed = need.partition("@")
        yield quantity, "" if quantity in _WITHOUT_HALF_LIFE else fixed or feature.half_life or ""


def _column(feature: Feature, words: dict[tuple[str, _Need], int]) -> list[int]:
    """Return a feature's row of `columns`."""
    if feature.entity is None:
        return [_CODES[feature.statistic], -1, 0, 0, 0, 0]
    own = [words[feature.entity, need] for need in _needs(feature)]
    half_life = 0 if feature.half_life is None else _HALF_LIVES.index(feature.half_life)
    return [_CODES[feature.statistic], KINDS.index(feature.entity), half_life, *own, *[0] * (3 - len(own))]
