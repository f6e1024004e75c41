"""Logs: one JSON object a line on standard error, its `event` from a closed list, its fields typed.

No sentence is put together at run time and no card data is passed in. What libraries say comes through the same
format as `library`, from warnings up, without request bodies; text of exceptions is masked, since theirs is not ours.
"""

import logging
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog
from structlog.stdlib import ProcessorFormatter

from fraudline.domain.card_number import mask_card_numbers
from fraudline.service.settings import LogLevel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger


class LogEvent(StrEnum):
    """Everything that is ever logged; tests and runbooks refer to these names."""

    LIBRARY = "library"
    SERVICE_STARTED = "service_started"
    SERVICE_STOPPING = "service_stopping"
    SERVICE_STOPPED = "service_stopped"
    SERVICE_DIED = "service_died"
    JOB_DIED = "job_died"
    JOB_OVERDUE = "job_overdue"
    KEYS_UNREADABLE = "keys_unreadable"
    KEYS_READABLE = "keys_readable"
    BROKER_CONNECTED = "broker_connected"
    BROKER_LOST = "broker_lost"
    PUBLISH_FAILED = "publish_failed"
    TOPOLOGY_DECLARED = "topology_declared"
    TOPOLOGY_NOT_DECLARED = "topology_not_declared"
    REPLIES_LOST = "replies_lost"
    REPLY_NOT_READ = "reply_not_read"
    REQUEST_FAILED = "request_failed"
    SNAPSHOT_RESTORED = "snapshot_restored"
    SNAPSHOT_REFUSED = "snapshot_refused"
    SNAPSHOT_PASSED_OVER = "snapshot_passed_over"
    SNAPSHOT_WRITTEN = "snapshot_written"
    SNAPSHOT_FAILED = "snapshot_failed"
    PARTITION_TAKEN_OVER = "partition_taken_over"
    PARTITION_LOST = "partition_lost"
    SESSION_LOST = "session_lost"
    DATABASE_AWAY = "database_away"
    DATABASE_THERE = "database_there"
    SCORING_FAILED = "scoring_failed"
    MODEL_FAILED = "model_failed"
    MAX_ENTITIES_DIFFERS = "max_entities_differs"
    EXPLAINING_FAILED = "explaining_failed"
    NOT_STORABLE = "not_storable"
    MONTHS_NOT_ENSURED = "months_not_ensured"
    LETTERS_BURIED = "letters_buried"
    DRAIN_LOST = "drain_lost"
    DRAIN_WAITING = "drain_waiting"
    ALERT_NOT_OPENED = "alert_not_opened"
    ALERTS_RECOVERED = "alerts_recovered"
    SWEEP_FAILED = "sweep_failed"
    RELAY_LOST = "relay_lost"
    FEED_UNREADABLE = "feed_unreadable"
    FEED_SET_BACK = "feed_set_back"
    READER_DROPPED = "reader_dropped"


# What these say below a warning is a running commentary of frames and connections.
_TALKATIVE = ("aio_pika", "aiormq", "asyncio", "asyncpg", "httpcore2", "httpx2", "uvicorn")
# Every junk request would be a line.
_ERRORS_ONLY = ("uvicorn.error",)


def get_logger() -> "FilteringBoundLogger":
    """Return the logger; its methods take a `LogEvent` and fields by name."""
    logger: FilteringBoundLogger = structlog.get_logger()
    return logger


def _mask_exception(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    if "exception" in event:
        event["exception"] = mask_card_numbers(str(event["exception"]))
    return event


def _name_exception(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    """Keep the type of an exception in a field of its own, beside the traceback."""
    raised = event.get("exc_info")
    if raised is True:
        raised = sys.exc_info()
    if isinstance(raised, tuple):
        raised = raised[1]
    if isinstance(raised, BaseException):
        event["exception_type"] = type(raised).__name__
        event["exc_info"] = raised
    return event


def _as_library(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
    """Give a line that a library logged the shape of ours."""
    record: logging.LogRecord = event["_record"]
    event["message"] = mask_card_numbers(str(event["event"]))
    event["event"] = LogEvent.LIBRARY.value
    event["logger"] = record.name
    return event


def configure_logging(service: str, level: LogLevel = LogLevel.INFO) -> None:
    """Send all logs of this process to standard error, as events of `service`; called once at start.

    On a terminal the lines are coloured text, everywhere else JSON.
    """

    def name_service(_logger: "WrappedLogger", _method: str, event: "EventDict") -> "EventDict":
        event["service"] = service
        return event

    shared: Sequence[Processor] = (
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
        _name_exception,
        structlog.processors.format_exc_info,
        _mask_exception,
    )
    is_terminal = sys.stderr.isatty()
    renderer: Processor = structlog.dev.ConsoleRenderer() if is_terminal else structlog.processors.JSONRenderer()
    weight: int = logging.getLevelNamesMapping()[level.value.upper()]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(weight),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[_as_library, *shared], processors=[ProcessorFormatter.remove_processors_meta, renderer]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(weight)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(weight, logging.WARNING))
    for name in _ERRORS_ONLY:
        logging.getLogger(name).setLevel(logging.ERROR)


def describe(error: BaseException) -> dict[str, Any]:
    """Return the fields that tell of an expected error, without its traceback."""
    return {"error_type": type(error).__name__, "error": mask_card_numbers(str(error))}
