"""The model of an installation that has none yet: trained on simulated payments, once, and kept."""

import hashlib
import shutil
from datetime import date
from pathlib import Path

import polars as pl

from fraudline.kernel.registry import KERNEL_VERSION, MAX_ENTITIES
from fraudline.models.bundle import FEATURE_NAMES, Bundle, BundleError
from fraudline.models.histories.history import History
from fraudline.models.manifest import FORMAT
from fraudline.models.recipe import QUICK
from fraudline.models.starter_rates import starter_rates
from fraudline.models.training.examples import Progress, no_progress
from fraudline.models.training.training import train_bundle
from fraudline.simulation import Simulation

EDITION = 4
"""Raised with every change of simulation, training or thresholds that is to reach installations that have a model.

A change of the recipe reaches them without."""

SEED = 1
CUSTOMERS, MERCHANTS = 3000, 6000
FIRST_DAY, DAYS = date(2026, 1, 1), 60
NAME = "starter"
COMMAND = "fraudline up"


def ensure_starter_model(
    directory: Path,
    progress: Progress = no_progress,
    base_currency: str = "EUR",
    max_entities: int = MAX_ENTITIES,
) -> Path:
    """Return the folder of the starter bundle inside `directory`, trained first where it is not there or is damaged.

    The folder's name follows from what the model is made from: a release of another edition, or with another kernel,
    trains its own and leaves the old one to whoever still uses it.
    """
    made_from = [EDITION, KERNEL_VERSION, *FEATURE_NAMES, FORMAT, base_currency, SEED, CUSTOMERS, MERCHANTS, DAYS]
    made_from += [max_entities, QUICK.noted()]
    digest = hashlib.sha256("\n".join(map(str, made_from)).encode()).hexdigest()
    bundle = directory / f"{NAME}-{digest[:8]}"
    if bundle.exists():
        try:
            Bundle.load(bundle)
        except BundleError:
            shutil.rmtree(bundle)
        else:
            return bundle
    rates = starter_rates(base_currency)
    try:
        train_bundle(
            _simulated(progress),
            bundle,
            name=NAME,
            rates=rates,
            max_entities=max_entities,
            recipe=QUICK,
            command=COMMAND,
            progress=progress,
        )
    except BundleError:
        # Another process may have been faster; what it wrote has to be sound.
        Bundle.load(bundle)
    return bundle


def _simulated(progress: Progress) -> History:
    days = []
    for number, day in enumerate(Simulation(SEED, CUSTOMERS, MERCHANTS).days(FIRST_DAY, DAYS), start=1):
        days.append(day)
        progress("simulating payments", number / DAYS)
    return History(pl.concat(days))
