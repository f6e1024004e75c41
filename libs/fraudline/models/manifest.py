"""What a bundle says of itself: `manifest.json`."""

import hashlib
import json
from datetime import date
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

MODEL_FILE = "model.txt"
RATES_FILE = "rates.json"
MANIFEST_FILE = "manifest.json"
FORMAT = "fraudline-bundle-2"
VERSION_DIGITS = 12

NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,39}$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
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
    after it; the last label that was learned from falls due at `labels_known_until`.
    """

    history_from: date
    training: Days
    early_stopping: Days
    calibration: Days
    measuring: Days
    label_delay_seconds: int = Field(ge=0)
    labels_known_until: AwareDatetime
    amounts_without_rate: int = Field(ge=0)


class Metrics(_Part):
    """Measured on the days of `measuring`, which no tree has seen; the last three at the threshold for a review.

    With `is_in_sample` the calibration and the thresholds were chosen on the same days: those three flatter.
    """

    is_in_sample: bool
    auc_roc: float
    average_precision: float
    share_flagged: float
    recall: float
    precision: float


class SigmoidEntry(_Part):
    """Probability = 1 / (1 + exp(-(slope · raw + intercept)))."""

    slope: float = Field(gt=0)
    intercept: float


class ThresholdsEntry(_Part):
    """The probabilities from which a transaction is reviewed or declined, and how they were chosen."""

    review: float = Field(gt=0, le=1)
    decline: float = Field(gt=0, le=1)
    chosen_by: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.review > self.decline:
            raise ValueError("`review` is above `decline`")
        return self


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

    format: Literal["fraudline-bundle-2"]
    name: Name
    version: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]
    kernel_version: str
    features: list[str] = Field(min_length=1)
    base_currency: str
    data: Data
    metrics: Metrics
    thresholds: ThresholdsEntry
    calibration: SigmoidEntry
    parameters: dict[str, str | int | float | bool]
    trees: int
    golden: Golden
    libraries: dict[str, str]
    files: dict[Literal["model.txt", "rates.json"], FileEntry] = Field(min_length=2)
    checksum: str = ""

    def computed_checksum(self) -> str:
        """Return SHA-256 over everything but the checksum itself."""
        rest = self.model_dump(mode="json", exclude={"checksum"})
        return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def computed_version(self) -> str:
        """Return the short hash over all that a score depends on: trees, features, calibration, rates."""
        parts = [
            self.files["model.txt"].sha256,
            self.files["rates.json"].sha256,
            self.base_currency,
            self.kernel_version,
            self.calibration.slope.hex(),
            self.calibration.intercept.hex(),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:VERSION_DIGITS]

    def sealed(self) -> "Manifest":
        """Return the manifest with its version and checksum."""
        versioned = self.model_copy(update={"version": self.computed_version()})
        return versioned.model_copy(update={"checksum": versioned.computed_checksum()})

    def encode(self) -> bytes:
        """Return the manifest as it is stored, the same bytes for the same content."""
        return json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False).encode() + b"\n"
