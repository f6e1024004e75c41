"""The starter model: there in well under a minute, kept, and of use on payments that it has never seen the like of."""

from pathlib import Path

import numpy as np
import pytest

from fraudline.kernel.kernel import Kernel
from fraudline.models.bundle import Bundle
from fraudline.models.histories.files import Mapping, read_history
from fraudline.models.histories.point_in_time import point_in_time
from fraudline.models.starter_rates import starter_rates
from fraudline.models.training.starter import ensure_starter_model

TWO_DAYS = Path(__file__).parents[3] / "shared" / "data" / "handbook-two-days.csv"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def starter(folder: Path) -> Path:
    return ensure_starter_model(folder)


def test_the_starter_model_is_kept(folder: Path, starter: Path) -> None:
    told: list[str] = []
    before = (starter / "model.txt").stat().st_mtime_ns

    again = ensure_starter_model(folder, lambda stage, _share: told.append(stage))

    assert again == starter
    assert (starter / "model.txt").stat().st_mtime_ns == before
    assert told == []


def test_a_damaged_starter_model_is_trained_again(
    tmp_path: Path, starter: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Smaller than the real one: that it is trained at all is what counts here.
    monkeypatch.setattr("fraudline.models.training.starter.CUSTOMERS", 400)
    monkeypatch.setattr("fraudline.models.training.starter.MERCHANTS", 800)
    monkeypatch.setattr("fraudline.models.training.starter.DAYS", 20)
    small = ensure_starter_model(tmp_path, max_entities=100_000)
    content = (small / "model.txt").read_bytes()
    (small / "model.txt").write_bytes(content[:-100])

    assert ensure_starter_model(tmp_path, max_entities=100_000) == small

    assert (small / "model.txt").read_bytes() == content
    assert small.name != starter.name
    assert Bundle.load(small).manifest.data.max_entities == 100_000


@pytest.mark.skipif(not TWO_DAYS.exists(), reason=f"the public data set is not at {TWO_DAYS}")
def test_the_starter_model_flags_enough_and_not_too_much_of_the_public_data(starter: Path) -> None:
    bundle = Bundle.load(starter)
    history = read_history(TWO_DAYS, Mapping.HANDBOOK)

    probabilities = bundle.predict(Kernel().apply(point_in_time(history, starter_rates())))

    flagged = probabilities >= bundle.thresholds.review
    assert np.isfinite(probabilities).all()
    assert 20 <= flagged.sum() < 0.05 * len(history)
    assert history.frauds[flagged].mean() > 10 * history.frauds.mean()
