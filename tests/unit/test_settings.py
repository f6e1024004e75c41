from pathlib import Path

import pytest

from fraudline.errors import ConfigurationError
from fraudline.service.settings import (
    AlertsSettings,
    ExplainerSettings,
    IngestSettings,
    LogLevel,
    ScorerSettings,
    ServiceSettings,
    load,
    variable_of,
)

DATABASE = "postgresql://fraudline:secret-of-the-database@127.0.0.1/fraudline"
BROKER = "amqp://fraudline:secret-of-the-broker@127.0.0.1/"
SERVICES = (IngestSettings, ScorerSettings, ExplainerSettings, AlertsSettings)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for settings in SERVICES:
        for field in settings.model_fields:
            monkeypatch.delenv(variable_of(settings, field), raising=False)
    monkeypatch.setenv("FRAUDLINE_DATABASE_URL", DATABASE)
    monkeypatch.setenv("FRAUDLINE_AMQP_URL", BROKER)
    return monkeypatch


def test_two_urls_are_all_that_ingest_needs() -> None:
    settings = load(IngestSettings)

    assert settings.database_url.get_secret_value() == DATABASE
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert (settings.admin_host, settings.admin_port) == ("127.0.0.1", 9080)
    assert settings.base_currency == "EUR"
    assert settings.state_dir == Path(".fraudline")
    assert settings.log_level is LogLevel.INFO


def test_a_scorer_needs_a_model_too(environment: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"^FRAUDLINE_MODEL: is not set$"):
        load(ScorerSettings)

    environment.setenv("FRAUDLINE_MODEL", "models/one")

    assert load(ScorerSettings).model == Path("models/one")
    assert load(ScorerSettings).admin_port == 9081
    assert load(ScorerSettings).max_entities == 5_000_000

    environment.setenv("FRAUDLINE_MAX_ENTITIES", "10")

    with pytest.raises(ConfigurationError, match=r"^FRAUDLINE_MAX_ENTITIES: is less than 64$"):
        load(ScorerSettings)


def test_every_fault_is_told_at_once_with_its_variable(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("FRAUDLINE_DATABASE_URL")
    environment.setenv("FRAUDLINE_AMQP_URL", "http://127.0.0.1")
    environment.setenv("FRAUDLINE_INGEST_PORT", "eighty")
    environment.setenv("FRAUDLINE_INGEST_ADMIN_PORT", "70000")
    environment.setenv("FRAUDLINE_BASE_CURRENCY", "XXX")
    environment.setenv("FRAUDLINE_LOG_LEVEL", "loud")

    with pytest.raises(ConfigurationError) as raised:
        load(IngestSettings)

    sentence = str(raised.value)
    assert "FRAUDLINE_DATABASE_URL: is not set" in sentence
    assert "FRAUDLINE_AMQP_URL: must start with amqp://" in sentence
    assert "FRAUDLINE_INGEST_PORT: is no whole number" in sentence
    assert "FRAUDLINE_INGEST_ADMIN_PORT: is more than 65535" in sentence
    assert "FRAUDLINE_BASE_CURRENCY: is no ISO 4217 code" in sentence
    assert "FRAUDLINE_LOG_LEVEL: is not one of" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("FRAUDLINE_AMQP_URL", "amqp://fraudline:secret-of-it@host:notaport/x"),
        ("FRAUDLINE_AMQP_URL", "amqp://fraudline:secret-of-it@host:99999/x"),
        ("FRAUDLINE_AMQP_URL", "amqp://fraudline:secret-of-it@host:0/x"),
        ("FRAUDLINE_AMQP_URL", "amqp://fraudline:secret-of-it@[bad/x"),
        ("FRAUDLINE_AMQP_URL", "amqp:///secret-of-it"),
        ("FRAUDLINE_DATABASE_URL", "postgresql://fraudline:secret-of-it@host:notaport/x"),
        ("FRAUDLINE_DATABASE_URL", "postgresql://fraudline:secret-of-it@host:99999/x"),
        ("FRAUDLINE_DATABASE_URL", "postgresql://fraudline:secret-of-it@[bad/x"),
        ("FRAUDLINE_DATABASE_URL", "postgresql://fraudline:secret-of-it@host/x?sslmode=bogus"),
        ("FRAUDLINE_DATABASE_URL", "postgresql://host/x?sslmode=verify-full&sslrootcert=/secret-of-it"),
    ],
)
def test_a_url_that_cannot_be_read_is_told_with_its_variable_and_nothing_of_it(
    environment: pytest.MonkeyPatch, variable: str, url: str
) -> None:
    environment.setenv(variable, url)

    with pytest.raises(ConfigurationError, match=f"^{variable}: cannot be read as ") as raised:
        load(IngestSettings)

    assert "secret-of" not in str(raised.value)
    assert raised.value.__cause__ is None


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("FRAUDLINE_AMQP_URL", "amqps://a:b@[::1]:5671/%2F?heartbeat=5"),
        ("FRAUDLINE_DATABASE_URL", "postgres://a:b@one:5432,two:5433/x?sslmode=prefer"),
        ("FRAUDLINE_DATABASE_URL", "postgresql:///x?host=/run/postgresql"),
    ],
)
def test_a_url_that_its_client_can_read_is_taken(environment: pytest.MonkeyPatch, variable: str, url: str) -> None:
    environment.setenv(variable, url)

    assert url in {
        load(IngestSettings).amqp_url.get_secret_value(),
        load(IngestSettings).database_url.get_secret_value(),
    }


def test_a_whole_batch_always_fits_into_what_may_be_in_flight(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FRAUDLINE_INGEST_MAX_EVENTS_IN_FLIGHT", "999")

    with pytest.raises(ConfigurationError, match="FRAUDLINE_INGEST_MAX_EVENTS_IN_FLIGHT: is less than 1000"):
        load(IngestSettings)


def test_a_variable_that_is_empty_counts_as_not_set(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FRAUDLINE_AMQP_URL", "")

    with pytest.raises(ConfigurationError, match="FRAUDLINE_AMQP_URL: is not set"):
        load(IngestSettings)


def test_passwords_show_in_no_text_of_the_settings(environment: pytest.MonkeyPatch) -> None:
    assert "secret-of" not in repr(load(IngestSettings)) + str(load(IngestSettings))

    environment.setenv("FRAUDLINE_AMQP_URL", "secret-of-the-broker")
    with pytest.raises(ConfigurationError) as raised:
        load(IngestSettings)

    assert "secret-of" not in str(raised.value)


def test_the_log_level_may_be_written_in_capitals(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FRAUDLINE_LOG_LEVEL", "DEBUG")

    assert load(IngestSettings).log_level is LogLevel.DEBUG


@pytest.mark.parametrize("settings", SERVICES)
def test_every_setting_says_what_it_is_for(settings: type[ServiceSettings]) -> None:
    for name, field in settings.model_fields.items():
        assert field.description, name
        assert variable_of(settings, name).startswith("FRAUDLINE_")
