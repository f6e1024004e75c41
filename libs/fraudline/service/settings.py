"""Settings: environment variables named FRAUDLINE_…, read once at start, all faults told at once."""

import inspect
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import asyncpg

# No public name of the driver tells how it reads a URL, and whatever else reads it would read something else.
from asyncpg.connect_utils import _parse_connect_dsn_and_args  # type: ignore[attr-defined] # the stubs leave it out
from pydantic import AfterValidator, Field, SecretStr, ValidationError, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict
from yarl import URL

from fraudline.domain.money import decimals_of
from fraudline.domain.policy import Decision
from fraudline.errors import ConfigurationError
from fraudline.kernel.registry import LEAST_ENTITIES, MAX_ENTITIES, MOST_ENTITIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

PREFIX = "FRAUDLINE_"
LOOPBACK = "127.0.0.1"
# A batch that could never fit would be sent again for ever.
MAX_BATCH = 1_000

_HIGHEST_PORT = 65_535


class LogLevel(StrEnum):
    """From which weight on an event is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _url_of(*schemes: str, ports: "Callable[[str], Iterable[int | None]]") -> AfterValidator:
    """Check a URL's scheme and what its own client makes of the rest; no sentence here holds a part of it."""

    def check(url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if not text.startswith(tuple(f"{scheme}://" for scheme in schemes)):
            raise PydanticCustomError("url_scheme", "must start with {scheme}://", {"scheme": schemes[0]})
        try:
            is_readable = all(port is None or 1 <= port <= _HIGHEST_PORT for port in ports(text))
        except (ValueError, OSError, asyncpg.InterfaceError):
            is_readable = False
        if not is_readable:
            raise PydanticCustomError(
                "url_unreadable",
                "cannot be read as {scheme}://user:password@host:port/name; check its host, port and parameters",
                {"scheme": schemes[0]},
            )
        return url

    return AfterValidator(check)


def _database_ports(url: str) -> "Iterator[int | None]":
    """Give the ports that the driver reads in a URL, which may name several hosts or a socket; None for a socket."""
    given: dict[str, Any] = dict.fromkeys(inspect.signature(_parse_connect_dsn_and_args).parameters)
    addresses, _ = _parse_connect_dsn_and_args(**given | {"dsn": url})
    for address in addresses:
        yield address[1] if isinstance(address, tuple) else None


def _broker_ports(url: str) -> "Iterator[int | None]":
    """Give the port that the client reads in a URL; None where it takes the usual one."""
    address = URL(url)
    if not address.host:
        raise ValueError("no host")
    yield address.explicit_port


DatabaseUrl = Annotated[SecretStr, _url_of("postgresql", "postgres", ports=_database_ports)]
BrokerUrl = Annotated[SecretStr, _url_of("amqp", "amqps", ports=_broker_ports)]


def _admin_urls(text: str) -> str:
    """Check that a list of URLs, with blanks between them, names web servers and no pages."""
    for url in text.split():
        try:
            is_server = URL(url).scheme in {"http", "https"} and URL(url).host and URL(url).path == "/"
        except ValueError:
            is_server = False
        if not is_server:
            raise PydanticCustomError(
                "admin_urls", "must hold addresses like http://127.0.0.1:9080, with blanks between them"
            )
    return text


StatusUrls = Annotated[str, AfterValidator(_admin_urls)]
Port = Annotated[int, Field(ge=0, le=_HIGHEST_PORT)]
Host = Annotated[str, Field(min_length=1)]


class ServiceSettings(BaseSettings):
    """What every service is told: where the servers are, how much to log, what the base currency is."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    database_url: DatabaseUrl = Field(description="PostgreSQL 15 or newer.")
    amqp_url: BrokerUrl = Field(description="RabbitMQ 3.10 or newer.")
    base_currency: str = Field(default="EUR", description="Currency (ISO 4217) in which amounts are compared.")
    state_dir: Path = Field(default=Path(".fraudline"), description="Folder for what a service keeps on disk.")
    log_level: LogLevel = Field(default=LogLevel.INFO, description="debug, info, warning or error.")

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_lower_case(cls, level: Any) -> Any:
        return level.lower() if isinstance(level, str) else level

    @field_validator("base_currency")
    @classmethod
    def _known_currency(cls, code: str) -> str:
        if decimals_of(code) is None:
            raise PydanticCustomError("unknown_currency", "is no ISO 4217 code of a currency; write one like EUR")
        return code


class IngestSettings(ServiceSettings):
    """What ingest is told beside that."""

    host: Host = Field(
        default=LOOPBACK, validation_alias="FRAUDLINE_INGEST_HOST", description="Address ingest listens on."
    )
    port: Port = Field(
        default=8080,
        validation_alias="FRAUDLINE_INGEST_PORT",
        description="Port ingest listens on; 0 takes a free one.",
    )
    admin_host: Host = Field(
        default=LOOPBACK,
        validation_alias="FRAUDLINE_INGEST_ADMIN_HOST",
        description="Address of ingest's /metrics, /livez and /readyz.",
    )
    admin_port: Port = Field(
        default=9080,
        validation_alias="FRAUDLINE_INGEST_ADMIN_PORT",
        description="Port of the same; 0 takes a free one.",
    )
    max_events_in_flight: Annotated[int, Field(ge=MAX_BATCH)] = Field(
        default=16_384,
        validation_alias="FRAUDLINE_INGEST_MAX_EVENTS_IN_FLIGHT",
        description="Events that may wait for the broker before ingest answers 503; a whole batch has to fit.",
    )
    fallback_decision: Decision = Field(
        default=Decision.REVIEW,
        validation_alias="FRAUDLINE_INGEST_FALLBACK_DECISION",
        description="What a client that waits is told where the verdict is late: approve, review or decline.",
    )


class ScorerSettings(ServiceSettings):
    """What a scorer is told beside that."""

    admin_host: Host = Field(
        default=LOOPBACK,
        validation_alias="FRAUDLINE_SCORER_ADMIN_HOST",
        description="Address of the scorer's /metrics, /livez and /readyz.",
    )
    admin_port: Port = Field(
        default=9081,
        validation_alias="FRAUDLINE_SCORER_ADMIN_PORT",
        description="Port of the same; 0 takes a free one.",
    )
    model: Path = Field(description="Folder of the model bundle.")
    max_entities: Annotated[int, Field(ge=LEAST_ENTITIES, le=MOST_ENTITIES)] = Field(
        default=MAX_ENTITIES,
        description="Cards, merchants and other entities remembered at most; then the longest idle are forgotten.",
    )


class ExplainerSettings(ServiceSettings):
    """What the scorer service's explainer is told beside that."""

    admin_host: Host = Field(
        default=LOOPBACK,
        validation_alias="FRAUDLINE_EXPLAINER_ADMIN_HOST",
        description="Address of the explainer's /metrics, /livez and /readyz.",
    )
    admin_port: Port = Field(
        default=9083,
        validation_alias="FRAUDLINE_EXPLAINER_ADMIN_PORT",
        description="Port of the same; 0 takes a free one.",
    )
    model: Path = Field(description="Folder of the model bundle.")


class AlertsSettings(ServiceSettings):
    """What alerts is told beside that."""

    host: Host = Field(
        default=LOOPBACK, validation_alias="FRAUDLINE_ALERTS_HOST", description="Address alerts listens on."
    )
    port: Port = Field(
        default=8082,
        validation_alias="FRAUDLINE_ALERTS_PORT",
        description="Port alerts listens on; 0 takes a free one.",
    )
    admin_host: Host = Field(
        default=LOOPBACK,
        validation_alias="FRAUDLINE_ALERTS_ADMIN_HOST",
        description="Address of alerts' /metrics, /livez and /readyz.",
    )
    admin_port: Port = Field(
        default=9082,
        validation_alias="FRAUDLINE_ALERTS_ADMIN_PORT",
        description="Port of the same; 0 takes a free one.",
    )
    status_urls: StatusUrls = Field(
        default="http://127.0.0.1:9080 http://127.0.0.1:9081 http://127.0.0.1:9083 http://127.0.0.1:9082",
        validation_alias="FRAUDLINE_STATUS_URLS",
        description="Admin ports of all processes that the page /status shows, with blanks between them.",
    )


Settings = TypeVar("Settings", bound=ServiceSettings)


def variable_of(settings: type[ServiceSettings], field: str) -> str:
    """Return the environment variable that a field is read from."""
    alias = settings.model_fields[field].validation_alias
    return alias if isinstance(alias, str) else f"{PREFIX}{field.upper()}"


_OWN = frozenset({"url_scheme", "url_unreadable", "unknown_currency", "admin_urls"})
_SENTENCES = {
    "missing": "is not set",
    "int_parsing": "is no whole number",
    "greater_than_equal": "is less than {ge}",
    "less_than_equal": "is more than {le}",
    "string_too_short": "is empty",
    "enum": "is not one of {expected}",
    "bool_parsing": "is neither true nor false",
}


def load(settings: type[Settings], **given: Any) -> Settings:
    """Read the settings from the environment; what is `given`, by the name of its field, goes over it.

    Raises:
        ConfigurationError: At least one variable is missing or cannot be used; the message names them all.
    """
    try:
        return settings(**given)
    except ValidationError as error:
        faults = []
        for fault in error.errors(include_input=False, include_url=False):
            name = str(fault["loc"][0])
            variable = name if name.startswith(PREFIX) else variable_of(settings, name)
            sentence = _SENTENCES.get(fault["type"])
            # Our own sentences hold no value; those of the library could, so an unknown one is not passed on.
            own = fault["msg"] if fault["type"] in _OWN else "cannot be used"
            faults.append((variable, sentence.format_map(fault.get("ctx", {})) if sentence else own))
        (variable, reason), *others = faults
        raise ConfigurationError(variable, "; ".join([reason, *(f"{name}: {why}" for name, why in others)])) from None
