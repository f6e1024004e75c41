"""The model that a process of this service works with, as its settings name it."""

from typing import TYPE_CHECKING

from fraudline.errors import ConfigurationError
from fraudline.models.bundle import Bundle, BundleError

if TYPE_CHECKING:
    from fraudline.service.settings import ExplainerSettings, ScorerSettings


def load_bundle(settings: "ScorerSettings | ExplainerSettings") -> Bundle:
    """Load and check the bundle; this takes a while, so not on the event loop.

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
