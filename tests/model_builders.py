"""Histories and bundles for the tests: what does not matter is filled in, what does is named."""

import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import ValidationError

from fraudline.models.histories.history import History
from fraudline.models.manifest import MANIFEST_FILE, MODEL_FILE, Manifest
from fraudline.models.recipe import QUICK, Imbalance
from fraudline.models.starter_rates import starter_rates
from fraudline.models.training.training import train_bundle
from fraudline.simulation import Simulation

FIRST_DAY = date(2026, 1, 1)
SMALL = dataclasses.replace(
    QUICK,
    parameters={**QUICK.parameters, "learning_rate": 0.15, "max_bin": 63},
    max_trees=30,
    early_stopping_rounds=10,
    imbalance=(Imbalance.PLAIN,),
    resamples=10,
    explained_rows=10,
)
"""A recipe for models that are trained to be tested, and not to find frauds."""


def a_simulated_history(days: int = 14, customers: int = 1000, seed: int = 1) -> History:
    simulation = Simulation(seed, customers, 2 * customers)
    return History(pl.concat(list(simulation.days(FIRST_DAY, days))))


def a_trained_bundle(directory: Path, history: History | None = None, **options: Any) -> Path:
    options = {"name": "small", "rates": starter_rates(), "recipe": SMALL} | options
    train_bundle(a_simulated_history() if history is None else history, directory, **options)
    return directory


def at(day: int = 0, hour: int = 12, microsecond: int = 0) -> datetime:
    """A moment, counted in days from the first one."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day, hours=hour, microseconds=microsecond)


def a_history(*moments_and_frauds: tuple[datetime, bool], **same: str) -> History:
    """A history of (moment, whether it is fraud); `same` gives all rows other values than the usual."""
    size = len(moments_and_frauds)
    values = {"currency": "EUR", "amount": "10.00", "card_id": "card-1", "merchant_id": "merchant-1"} | same
    return History(
        pl.DataFrame(
            {
                "transaction_id": [f"t-{number}" for number in range(size)],
                "occurred_at": pl.Series([moment for moment, _ in moments_and_frauds], dtype=pl.Datetime("us", "UTC")),
                **{name: [value] * size for name, value in values.items()},
                "fraud": pl.Series([int(is_fraud) for _, is_fraud in moments_and_frauds], dtype=pl.Int8),
            }
        )
    )


def reseal(directory: Path, contents: Mapping[str, bytes] | None = None, **changes: Any) -> None:
    """Change contents and fields of the manifest as a careful forger would: sizes, checksums and version fit again."""
    path = directory / MANIFEST_FILE
    fields = json.loads(path.read_bytes()) | changes
    for name, content in (contents or {}).items():
        (directory / name).write_bytes(content)
        fields["files"][name] = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    try:
        path.write_bytes(Manifest.model_validate(fields).sealed().encode())
    except ValidationError:
        path.write_text(json.dumps(fields))


def model_of(directory: Path) -> str:
    return (directory / MODEL_FILE).read_text()


def with_fitting_sizes(model: str) -> bytes:
    """Declare the sizes that the trees have, so that an edit shows by itself and not by its length."""
    header, trees = model.split("\n\n", maxsplit=1)
    body = trees[: trees.rindex("end of trees\n")]
    starts = [match.start() for match in re.finditer(r"^Tree=", body, re.MULTILINE)]
    sizes = [stop - start for start, stop in zip(starts, [*starts[1:], len(body)], strict=True)]
    return (re.sub(r"tree_sizes=.*", "tree_sizes=" + " ".join(map(str, sizes)), header) + "\n\n" + trees).encode()
