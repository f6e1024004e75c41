"""What a bundle says of itself: `manifest.json`."""

import hashlib
import json
from datetime import date
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from fraudline.domain.policy import NEVER, Thresholds
from fraudline.models.calibration import MAX_KNOTS, Calibration, Isotonic, Sigmoid
from fraudline.models.recipe import Imbalance

MODEL_FILE = "model.txt"
RATES_FILE = "rates.json"
CARD_FILE = "model-card.md"
REPORT_FILE = "report.html"
MANIFEST_FILE = "manifest.json"
FORMAT = "fraudline-bundle-3"
VERSION_DIGITS = 12
FARTHEST_KNOT = 1e6
"""No score of a model is farther from 0: between knots nothing overflows."""

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,39}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Literal["model.txt", "rates.json", "model-card.md", "report.html"]
Knot = Annotated[float, Field(ge=-FARTHEST_KNOT, le=FARTHEST_KNOT)]
HexFloat = Annotated[str, StringConstraints(max_length=32)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FileEntry(_Part):
    """A file of the bundle."""

    sha256: Sha256
    size_bytes: int = Field(gt=0)


class Days(_Part):
    """Whole days (UTC), both included, with what they hold."""

    first: date
    last: date
    transactions: int
    frauds: int


class Data(_Part):
    """What the model was made from.

    The split is by time: trees are grown on `training`, their number is chosen on the later `early_stopping`,
    calibration and thresholds come from the still later `calibration`, and metrics from `measuring`, which comes after
    all of them; where there are too few days or frauds for that, it is the same days as `calibration`. History before
    `training` only warms the state. A fraud counts for the features from the first 00:00 at least `label_delay_seconds`
    after it; the last label that was learned from falls due at `labels_known_until`. The state held at most
    `max_entities` entities, and `evicted` of them had to go.
    """

    history_from: date
    training: Days
    early_stopping: Days
    calibration: Days
    measuring: Days
    label_delay_seconds: int = Field(ge=0)
    labels_known_until: AwareDatetime
    amounts_without_rate: int = Field(ge=0)
    max_entities: int = Field(gt=0)
    evicted: int = Field(ge=0)


class Growth(_Part):
    """How the trees were grown.

    With `is_refit` the trees of this bundle were grown on `grown_on`, all of the days, by the recipe and for the number
    of rounds that an interim model of `interim_trees` trees, grown on the days of training alone, had shown to be
    right. Calibration, thresholds and metrics are the interim model's: for these trees there are no days left to judge
    them on. Without it there is one model, grown on the days of training.

    `imbalance` is how the rarity of frauds was handled: the candidate with the best average precision on the
    early-stopping days after a few trees, as `candidates` tells; no candidates where there was nothing to compare.
    """

    is_refit: bool
    grown_on: Days
    interim_trees: int = Field(gt=0)
    imbalance: Imbalance
    candidates: dict[Imbalance, float]


class Interval(_Part):
    """A figure, and the interval that holds it in 95 % of the resamples of the cards; None where none can be told."""

    value: float | None
    low: float | None
    high: float | None


class Week(_Part):
    """Up to seven days of the measuring ones; None where they do not hold both frauds and others."""

    first: date
    last: date
    transactions: int
    frauds: int
    flagged: int
    auc_roc: float | None
    average_precision: float | None


class Metrics(_Part):
    """Measured on the days of `measuring`, which no tree of the measured model has seen; see `Growth` for which it is.

    `share_flagged`, `recall` and `precision` are those of what was reviewed or declined, for want of a rate too;
    `figures` has all of what `fraudline evaluate` prints, each with its interval. With `is_in_sample` the calibration
    and the thresholds were chosen on the same days: what depends on them flatters.
    """

    is_in_sample: bool
    auc_roc: float
    average_precision: float
    share_flagged: float
    recall: float
    precision: float
    figures: dict[str, Interval]
    by_week: list[Week]


class SigmoidEntry(_Part):
    """Probability = 1 / (1 + exp(-(slope · raw + intercept)))."""

    method: Literal["sigmoid"]
    slope: float = Field(gt=0)
    intercept: float

    def calibration(self) -> Calibration:
        """Return what it describes."""
        return Sigmoid(self.slope, self.intercept)


class IsotonicEntry(_Part):
    """Log-odds on straight lines between knots of (raw score, log-odds), in order and rising in both."""

    method: Literal["isotonic"]
    knots: list[tuple[Knot, Knot]] = Field(min_length=2, max_length=MAX_KNOTS)

    @field_validator("knots")
    @classmethod
    def _rise(cls, knots: list[tuple[float, float]]) -> list[tuple[float, float]]:
        if any(later[0] <= knot[0] or later[1] <= knot[1] for knot, later in pairwise(knots)):
            raise ValueError("are not in rising order")
        return knots

    def calibration(self) -> Calibration:
        """Return what it describes."""
        raw, log_odds = zip(*self.knots, strict=True)
        return Isotonic(tuple(raw), tuple(log_odds))


CalibrationEntry = Annotated[SigmoidEntry | IsotonicEntry, Field(discriminator="method")]


class ThresholdsEntry(_Part):
    """The probabilities from which a transaction is reviewed or declined, and how they were chosen.

    Money is in the base currency, and `…_per_day` an average over the days of calibration: what the decisions would
    have cost there, what approving everything would have, how many alerts there would have been, and of how many.
    A threshold of 1 is not used: no score reaches it, not even 1.
    """

    review: float = Field(gt=0, le=1)
    decline: float = Field(gt=0, le=1)
    chosen_by: str
    review_cost: float = Field(ge=0)
    decline_cost: float = Field(ge=0)
    most_alerts_per_day: float = Field(gt=0)
    alerts_per_day: float = Field(ge=0)
    cost_per_day: float = Field(ge=0)
    cost_per_day_without_model: float = Field(ge=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.review > self.decline:
            raise ValueError("`review` is above `decline`")
        return self

    def thresholds(self) -> Thresholds:
        """Return what decisions go by."""
        return Thresholds(*(NEVER if value >= 1 else value for value in (self.review, self.decline)))


class Golden(_Part):
    """Rows of features with the probability that the model gave them, as hexadecimal floats: exact to the bit."""

    features: list[list[HexFloat]] = Field(min_length=1, max_length=1000)
    probabilities: list[HexFloat] = Field(min_length=1, max_length=1000)

    @field_validator("probabilities")
    @classmethod
    def _are_probabilities(cls, texts: list[str]) -> list[str]:
        if not all(0 <= _exact(text) <= 1 for text in texts):
            raise ValueError("holds a value that is no probability")
        return texts

    @field_validator("features")
    @classmethod
    def _rows_are_floats(cls, rows: list[list[str]]) -> list[list[str]]:
        for row in rows:
            for text in row:
                _exact(text)
        return rows

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        if len(self.features) != len(self.probabilities) or len({len(row) for row in self.features}) != 1:
            raise ValueError("has rows of different widths or not one probability each")
        return self

    def rows(self) -> list[tuple[list[float], float]]:
        """Return each row of features with its probability."""
        return [
            ([_exact(text) for text in row], _exact(probability))
            for row, probability in zip(self.features, self.probabilities, strict=True)
        ]


def _exact(text: str) -> float:
    try:
        return float.fromhex(text)
    except OverflowError as error:
        raise ValueError("holds a value that no float holds") from error


class Manifest(_Part):
    """All of it; `checksum` is over everything else, so that a changed threshold shows like a changed tree."""

    format: Literal["fraudline-bundle-3"]
    name: Name
    version: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
    kernel_version: str
    features: list[str] = Field(min_length=1)
    base_currency: str
    data: Data
    growth: Growth
    metrics: Metrics
    thresholds: ThresholdsEntry
    calibration: CalibrationEntry
    calibration_log_loss: dict[Literal["sigmoid", "isotonic"], float]
    parameters: dict[str, str | int | float | bool]
    trees: int
    golden: Golden
    libraries: dict[str, str]
    files: dict[FileName, FileEntry] = Field(min_length=4)
    checksum: str = ""

    def computed_checksum(self) -> str:
        """Return SHA-256 over everything but the checksum itself."""
        rest = self.model_dump(mode="json", exclude={"checksum"})
        return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def computed_version(self) -> str:
        """Return the short hash over all that a score depends on: trees, features, calibration, rates, label delay."""
        parts = [
            self.files["model.txt"].sha256,
            self.files["rates.json"].sha256,
            self.base_currency,
            self.kernel_version,
            str(self.data.label_delay_seconds),
            json.dumps(self.calibration.model_dump(mode="json"), sort_keys=True),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:VERSION_DIGITS]

    def sealed(self) -> "Manifest":
        """Return the manifest with its version and checksum."""
        versioned = self.model_copy(update={"version": self.computed_version()})
        return versioned.model_copy(update={"checksum": versioned.computed_checksum()})

    def encode(self) -> bytes:
        """Return the manifest as it is stored, the same bytes for the same content."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False).encode() + b"\n"
