"""A model that is trained once for all the tests that only look at it."""

from pathlib import Path

import pytest

from model_builders import a_trained_bundle


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small bundle, from the usual simulated history; who changes it takes a copy."""
    return a_trained_bundle(tmp_path_factory.mktemp("bundles") / "small")
