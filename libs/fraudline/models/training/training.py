"""Training a bundle: one pass of the production kernel, then LightGBM on earlier days, judged on later ones.

warmed → split → chosen (how the rarity of frauds is handled) → grown → calibrated → threshed → measured → grown again
on all days, where the recipe says so → described → written. No random split anywhere and no clock: the same
transactions make the same bytes.
"""

import re
from datetime import date, timedelta
from pathlib import Path

from fraudline.kernel.registry import MAX_ENTITIES
from fraudline.models.booster import load_booster
from fraudline.models.bundle import FEATURE_NAMES, refuse_place, write_bundle
from fraudline.models.errors import TrainingRefused
from fraudline.models.forest import Forest
from fraudline.models.histories.history import History
from fraudline.models.histories.point_in_time import LABEL_DELAY
from fraudline.models.manifest import (
    CARD_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    NAME_PATTERN,
    RATES_FILE,
    REPORT_FILE,
    Manifest,
)
from fraudline.models.rates import Rates
from fraudline.models.recipe import STANDARD, Recipe
from fraudline.models.report.card import model_card
from fraudline.models.report.training_page import training_report
from fraudline.models.training.calibrating import calibrate
from fraudline.models.training.costs import Budget
from fraudline.models.training.description import completed, describe, facts
from fraudline.models.training.examples import Examples, Progress, no_progress, warm
from fraudline.models.training.growing import Grower, grow_again
from fraudline.models.training.judging import judge
from fraudline.models.training.learned import Learned, Options
from fraudline.models.training.split import Split, halves, refuse_one_kind, split_days
from fraudline.models.training.thresholds import choose_thresholds, refuse_unknown_amounts
from fraudline.models.trees import check_trees

_COMMAND = "fraudline train FILE --output DIR"


def train_bundle(
    history: History,
    directory: Path,
    *,
    name: str,
    rates: Rates,
    first_day: date | None = None,
    last_day: date | None = None,
    label_delay: timedelta = LABEL_DELAY,
    budget: Budget | None = None,
    max_entities: int = MAX_ENTITIES,
    recipe: Recipe = STANDARD,
    command: str = _COMMAND,
    progress: Progress = no_progress,
) -> Manifest:
    """Train on the transactions from `first_day` until `last_day`, both included, and write the bundle.

    History before `first_day` warms the state. All labels of these days are used, as they are once the last ones have
    fallen due; the features see each only from the moment at which production would have.

    Args:
        history: Transactions in order of time, with their outcomes.
        directory: The folder to write; it must not be there yet.
        name: The first part of what verdicts call the model.
        rates: What amounts are worth in the base currency.
        first_day: The first day to learn from; None for the file's.
        last_day: The last one; None for the file's.
        label_delay: How long after it a fraud becomes known.
        budget: What decisions cost, and how many alerts people can take; None for the defaults.
        max_entities: The most entities that the state holds, as `FRAUDLINE_MAX_ENTITIES` sets it in production.
        recipe: How the model is grown.
        command: What the report says to make this bundle again.
        progress: Is told how far it is.

    Raises:
        TrainingRefused: These days do not make a model.
        BundleError: The folder is there already or cannot be written.
    """
    options = Options(name, rates, first_day, last_day, label_delay, budget or Budget(), max_entities, recipe, command)
    _refuse(history, options)
    refuse_place(directory)
    first, last = first_day or history.first_day, last_day or history.last_day
    history = history.until(last)
    split = split_days(history, first, last)
    examples = warm(
        history,
        rates,
        label_delay=label_delay,
        start=split.training.start,
        max_entities=max_entities,
        progress=progress,
    )
    refuse_one_kind(examples, split)
    learned = _learn(history, examples, split, options, progress)
    progress("writing the bundle", 0.0)
    booster = load_booster(learned.shipped.model)
    manifest = describe(options, history, examples, learned, booster)
    told = facts(options, history, examples, learned, manifest=manifest)
    card, report = model_card(told).encode(), training_report(told).encode()
    manifest = completed(manifest, card=card, report=report)
    files = {
        MODEL_FILE: learned.shipped.model,
        RATES_FILE: rates.encode(),
        CARD_FILE: card,
        REPORT_FILE: report,
        MANIFEST_FILE: manifest.encode(),
    }
    write_bundle(directory, files)
    progress("writing the bundle", 1.0)
    return manifest


def _refuse(history: History, options: Options) -> None:
    if re.fullmatch(NAME_PATTERN, options.name) is None:
        raise TrainingRefused(
            f"{options.name!r} is no name for a model; use up to 40 of a-z, 0-9 and -, like cards-eu."
        )
    if not history.is_labelled:
        raise TrainingRefused(
            f"The transactions have no labels; add a column `{history.fraud_column}` with 0 or 1, or give --labels."
        )
    if options.first_day and options.last_day and options.first_day > options.last_day:
        raise TrainingRefused(
            f"--from and --until are reversed: {options.first_day} is after {options.last_day}; swap them. "
            f"The file holds {history.first_day} to {history.last_day}."
        )


def _learn(history: History, examples: Examples, split: Split, options: Options, progress: Progress) -> Learned:
    recipe = options.recipe
    calibrating, measuring = halves(history, examples, split.judging) or (split.judging, split.judging)
    part = examples.of(calibrating)
    refuse_unknown_amounts(part.amounts)
    grower = Grower(examples.of(split.training), examples.of(split.stopping), recipe, progress=progress)
    candidates = grower.compare() if len(recipe.imbalance) > 1 else {}
    imbalance = max(recipe.imbalance, key=lambda way: candidates.get(way, 0.0))
    interim = grower.grow(imbalance)
    # What was binned for these trees goes before more is.
    del grower
    forest = Forest(check_trees(interim.model, FEATURE_NAMES), len(FEATURE_NAMES))
    raw = forest.raw_scores(part.features)
    parts = halves(history, examples, calibrating)
    calibrated = calibrate(raw, part.is_fraud, parts[1].start - calibrating.start if parts else None)
    choice = choose_thresholds(
        calibrated.calibration.probabilities(raw),
        part.is_fraud,
        part.amounts,
        days=calibrating.days,
        budget=options.budget,
    )
    later = examples.of(measuring)
    judged = judge(
        history,
        later,
        calibrated.calibration.probabilities(forest.raw_scores(later.features)),
        choice.thresholds,
        name=options.name,
        base_currency=options.rates.base_currency,
        resamples=recipe.resamples,
        progress=progress,
    )
    shipped = interim
    if recipe.refit:
        everything = examples.of(split.all_days)
        trees = round(interim.trees * len(everything) / len(examples.of(split.training)))
        shipped = grow_again(everything, imbalance, trees, recipe, progress=progress)
    return Learned(
        training=split.training,
        stopping=split.stopping,
        calibrating=calibrating,
        measuring=measuring,
        candidates=candidates,
        imbalance=imbalance,
        interim=interim,
        shipped=shipped,
        calibrated=calibrated,
        choice=choice,
        judged=judged,
    )
