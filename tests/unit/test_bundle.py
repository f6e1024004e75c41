"""A bundle loads only when it is exactly what was written, for this kernel; anything else is told, by file."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from fraudline.domain.policy import NEVER, Decision, decide
from fraudline.kernel.registry import FEATURES
from fraudline.models.booster import load_booster, raw_scores
from fraudline.models.bundle import Bundle, BundleError, write_bundle
from fraudline.models.calibration import Isotonic
from model_builders import reseal

FILES = ("manifest.json", "model-card.md", "model.txt", "rates.json", "report.html")


@pytest.fixture
def bundle(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "bundle"))


def refusal(directory: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        Bundle.load(directory)
    return caught.value


def feature_rows(count: int) -> np.ndarray:
    random = np.random.default_rng(7)
    rows = random.lognormal(2, 2, size=(count, len(FEATURES)))
    rows[random.random(rows.shape) < 0.1] = np.nan
    return rows


def test_a_bundle_says_what_it_is(bundle: Path) -> None:
    loaded = Bundle.load(bundle)

    assert loaded.label == f"small-{loaded.version}"
    assert loaded.policy.startswith("thresholds-")
    assert loaded.base_currency == "EUR"
    assert 0 < loaded.thresholds.review <= loaded.thresholds.decline <= NEVER


def test_loading_prints_nothing(bundle: Path, capfd: pytest.CaptureFixture[str]) -> None:
    Bundle.load(bundle).predict(feature_rows(3))

    assert capfd.readouterr() == ("", "")


def test_a_probability_has_the_same_bits_whatever_the_batch(bundle: Path) -> None:
    loaded, rows = Bundle.load(bundle), feature_rows(513)

    whole = loaded.predict(rows)

    for size in (1, 2, 7, 64, 512):
        parts = [loaded.predict(rows[start : start + size]) for start in range(0, len(rows), size)]
        assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert loaded.predict(np.asfortranarray(rows)).tobytes() == whole.tobytes()
    assert ((whole > 0) & (whole < 1)).all()


def test_no_rows_have_no_probabilities(bundle: Path) -> None:
    assert len(Bundle.load(bundle).predict(np.empty((0, len(FEATURES))))) == 0


def test_rows_without_a_single_known_feature_have_a_probability(bundle: Path) -> None:
    rows = np.array([[value] * len(FEATURES) for value in (np.nan, np.inf, -np.inf, 1e308)])

    assert np.isfinite(Bundle.load(bundle).predict(rows)).all()


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    error = refusal(tmp_path / "nowhere")

    assert error.file == str(tmp_path / "nowhere")
    assert "no folder" in str(error)


@pytest.mark.parametrize("file", FILES)
def test_a_missing_file_is_told(bundle: Path, file: str) -> None:
    (bundle / file).unlink()

    error = refusal(bundle)

    assert error.file == str(bundle / file)
    assert "missing" in error.reason


@pytest.mark.parametrize("file", FILES)
def test_a_pipe_in_place_of_a_file_is_not_waited_for(bundle: Path, file: str) -> None:
    (bundle / file).unlink()
    os.mkfifo(bundle / file)

    assert refusal(bundle).file == str(bundle / file)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_told(bundle: Path, file: str, kept: float) -> None:
    content = (bundle / file).read_bytes()
    (bundle / file).write_bytes(content[: int(len(content) * kept)])

    assert refusal(bundle).file == str(bundle / file)


@pytest.mark.parametrize("file", FILES)
def test_a_flipped_bit_is_told(bundle: Path, file: str) -> None:
    content = (bundle / file).read_bytes()
    random = np.random.default_rng(11)
    for place in random.integers(len(content) - 1, size=40):
        damaged = bytearray(content)
        damaged[place] ^= 1 << random.integers(8)
        (bundle / file).write_bytes(damaged)

        assert refusal(bundle).file == str(bundle / file)


def test_a_file_without_end_is_not_read_to_its_end(bundle: Path) -> None:
    with (bundle / "manifest.json").open("ab") as file:
        file.truncate(1 << 40)

    assert "more than" in refusal(bundle).reason


def test_a_bundle_for_another_kernel_is_told(bundle: Path) -> None:
    reseal(bundle, kernel_version="an older one")

    error = refusal(bundle)

    assert error.file == str(bundle / "manifest.json")
    assert "an older one" in error.reason


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([feature.name for feature in FEATURES[:-1]], f"{len(FEATURES) - 1} features"),
        (["another", *(feature.name for feature in FEATURES[1:])], "'another'"),
    ],
)
def test_a_bundle_for_other_features_is_told(bundle: Path, names: list[str], told: str) -> None:
    reseal(bundle, features=names)

    error = refusal(bundle)

    assert error.file == str(bundle / "manifest.json")
    assert told in error.reason


def an_isotonic(raw: list[float], log_odds: list[float]) -> dict[str, object]:
    return {"method": "isotonic", "knots": list(zip(raw, log_odds, strict=True))}


@pytest.mark.parametrize(
    ("thresholds", "told"),
    [
        ({"review": 0.9, "decline": 0.1}, "`review` is above `decline`"),
        ({"review": 0.0}, "greater than 0"),
        ({"decline": float("nan")}, "decline"),
        ({"review_cost": -1.0}, "review_cost"),
    ],
)
def test_thresholds_that_make_no_sense_are_told(bundle: Path, thresholds: dict[str, float], told: str) -> None:
    before = json.loads((bundle / "manifest.json").read_bytes())["thresholds"]
    reseal(bundle, thresholds=before | thresholds)

    error = refusal(bundle)

    assert error.file == str(bundle / "manifest.json")
    assert told in error.reason


def test_a_threshold_of_1_is_reached_by_no_score(bundle: Path) -> None:
    before = json.loads((bundle / "manifest.json").read_bytes())["thresholds"]

    def decided(**thresholds: float) -> Decision:
        reseal(bundle, thresholds=before | thresholds)
        return decide(1.0, has_rate=True, thresholds=Bundle.load(bundle).thresholds)[0]

    assert decided(review=0.5, decline=0.999) is Decision.DECLINE
    assert decided(review=0.5, decline=1.0) is Decision.REVIEW
    assert decided(review=1.0, decline=1.0) is Decision.APPROVE


@pytest.mark.parametrize(
    "changes",
    [
        {"calibration": {"method": "sigmoid", "slope": -1.0, "intercept": 0.0}},
        {"calibration": {"method": "guess"}},
        {"calibration": an_isotonic([1.0, 0.0], [0.0, 1.0])},
        {"calibration": an_isotonic([0.0, 1.0], [0.0, 0.0])},
        {"calibration": an_isotonic([0.0, float("nan")], [0.0, 1.0])},
        {"calibration": an_isotonic([0.0, 1e308], [0.0, 1.0])},
        {"calibration": an_isotonic([0.0], [0.0])},
        {"calibration": an_isotonic(list(range(100_000)), list(range(100_000)))},
        {"golden": {"features": [["zero"]], "probabilities": ["0x1.0p-1"]}},
        {"golden": {"features": [["0x0.0p+0"]], "probabilities": ["0x1.0p-1"]}},
        {"golden": {"features": [], "probabilities": []}},
        {"golden": {"features": [["0x0.0p+0"] * len(FEATURES)], "probabilities": ["0x1.0p+999999"]}},
        {"golden": {"features": [["0x0.0p+0"] * len(FEATURES)], "probabilities": ["nan"]}},
        {"golden": {"features": [["0x0.0p+0"] * len(FEATURES), []], "probabilities": ["0x1.0p-1", "0x1.0p-1"]}},
        {"format": "fraudline-bundle-999"},
        {"name": "../../etc"},
        {"surprise": 1},
        {"files": {}},
        {"files": {"model.txt": {"sha256": "0" * 64, "size_bytes": 1}, "/etc/passwd": {"sha256": "", "size_bytes": 1}}},
    ],
)
def test_a_manifest_that_makes_no_sense_is_told(bundle: Path, changes: dict[str, object]) -> None:
    reseal(bundle, **changes)

    assert refusal(bundle).file == str(bundle / "manifest.json")


def test_a_bundle_of_another_format_is_to_be_trained_again(bundle: Path) -> None:
    reseal(bundle, format="fraudline-bundle-2")

    told = "is a bundle of format fraudline-bundle-2, this release reads fraudline-bundle-3; train it again"
    assert told in refusal(bundle).reason


def test_a_manifest_of_endless_nesting_is_told(bundle: Path) -> None:
    (bundle / "manifest.json").write_text('{"features":' + "[" * 100_000)

    assert refusal(bundle).file == str(bundle / "manifest.json")


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        (b'{"EUX": [["2026-01-01", "1.1"]]}', "EUX"),
        (b'{"USD": [["2026-01-01", "0"]]}', "USD"),
        (b'{"USD": [["2026-01-01", "NaN"]]}', "USD"),
        (b'{"USD": [["2026-02-01", "1.1"], ["2026-01-01", "1.2"]]}', "order"),
        (b'{"USD": [["someday", "1.1"]]}', "USD"),
        (b"[]", "the table"),
    ],
)
def test_rates_that_make_no_sense_are_told(bundle: Path, rates: bytes, told: str) -> None:
    reseal(bundle, {"rates.json": rates})

    error = refusal(bundle)

    assert error.file == str(bundle / "rates.json")
    assert told in error.reason


def test_trees_that_give_other_probabilities_than_they_did_are_told(bundle: Path) -> None:
    golden = json.loads((bundle / "manifest.json").read_bytes())["golden"]
    golden["probabilities"][3] = np.nextafter(float.fromhex(golden["probabilities"][3]), 1).hex()
    reseal(bundle, golden=golden)

    with pytest.raises(BundleError, match="golden row 3") as refused:
        Bundle.load(bundle)

    assert refused.value.file == str(bundle / "model.txt")


def test_an_isotonic_calibration_is_kept_and_gives_another_version(bundle: Path) -> None:
    before = Bundle.load(bundle)
    rows = feature_rows(20)
    calibration = Isotonic((-5.0, -1.0, 4.0), (-6.0, -2.0, 3.0))
    golden = before.manifest.golden
    raw = raw_scores(load_booster((bundle / "model.txt").read_bytes()), np.array([row for row, _ in golden.rows()]))
    probabilities = [value.hex() for value in calibration.probabilities(raw).tolist()]

    reseal(
        bundle,
        calibration=an_isotonic(list(calibration.raw), list(calibration.log_odds)),
        golden={"features": golden.features, "probabilities": probabilities},
    )

    after = Bundle.load(bundle)
    assert after.version != before.version
    assert after.predict(rows).tobytes() == np.concatenate([after.predict(row[None]) for row in rows]).tobytes()


def test_another_number_of_trees_than_declared_is_told(bundle: Path) -> None:
    reseal(bundle, trees=1)

    assert "where the manifest says 1" in refusal(bundle).reason


def test_what_moves_a_score_moves_the_version(bundle: Path) -> None:
    before = Bundle.load(bundle)

    reseal(bundle, {"rates.json": b'{"USD": [["2026-01-01", "0.5"]]}'})

    assert Bundle.load(bundle).version != before.version
    assert Bundle.load(bundle).policy == before.policy


def test_a_folder_is_durable_before_it_has_its_name_and_its_name_before_it_is_told(
    bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, synced, fsync = tmp_path / "written", [], os.fsync

    def noted(descriptor: int) -> None:
        fsync(descriptor)
        synced.append((os.fstat(descriptor).st_ino, written.exists()))

    monkeypatch.setattr(os, "fsync", noted)
    write_bundle(written, {file: (bundle / file).read_bytes() for file in FILES})

    inodes = [(written / file).stat().st_ino for file in FILES]
    assert synced[:-2] == [(inode, False) for inode in inodes]
    assert synced[-2:] == [(written.stat().st_ino, False), (tmp_path.stat().st_ino, True)]
