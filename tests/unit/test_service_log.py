import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from fraudline.service.log import LogEvent, configure_logging, describe, get_logger
from fraudline.service.settings import LogLevel

CARD_NUMBER = "4111 1111 1111 1111"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


def test_an_event_is_one_json_line_with_its_fields(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("ingest")

    get_logger().info(LogEvent.SERVICE_STARTED, port=8080)

    (line,) = lines(capsys)
    assert line["event"] == "service_started"
    assert line["service"] == "ingest"
    assert line["level"] == "info"
    assert line["port"] == 8080
    assert str(line["timestamp"]).endswith("Z")


def test_an_exception_tells_its_type_and_way_but_no_locals(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("ingest")
    local = "a local value"

    try:
        int(f"{CARD_NUMBER} and {local[:0]}")
    except ValueError:
        get_logger().exception(LogEvent.REQUEST_FAILED)

    (line,) = lines(capsys)
    assert line["exception_type"] == "ValueError"
    assert "Traceback" in str(line["exception"])
    assert CARD_NUMBER not in str(line)
    assert local not in str(line)


def test_libraries_are_heard_from_warnings_up_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("ingest", LogLevel.DEBUG)

    logging.getLogger("aio_pika").debug("a frame")
    logging.getLogger("aiormq.connection").warning("lost %s", CARD_NUMBER)

    (line,) = lines(capsys)
    assert line["event"] == "library"
    assert line["logger"] == "aiormq.connection"
    assert line["message"] == "lost *******************"


def test_below_the_level_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("ingest", LogLevel.WARNING)

    get_logger().info(LogEvent.SERVICE_STARTED)

    assert lines(capsys) == []


def test_an_expected_error_is_described_without_card_numbers() -> None:
    assert describe(ValueError(f"bad {CARD_NUMBER}")) == {"error_type": "ValueError", "error": f"bad {'*' * 19}"}
