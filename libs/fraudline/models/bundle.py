"""A model bundle: a folder with trees (`model.txt`), rates (`rates.json`) and what they are (`manifest.json`).

Beside them lie `model-card.md` and `report.html`, for people. No score depends on these two, and they are checked all
the same: who reads in them how good a model is has to be able to trust that it is this model.

Loading trusts nothing and stops at the first doubt: sizes and checksums, kernel and features, the structure of the
trees, and last the golden rows, which must come out bit for bit. Their probabilities are LightGBM's own, so whoever
has loaded a bundle has seen the compiled trees agree with it.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from fraudline.kernel.registry import FEATURES, KERNEL_VERSION, known_after_days
from fraudline.models.errors import BundleError
from fraudline.models.manifest import (
    CARD_FILE,
    FORMAT,
    MANIFEST_FILE,
    MODEL_FILE,
    RATES_FILE,
    REPORT_FILE,
    Manifest,
    ThresholdsEntry,
)
from fraudline.models.rates import Rates
from fraudline.models.trees import Tree, check_trees

if TYPE_CHECKING:
    from fraudline.models.forest import Forest
    from fraudline.models.treeshap import TreeShap

__all__ = ["Bundle", "BundleError"]

MAX_BYTES = {
    MANIFEST_FILE: 4 << 20,
    RATES_FILE: 4 << 20,
    MODEL_FILE: 128 << 20,
    CARD_FILE: 4 << 20,
    REPORT_FILE: 16 << 20,
}
FEATURE_NAMES = tuple(feature.name for feature in FEATURES)
_POLICY_DIGITS = 8
_ANY_FORMAT = re.compile(r"fraudline-bundle-[0-9]{1,9}")
_COPY_AGAIN = "copy the bundle again or train a new one"


class Bundle:
    """A model that was checked and is ready to score; see `load`.

    What explains is made when contributions are asked for: a process that only scores does without.
    """

    def __init__(self, manifest: Manifest, trees: Sequence[Tree], rates: Rates) -> None:
        self.manifest = manifest
        self.name = manifest.name
        self.version = manifest.version
        self.label = f"{manifest.name}-{manifest.version}"
        self.thresholds = manifest.thresholds.thresholds()
        self.policy = _policy_label(manifest.thresholds)
        self.base_currency = manifest.base_currency
        self.rates = rates
        self._trees = trees
        self._calibration = manifest.calibration.calibration()

    @classmethod
    def load(cls, directory: Path) -> "Bundle":
        """Load and check a bundle.

        Args:
            directory: The folder that `fraudline train` wrote.

        Raises:
            BundleError: Something is wrong; names the file and the reason.
        """
        manifest, files = _read_checked(directory)
        if manifest.kernel_version != KERNEL_VERSION:
            raise BundleError(
                str(directory / MANIFEST_FILE),
                f"was trained with version {manifest.kernel_version} of the feature kernel, this is version "
                f"{KERNEL_VERSION}; train it again with this release.",
            )
        if (difference := _first_difference(manifest.features)) is not None:
            raise BundleError(str(directory / MANIFEST_FILE), f"{difference}; train it again with this release.")
        try:
            rates = Rates.decode(manifest.base_currency, files[RATES_FILE])
        except ValueError as error:
            raise BundleError(str(directory / RATES_FILE), f"{error}; {_COPY_AGAIN}.") from error
        bundle = cls(manifest, _read_trees(directory / MODEL_FILE, files[MODEL_FILE], manifest.trees), rates)
        bundle._check_golden(directory)
        return bundle

    @property
    def known_after_days(self) -> int:
        """After how many days the frauds of a day were known to the kernel that the model learned from."""
        return known_after_days(timedelta(seconds=self.manifest.data.label_delay_seconds))

    def rate(self, currency: str, day: date) -> Decimal | None:
        """Return the units of the base currency per unit of `currency` on `day`; None where no rate is known."""
        return self.rates.rate(currency, day)

    def predict(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the calibrated probability of each row, the same bits whatever the batch."""
        if not len(features):
            return np.empty(0)
        rows = np.ascontiguousarray(features, dtype=np.float64)
        return self._calibration.probabilities(self._forest.raw_scores(rows))

    def contributions(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what each feature of each row contributes to its raw score, in log-odds, by TreeSHAP.

        There is one column more than features: the base value, the same in every row. A row adds up to its raw score.
        This takes twenty times as long as `predict` for one row, and more than a hundred times for many: nothing for
        one who is waited for.
        """
        return self._treeshap.contributions(np.ascontiguousarray(features, dtype=np.float64))

    def prepare_to_explain(self) -> None:
        """Do now what the first call of `contributions` would: load its code, or compile it for a second."""
        _ = self._treeshap

    @cached_property
    def _forest(self) -> "Forest":
        from fraudline.models.forest import Forest  # noqa: PLC0415 - half a second, which those who load none do without

        return Forest(self._trees, len(FEATURE_NAMES))

    @cached_property
    def _treeshap(self) -> "TreeShap":
        from fraudline.models.treeshap import TreeShap  # noqa: PLC0415 - as above

        return TreeShap(self._trees, len(FEATURE_NAMES))

    def _check_golden(self, directory: Path) -> None:
        features, probabilities = zip(*self.manifest.golden.rows(), strict=True)
        rows, expected = np.array(features), np.array(probabilities)
        if rows.shape[1:] != (len(FEATURE_NAMES),):
            raise BundleError(str(directory / MANIFEST_FILE), f"has golden rows of another width; {_COPY_AGAIN}.")
        given = self._calibration.probabilities(self._forest.raw_scores(rows))
        if given.tobytes() != expected.tobytes():
            wrong = int(np.flatnonzero(given.view(np.int64) != expected.view(np.int64))[0])
            raise BundleError(
                str(directory / MODEL_FILE),
                f"gives golden row {wrong} the probability {given[wrong]!r}, not {expected[wrong]!r}; "
                "use the release and kind of processor that it was trained with, or train it again here.",
            )


def refuse_place(directory: Path) -> None:
    """Raise `BundleError` where a bundle cannot be written: before a training, and not after it."""
    if directory.exists():
        raise BundleError(str(directory), "is there already; choose another folder or remove it first.")
    above = next(parent for parent in directory.absolute().parents if parent.exists())
    if not above.is_dir():
        raise BundleError(str(directory), f"cannot be written ({above} is no folder); choose another folder.")
    if not os.access(above, os.W_OK | os.X_OK):
        raise BundleError(str(directory), f"cannot be written (no right to write in {above}); choose another folder.")


def write_bundle(directory: Path, files: Mapping[str, bytes]) -> None:
    """Write a bundle's files, all or none; raise `BundleError` where the folder is there already or cannot be written.

    They are written to a folder beside it, made durable, checked as `Bundle.load` does, and given the name last. The
    name is durable too when this returns.
    """
    refuse_place(directory)
    partial = None
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}-", dir=directory.parent))
        partial.chmod(0o755)
        for name, content in files.items():
            with (partial / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        Bundle.load(partial)
        # Before the name: a power cut must not leave it to a folder whose entries were lost.
        _make_durable(partial)
        partial.rename(directory)
        _make_durable(directory.parent)
    except OSError as error:
        raise BundleError(str(directory), f"cannot be written ({error.strerror}); choose another folder.") from error
    finally:
        if partial is not None:
            shutil.rmtree(partial, ignore_errors=True)


def _make_durable(folder: Path) -> None:
    """Write a folder's entries through to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_checked(directory: Path) -> tuple[Manifest, dict[str, bytes]]:
    if not directory.is_dir():
        raise BundleError(str(directory), "is no folder; give the folder that `fraudline train` wrote.")
    try:
        manifest = Manifest.model_validate_json(_read(directory / MANIFEST_FILE))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["loc"] == ("format",) and _ANY_FORMAT.fullmatch(str(first["input"])):
            raise BundleError(
                str(directory / MANIFEST_FILE),
                f"is a bundle of format {first['input']}, this release reads {FORMAT}; "
                "train it again with this release.",
            ) from error
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise BundleError(str(directory / MANIFEST_FILE), f"{place}: {first['msg']}; {_COPY_AGAIN}.") from error
    if manifest.checksum != manifest.computed_checksum() or manifest.version != manifest.computed_version():
        raise BundleError(str(directory / MANIFEST_FILE), f"was changed since it was written; {_COPY_AGAIN}.")
    files = {}
    for name, entry in manifest.files.items():
        content = _read(directory / name)
        if len(content) != entry.size_bytes:
            reason = f"has {len(content)} bytes where {entry.size_bytes} were written"
            raise BundleError(str(directory / name), f"{reason}; {_COPY_AGAIN}.")
        if hashlib.sha256(content).hexdigest() != entry.sha256:
            raise BundleError(str(directory / name), f"was changed since it was written; {_COPY_AGAIN}.")
        files[str(name)] = content
    return manifest, files


def _read(path: Path) -> bytes:
    limit = MAX_BYTES[path.name]
    try:
        # A pipe or a device in its place would be waited for, or read without end.
        if not path.is_file():
            raise BundleError(str(path), f"is missing or no file; {_COPY_AGAIN}.")
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise BundleError(str(path), f"cannot be read ({error.strerror}); {_COPY_AGAIN}.") from error
    if len(content) > limit:
        raise BundleError(str(path), f"has more than {limit} bytes; {_COPY_AGAIN}.")
    return content


def _read_trees(path: Path, model: bytes, expected: int) -> Sequence[Tree]:
    try:
        trees = check_trees(model, FEATURE_NAMES)
    except ValueError as error:
        raise BundleError(str(path), f"{error}; {_COPY_AGAIN}.") from error
    if len(trees) != expected:
        raise BundleError(str(path), f"has {len(trees)} trees where the manifest says {expected}; {_COPY_AGAIN}.")
    return trees


def _first_difference(features: list[str]) -> str | None:
    if len(features) != len(FEATURE_NAMES):
        return f"names {len(features)} features, the kernel computes {len(FEATURE_NAMES)}"
    for number, (theirs, ours) in enumerate(zip(features, FEATURE_NAMES, strict=True)):
        if theirs != ours:
            return f"names feature {number} {theirs[:64]!r}, the kernel computes {ours!r} there"
    return None


def _policy_label(thresholds: ThresholdsEntry) -> str:
    text = f"{thresholds.review.hex()} {thresholds.decline.hex()}"
    return f"thresholds-{hashlib.sha256(text.encode()).hexdigest()[:_POLICY_DIGITS]}"
