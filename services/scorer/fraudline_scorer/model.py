"""The model that a process of this service works with, as its settings name it."""

from typing import TYPE_CHECKING

from fraudline.errors import ConfigurationError
from fraudline.models.bundle import Bundle, BundleError
from fraudline.service.log import LogEvent, get_logger

if TYPE_CHECKING:
    from fraudline.service.settings import ExplainerSettings, ScorerSettings


def load_bundle(settings: "ScorerSettings | ExplainerSettings") -> Bundle:
    """Load and check the bundle, as `Bundle.load` does; this takes a while, so not on the event loop.

    Raises:
        ConfigurationError: The bundle cannot be used, or was trained on amounts in another currency.
    """
    try:
        bundle = Bundle.load(settings.model)
    except BundleError as error:
        raise ConfigurationError("FRAUDLINE_MODEL", str(error)) from error
    if bundle.base_currency != settings.base_currency:
        raise ConfigurationError(
            "FRAUDLINE_BASE_CURRENCY",
            f"is {settings.base_currency}, but the bundle was trained on amounts in {bundle.base_currency}",
        )
    return bundle


def warn_of_another_memory(bundle: Bundle, max_entities: int) -> None:
    """Log where the kernel remembers more or fewer entities than the one whose features the model learned from."""
    trained_with = bundle.manifest.data.max_entities
    if trained_with != max_entities:
        get_logger().warning(LogEvent.MAX_ENTITIES_DIFFERS, max_entities=max_entities, trained_with=trained_with)
