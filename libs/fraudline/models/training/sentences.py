"""How a model came about, in a sentence for each choice that was made."""

from fraudline.models.manifest import Manifest
from fraudline.models.recipe import Imbalance, Recipe
from fraudline.models.report import text
from fraudline.models.training.calibrating import Calibrated, Method
from fraudline.models.training.costs import Budget
from fraudline.models.training.learned import Learned
from fraudline.models.training.thresholds import Choice

_METHODS = {
    Method.SIGMOID: "a sigmoid of the raw score (Platt)",
    Method.ISOTONIC: "an isotonic line through the raw scores",
}


def thresholds_sentence(choice: Choice, budget: Budget, currency: str) -> str:
    """Return how the thresholds were chosen."""
    return (
        f"the pair that would have cost the least on the calibration days, {choice.cost:,.2f} {currency} a day where "
        f"approving everything costs {choice.cost_without:,.2f}; a missed fraud costs its amount, a review "
        f"{budget.review_cost:.2f}, a good customer turned away {budget.decline_cost:.2f}, and at most "
        f"{text.cap(choice.alerts_allowed)} transactions a day are flagged"
    )


def calibration_sentence(calibrated: Calibrated) -> str:
    """Return how raw scores become probabilities, and why so."""
    method = _METHODS[calibrated.method]
    losses = calibrated.log_loss
    if not losses:
        return f"{method}; there were too few days or frauds to compare it with another way"
    told = ", ".join(f"{name} {loss:.5f}" for name, loss in losses.items())
    if len(losses) == 1:
        return f"{method}; on the earlier days no other way could be fitted (log loss on the later ones: {told})"
    if calibrated.is_overruled:
        return (
            f"{method}; the other way had the lower log loss on days that neither was fitted to ({told}), but did not "
            "keep it when both were fitted to all of them"
        )
    return f"{method}, which had the lower log loss on days that neither way was fitted to ({told})"


def imbalance_sentence(learned: Learned, recipe: Recipe) -> str:
    """Return how the rarity of frauds was handled, and why so."""
    if not learned.candidates:
        return f"{learned.imbalance.description} ({_words(learned.imbalance)}); no other way was tried"
    told = ", ".join(f"{_words(name)} {value:.3f}" for name, value in learned.candidates.items())
    return (
        f"{learned.imbalance.description} ({_words(learned.imbalance)}), which had the best average precision on the "
        f"early-stopping days after {recipe.trial_trees} trees ({told})"
    )


def ended_at_cap(manifest: Manifest) -> bool:
    """Return whether trees were grown up to the most there can be, and not until no more was gained."""
    most, patience = (int(manifest.parameters[name]) for name in ("max_trees", "early_stopping_rounds"))
    return manifest.growth.interim_trees + patience > most


def at_cap_sentence(manifest: Manifest) -> str:
    """Return that growing ended for want of trees; true where it `ended_at_cap`."""
    return (
        f"growing ended at max_trees, {manifest.parameters['max_trees']}, before "
        f"{manifest.parameters['early_stopping_rounds']} trees in a row had gained nothing: more might be better"
    )


def growth_sentence(manifest: Manifest) -> str:
    """Return which days the trees were grown on, which model the figures are of, and whether more were allowed."""
    growth = manifest.growth
    ended = f"; {at_cap_sentence(manifest)}" if ended_at_cap(manifest) else ""
    if not growth.is_refit:
        return (
            f"the {manifest.trees} trees were grown on {growth.grown_on.first} to {growth.grown_on.last}, and all "
            f"figures are theirs{ended}"
        )
    earlier = manifest.data.training
    times = growth.grown_on.transactions / earlier.transactions
    return (
        f"{text.counted(growth.interim_trees, 'tree')} were found on the earlier days, {earlier.first} to "
        f"{earlier.last} (max_trees bounds these alone); on all days, {growth.grown_on.first} to "
        f"{growth.grown_on.last}, with {times:.2f} times the rows, {text.count(manifest.trees)}, which are those of "
        "the bundle; calibration, thresholds and figures are those of the interim model, the "
        f"{text.counted(growth.interim_trees, 'tree')} of the earlier days{ended}"
    )


def _words(imbalance: Imbalance) -> str:
    """Return the name of a way as a sentence writes it."""
    return imbalance.replace("_", " ")
